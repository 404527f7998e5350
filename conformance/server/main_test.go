package main_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sockeye-io/sockeye/conformance/internal/peer"
	"github.com/sockeye-io/sockeye/conformance/internal/raw"
)

const patience = 30 * time.Second

// build compiles the command once for the test.
func build(t *testing.T) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "server")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", bin, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return bin
}

func TestServeAndEnd(t *testing.T) {
	t.Parallel()
	bin := build(t)
	for _, sig := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		t.Run(sig.String(), func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			p, err := peer.Start(ctx, peer.Command{Path: bin, Args: []string{"-addr", "127.0.0.1:0"}})
			if err != nil {
				t.Fatal(err)
			}
			defer p.Stop()
			base := readyLine(ctx, t, p)
			ws, open := raw.NewPeer(t, base+"/socket.io/", patience).DialOpen(t)
			if open.PingInterval != 300 || open.PingTimeout != 200 {
				t.Fatalf("OPEN = %+v, want the suites' heartbeat", open)
			}
			raw.NewPeer(t, base+"/engine.io/", patience).Handshake(t)
			if err := p.Signal(sig); err != nil {
				t.Fatal(err)
			}
			ws.Closed(t)
			if err := p.Wait(ctx); err != nil {
				t.Fatalf("exit: %v", err)
			}
			if got := strings.Count(p.Log(), "\n"); got != 1 {
				t.Fatalf("standard error has %d lines, want the ready line alone:\n%s", got, p.Log())
			}
		})
	}
}

var ready = regexp.MustCompile(`^listening on (http://\S+)\n`)

// readyLine waits for the line that the server prints when it listens.
func readyLine(ctx context.Context, t *testing.T, p *peer.Process) (url string) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		if m := ready.FindStringSubmatch(p.Log()); m != nil {
			return m[1]
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("not ready: %v\n%s", ctx.Err(), p.Log())
		}
	}
}

func TestEIO3IsAllowedOnRequest(t *testing.T) {
	t.Parallel()
	bin := build(t)
	for _, test := range []struct {
		rule   string
		args   []string
		status int
		body   string // the beginning
	}{
		{"refused", []string{"-addr", "127.0.0.1:0"}, 400, `{"code":5,`},
		{"allowed", []string{"-addr", "127.0.0.1:0", "-eio3"}, 200, `114:0{"sid":"`},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			p, err := peer.Start(ctx, peer.Command{Path: bin, Args: test.args})
			if err != nil {
				t.Fatal(err)
			}
			defer p.Stop()
			base := readyLine(ctx, t, p)
			for _, path := range []string{"/engine.io/", "/socket.io/"} {
				resp := raw.NewPeer(t, base+path, patience).Do(t, raw.Request{Method: "GET", Query: "EIO=3&transport=polling"})
				if resp.Status != test.status || !strings.HasPrefix(resp.Body, test.body) {
					t.Errorf("%s: %d %q, want %d %s...", path, resp.Status, resp.Body, test.status, test.body)
				}
			}
		})
	}
}
