// Package browser_test drives the chat demo of the sockeye binary in headless Chromium.
package browser_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/sockeye-io/sockeye/conformance/internal/cutter"
	"github.com/sockeye-io/sockeye/conformance/internal/peer"
)

const (
	patience = time.Minute
	life     = 3 * time.Minute
)

// TestChatDemo is one story: each step builds on those before it.
func TestChatDemo(t *testing.T) {
	chromium := peer.Chromium(t)
	node := peer.Node(t, "../js")
	shots, err := filepath.Abs("../screenshots")
	if err != nil {
		t.Fatal(err)
	}
	d := &demo{bin: build(t)}
	d.start(t, "127.0.0.1:0")
	t.Cleanup(func() { d.process.Stop() })
	proxy, err := cutter.New(d.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Close)
	restart := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if err := d.restart(t.Context()); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			t.Errorf("restart: %v", err)
		}
	}))
	t.Cleanup(restart.Close)

	results := peer.Run(t, peer.Command{
		Path: node, Dir: "../js", Life: life,
		Args: []string{"browser.mjs", "http://" + d.addr, proxy.URL(), proxy.ControlURL(), restart.URL, chromium, shots},
	})
	for _, step := range []struct{ name, want string }{
		{"both join and see each other", `[2]`},
		{"both move to WebSocket", `true`},
		{"typing is shown and goes away", `true`},
		{"messages go both ways, as text", `[0]`},
		{"a picture arrives", `[2, 2]`},
		{"a private message is delivered", `true`},
		{"screenshots in both themes", `true`},
		{"one loses the connection and returns", `true`},
		{"the server restarts and the chat goes on", `true`},
		{"one leaves and the other is told", `true`},
		{"the pages report no errors", `[]`},
	} {
		t.Run(step.name, func(t *testing.T) { results[step.name].Check(t, step.want) })
	}
}

// build compiles the binary.
func build(t *testing.T) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "sockeye")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", bin, ".")
	cmd.Dir = "../../cmd/sockeye"
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return bin
}

// A demo is a running "sockeye serve". It belongs to the test's goroutine, and to restart's while the story waits
// for it.
type demo struct {
	bin     string
	addr    string
	process *peer.Process
}

var listening = regexp.MustCompile(`open http://(\S+)/`)

func (d *demo) start(t *testing.T, addr string) {
	t.Helper()
	if err := d.run(t.Context(), addr); err != nil {
		t.Fatalf("sockeye serve: %v", err)
	}
}

// run starts the binary and waits until it listens. It is ended by Stop.
func (d *demo) run(ctx context.Context, addr string) error {
	p, err := peer.Start(context.WithoutCancel(ctx), peer.Command{Path: d.bin, Args: []string{"serve", "--addr", addr}, Life: life})
	if err != nil {
		return err
	}
	d.process = p
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		line, err := p.Line(ctx)
		if err != nil {
			return err
		}
		if m := listening.FindStringSubmatch(line); m != nil {
			d.addr = m[1]
			return nil
		}
	}
}

// restart kills the server and starts it again on the same address.
func (d *demo) restart(ctx context.Context) error {
	d.process.Stop()
	return d.run(ctx, d.addr)
}
