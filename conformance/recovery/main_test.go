package main_test

import (
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/sockeye-io/sockeye/conformance/internal/cutter"
	"github.com/sockeye-io/sockeye/conformance/internal/peer"
)

// server is the command as a process, which can be killed and started again at the same address.
type server struct {
	t    *testing.T
	bin  string
	args []string

	// guarded by mu
	mu      sync.Mutex
	process *peer.Process
	url     string
}

// start starts the process, in place of one that runs.
func (s *server) start() {
	s.mu.Lock()
	defer s.mu.Unlock()
	args := s.args
	if s.process != nil {
		s.process.Stop() // without a word
		args = append(args[:len(args):len(args)], "-addr", strings.TrimPrefix(s.url, "http://"))
	}
	p, err := peer.Start(s.t.Context(), peer.Command{Path: s.bin, Args: args})
	if err != nil {
		s.t.Errorf("start: %v", err)
		return
	}
	s.process = p
	if s.url, err = p.Line(s.t.Context()); err != nil {
		s.t.Errorf("start: %v", err)
	}
}

// ServeHTTP restarts the server.
func (s *server) ServeHTTP(http.ResponseWriter, *http.Request) { s.start() }

// TestJavaScriptClientRecovers has the official client lose its connection, and its server.
func TestJavaScriptClientRecovers(t *testing.T) {
	t.Parallel()
	node := peer.Node(t, "../js")
	bin := filepath.Join(t.TempDir(), "recovery")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", bin, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	want := map[string]string{
		"missed events": `{"recovered": true, "same id": true, "value": "ann",
			"before connect": [2, "hex:03", 5], "reached the old room": true, "all": [1, 2, "hex:03", 5, 6]}`,
		"a client that never got an event":       `[true, true, [1]]`,
		"a volatile event with a string":         `[true, [7, 8]]`,
		"again and again":                        `[[true, true, true, true], [0, 1, 2, 3]]`,
		"a server that was killed":               `[[true, true], [true, true], [0, "hex:01", 2, 10, "hex:0b", 12]]`,
		"not after a disconnect by the server":   `["io server disconnect", false, false, []]`,
		"not after a disconnect by the client":   `["io client disconnect", false, false, []]`,
		"a new session after one that was final": `[true, true, [2]]`,
	}
	for _, mode := range []string{"polling", "websocket", "upgrade"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			s := &server{t: t, bin: bin, args: []string{"-store", filepath.Join(t.TempDir(), "recovery.db")}}
			s.start()
			defer func() { s.process.Stop() }()
			proxy, err := cutter.New(strings.TrimPrefix(s.url, "http://"))
			if err != nil {
				t.Fatalf("cutter: %v", err)
			}
			defer proxy.Close()
			restart := httptest.NewServer(s)
			defer restart.Close()
			results := peer.Run(t, peer.Command{
				Path: node, Dir: "../js",
				Args: []string{"recovery.mjs", proxy.URL(), mode, proxy.ControlURL(), s.url, restart.URL},
			})
			for name, result := range want {
				t.Run(name, func(t *testing.T) { results[name].Check(t, result) })
				delete(results, name)
			}
			for name := range results {
				t.Errorf("the program ran %q, which nobody checks", name)
			}
		})
	}
}
