package conformance

import (
	"slices"
	"strings"
	"testing"

	"github.com/sockeye-io/sockeye/conformance/internal/cutter"
	"github.com/sockeye-io/sockeye/conformance/internal/peer"
)

// The kinds of connection that every client scenario runs over.
var modes = []string{"polling", "websocket", "upgrade"}

// A scenario is what a client program of js/ or python/ does under a name, with the result that it must print.
type scenario struct {
	name string
	want string // JSON
}

func jsScenarios() []scenario {
	return []scenario{
		{name: "transport", want: `[true, true]`},
		{name: "text", want: `[1, "2", {"3": [true, null, -0.5]}]`},
		{name: "no arguments", want: `[]`},
		{name: "binary nested", want: `[{"a": ["hex:0102", {"b": "hex:03"}]}, "hex:0000", "hex:"]`},
		{name: "binary interleaved with text", want: `[0, "hex:00", 1, "hex:01", 2, "hex:02"]`},
		{name: "ack from the server", want: `[[1, "two", {"three": [3]}], []]`},
		{name: "binary ack from the server", want: `["hex:010203", {"deep": ["hex:04"]}]`},
		{name: "ack to the server", want: `["ok", "answer to why", {"n": 1}]`},
		{name: "binary ack to the server", want: `["ok", "hex:08", "hex:09"]`},
		{name: "ack timeout at the client", want: `"operation has timed out"`},
		{name: "ack timeout at the server", want: `["timeout"]`},
		{name: "rooms", want: `{"rooms": [[["room MODE", "room MODE 2"]], [[]]], "to": ["b to"], "in": ["a in", "b in"],
			"outside": ["a from outside", "b from outside"], "leave": ["a after leave"], "id": ["b by id"]}`},
		{name: "broadcast and except", want: `{"broadcast": ["b broadcast", "c broadcast"], "all": ["a all", "b all", "c all"], "except": ["a except", "b except"]}`},
		{name: "namespaces share a connection", want: `["c", "hex:01", "m", 3, true]`},
		{name: "auth", want: `[[{"token": "t", "n": [1]}], [{"from": "function"}]]`},
		{name: "refused by middleware, then accepted", want: `[["not authorized", {"code": "bad-token", "retry": false}, false, false], true]`},
		{name: "unknown namespace", want: `["Invalid namespace", null, false]`},
		{name: "namespaces on demand", want: `[["/room-MODE-1", 1], ["/room-MODE-2"], ["hex:01", "hex:01", "hex:01"], true, false, "Invalid namespace"]`},
		{name: "namespaces that a function decides about", want: `["not invited", true, "not invited", true, true]`},
		{name: "broadcast with acknowledgements", want: `[2, "hex:05", "later", 1, true, {}, []]`},
		{name: "handshake", want: `["a b&c", "4", "header", {"a": 1}, false, true]`},
		{name: "disconnect by the client", want: `["io client disconnect", ["client namespace disconnect"]]`},
		{name: "what was emitted before the disconnect arrives", want: `[1]`},
		{name: "disconnect of one namespace by the server", want: `["io server disconnect", ["server namespace disconnect"], true, [1]]`},
		{name: "disconnect of the connection by the server", want: `[["io server disconnect", "io server disconnect"], ["server namespace disconnect"], ["server namespace disconnect"]]`},
		{name: "transport closed by the client", want: `["forced close", ["transport close"]]`},
		{name: "volatile", want: `[1]`},
		{name: "a message near the limit", want: `[true, true]`},
		{name: "a message over the limit", want: `[true, ["transport error"]]`},
		{name: "fifty emits keep their order", want: `true`},
		{name: "a burst from the server keeps its order", want: `true`},
		{name: "emits during the upgrade keep their order", want: `true`},
		{name: "unicode", want: `[true, true]`},
		{name: "reconnect after the transport is lost", want: `[true, true, true, "buffered while away"]`},
	}
}

// wanted returns the result that a scenario must have over one kind of connection.
func (s scenario) wanted(mode string) string {
	return strings.ReplaceAll(s.want, "MODE", mode)
}

// runScenarios runs a client program, with more arguments than the usual ones, over each kind of connection and checks
// what it prints.
func runScenarios(t *testing.T, program peer.Command, scenarios []scenario, baseURL string, more ...string) {
	t.Helper()
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			proxy, err := cutter.New(strings.TrimPrefix(baseURL, "http://"))
			if err != nil {
				t.Fatalf("cutter: %v", err)
			}
			defer proxy.Close()
			program := program
			program.Args = append(program.Args[:len(program.Args):len(program.Args)], proxy.URL(), mode, proxy.ControlURL())
			program.Args = append(program.Args, more...)
			results := peer.Run(t, program)
			for _, s := range scenarios {
				t.Run(s.name, func(t *testing.T) {
					results[s.name].Check(t, s.wanted(mode))
				})
				delete(results, s.name)
			}
			for name := range results {
				t.Errorf("the program ran %q, which nobody checks", name)
			}
		})
	}
}

func TestJavaScriptClient(t *testing.T) {
	t.Parallel()
	node := peer.Node(t, "js")
	runScenarios(t, peer.Command{Path: node, Args: []string{"client.mjs"}, Dir: "js"}, jsScenarios(), sockeye(t)[profileCalm])
}

// TestJavaScriptClientOfVersion3 runs the first client of today's protocol through what it has in common with the
// current one.
func TestJavaScriptClientOfVersion3(t *testing.T) {
	t.Parallel()
	node := peer.Node(t, "js")
	scenarios := slices.DeleteFunc(jsScenarios(), func(s scenario) bool { return s.name == "ack timeout at the client" })
	for i, s := range scenarios {
		if s.name == "refused by middleware, then accepted" { // a refused socket of theirs counts as active
			scenarios[i].want = strings.Replace(s.want, "false, false", "false, true", 1)
		}
	}
	program := peer.Command{Path: node, Args: []string{"client.mjs"}, Dir: "js"}
	runScenarios(t, program, scenarios, sockeye(t)[profileCalm], "", "socket.io-client-3")
}
