package conformance

import (
	"testing"

	"github.com/sockeye-io/sockeye/conformance/internal/peer"
)

// js2Scenarios is what clients of Socket.IO 1 and 2 do.
func js2Scenarios() []scenario {
	return []scenario{
		{name: "transport", want: `[true, true, "3"]`},
		{name: "ids", want: `[true, true, [], ["by id"]]`},
		{name: "text", want: `[1, "2", {"3": [true, null, -0.5]}]`},
		{name: "binary nested", want: `[{"a": ["hex:0102", {"b": "hex:03"}]}, "hex:0000"]`},
		{name: "binary interleaved with text", want: `[0, "hex:00", 1, "hex:01", 2, "hex:02"]`},
		{name: "base64 when asked for", want: `["hex:010203", "text"]`},
		{name: "ack from the server", want: `[[1, "two", {"three": [3]}], []]`},
		{name: "binary ack from the server", want: `["hex:010203", {"deep": ["hex:04"]}]`},
		{name: "ack to the server", want: `["ok", "answer to why", {"n": 1}]`},
		{name: "binary ack to the server", want: `["ok", "hex:08", "hex:09"]`},
		{name: "namespaces share a connection", want: `["c", ["hex:01"]]`},
		{name: "the query of a namespace is its auth", want: `[{"token": "a b", "n": "1"}, [{}]]`},
		{name: "refused by middleware", want: `[{"code": "bad-token", "retry": false}, false, true]`},
		{name: "unknown namespace", want: `[{"message": "Invalid namespace"}, false]`},
		{name: "rooms with a client of today", want: `[["x", "hex:010203", {"deep": ["hex:04"]}], ["x", "hex:010203", {"deep": ["hex:04"]}], ["hex:05", "y"]]`},
		{name: "disconnect by the client", want: `["io client disconnect", ["client namespace disconnect"]]`},
		{name: "leave a namespace and join it again", want: `["io server disconnect", true, ["back"], true]`},
		{name: "disconnect of the connection by the server", want: `["io server disconnect", ["server namespace disconnect"]]`},
		{name: "transport closed by the client", want: `["transport close"]`},
		{name: "a burst from the server keeps its order", want: `true`},
		{name: "emits during the upgrade keep their order", want: `true`},
		{name: "unicode", want: `[true, "hex:e282ac", true]`},
		{name: "reconnect after the transport is lost", want: `[true, true, "buffered while away"]`},
	}
}

func TestJavaScriptClientsOfVersions1And2(t *testing.T) {
	t.Parallel()
	node := peer.Node(t, "js")
	for _, major := range []string{"1", "2"} {
		t.Run(major, func(t *testing.T) {
			t.Parallel()
			program := peer.Command{Path: node, Args: []string{"client2.mjs"}, Dir: "js"}
			runScenarios(t, program, js2Scenarios(), sockeye(t)[profileV3Calm], major)
		})
	}
}
