package conformance

import (
	"testing"

	"github.com/sockeye-io/sockeye/conformance/internal/peer"
	"github.com/sockeye-io/sockeye/socketio/siowire/msgpack"
)

// packed starts our server with MessagePack in place of JSON and returns its base URL.
func packed(t *testing.T) string {
	t.Helper()
	o := profiles(t)[profileCalm]
	o.Parser = msgpack.New()
	url, end := serve(t, "msgpack", o)
	t.Cleanup(end)
	return url
}

func TestMessagePackJavaScriptClient(t *testing.T) {
	t.Parallel()
	program := peer.Command{Path: peer.Node(t, "js"), Args: []string{"client.mjs"}, Dir: "js"}
	scenarios := jsScenarios()
	for i := range scenarios {
		if scenarios[i].name == "binary nested" { // an ArrayBuffer stays one, where JSON's attachments are Buffers
			scenarios[i].want = `[{"a": ["hex:0102", {"b": "arraybuffer:03"}]}, "arraybuffer:0000", "hex:"]`
		}
	}
	scenarios = append(scenarios, scenario{name: "values that JSON has not", want: `[1234567890123, true, ["undefined", "NaN", "-Infinity"]]`})
	runScenarios(t, program, scenarios, packed(t), "socket.io-msgpack-parser")
}

func TestMessagePackPythonClient(t *testing.T) {
	t.Parallel()
	python := peer.Python(t, "python")
	url := packed(t)
	for name, program := range map[string]struct {
		file      string
		scenarios []scenario
	}{
		"Client":      {"client_sync.py", pythonSyncScenarios()},
		"AsyncClient": {"client_async.py", pythonAsyncScenarios()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			runScenarios(t, peer.Command{Path: python, Args: []string{program.file}, Dir: "python"}, program.scenarios, url, "msgpack")
		})
	}
}
