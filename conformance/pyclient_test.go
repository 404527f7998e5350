package conformance

import (
	"testing"

	"github.com/sockeye-io/sockeye/conformance/internal/peer"
)

// What python-socketio reports is its own wording: "client disconnect" for its own disconnect, "server
// disconnect" for the server's, "transport error" for a lost connection.

func pythonSyncScenarios() []scenario {
	const alive = `"alive"`
	return []scenario{
		{name: "transport", want: `[true, true]`},
		{name: "text", want: `[1, "2", {"3": [true, null, -0.5]}, "€ 🐟"]`},
		{name: "no arguments", want: `[]`},
		{name: "binary", want: `[{"a": ["hex:0102", {"b": "hex:03"}]}, "hex:"]`},
		{name: "ack from the server", want: `[[1, "two", {"three": [3]}], null]`},
		{name: "binary ack from the server", want: `["hex:01", {"deep": ["hex:02"]}]`},
		{name: "ack to the server", want: `["ok", "answer to why", "hex:09"]`},
		{name: "ack timeout at the client", want: `"timeout"`},
		{name: "namespaces", want: `[["hex:01"], [{}], 1, 3]`},
		{name: "auth", want: `[{"token": "t", "n": [1]}]`},
		{name: "refused by middleware", want: `["One or more namespaces failed to connect: /auth", [{"message": "not authorized", "data": {"code": "bad-token", "retry": false}}], true]`},
		{name: "unknown namespace", want: `["One or more namespaces failed to connect: /nowhere", [{"message": "Invalid namespace"}]]`},
		{name: "disconnect by the client", want: `[["client disconnect"], true]`},
		{name: "disconnect of one namespace by the server", want: `[["server disconnect"], "server namespace disconnect", ` + alive + `]`},
		{name: "disconnect of the connection by the server", want: `[["server disconnect"], "server namespace disconnect"]`},
		{name: "a burst to the server arrives to the last", want: `[true, ` + alive + `]`},
		{name: "a burst from the server arrives to the last", want: `[true, ` + alive + `]`},
		{name: "a burst of binary from the server arrives to the last", want: `true`},
		{name: "a message near the limit", want: `[true, true]`},
		{name: "a binary broadcast to both transports", want: `[["hex:0102"], ["hex:0102"]]`},
		{name: "reconnect after the transport is lost", want: `["transport error", true, "again"]`},
	}
}

func pythonAsyncScenarios() []scenario {
	return []scenario{
		{name: "transport", want: `[true, true]`},
		{name: "text and binary", want: `[1, {"a": ["hex:0102"]}, "€ 🐟", "hex:"]`},
		{name: "acks both ways", want: `[[1, "hex:02"], ["ok", "answer to why", "hex:09"]]`},
		{name: "namespaces", want: `[[{"token": "t"}], 1]`},
		{name: "refused by middleware", want: `["One or more namespaces failed to connect: /auth", [{"message": "not authorized", "data": {"code": "bad-token", "retry": false}}]]`},
		{name: "disconnects", want: `[["client disconnect", true], ["server disconnect", true], ["server disconnect", true]]`},
		{name: "bursts both ways arrive to the last", want: `[true, true]`},
		{name: "a message near the limit", want: `[true, true]`},
		{name: "reconnect after the transport is lost", want: `["transport error", true, "again"]`},
	}
}

func TestPythonClient(t *testing.T) {
	t.Parallel()
	python := peer.Python(t, "python")
	url := sockeye(t)[profileCalm]
	run := func(name, program string, scenarios []scenario) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			runScenarios(t, peer.Command{Path: python, Args: []string{program}, Dir: "python"}, scenarios, url)
		})
	}
	run("Client", "client_sync.py", pythonSyncScenarios())
	run("AsyncClient", "client_async.py", pythonAsyncScenarios())
}
