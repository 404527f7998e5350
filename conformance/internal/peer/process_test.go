package peer_test

import (
	"context"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-io/sockeye/conformance/internal/peer"
)

func start(t *testing.T, script string, life time.Duration) *peer.Process {
	t.Helper()
	p, err := peer.Start(t.Context(), peer.Command{Path: "/bin/sh", Args: []string{"-c", script}, Life: life})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	return p
}

func TestProcessReportsLinesLogAndExit(t *testing.T) {
	t.Parallel()
	p := start(t, "echo one; echo trouble >&2; echo two; exit 3", time.Minute)
	for _, want := range []string{"one", "two"} {
		if line, err := p.Line(t.Context()); err != nil || line != want {
			t.Fatalf("Line = %q, %v, want %q", line, err, want)
		}
	}
	_, err := p.Line(t.Context())
	if !errors.Is(err, io.EOF) || !strings.Contains(err.Error(), "trouble") {
		t.Fatalf("Line after the end = %v, want EOF and the log", err)
	}
	var exit *exec.ExitError
	if err := p.Wait(t.Context()); !errors.As(err, &exit) || exit.ExitCode() != 3 {
		t.Fatalf("Wait = %v, want exit status 3", err)
	}
}

func TestProcessHasABoundedLife(t *testing.T) {
	t.Parallel()
	p := start(t, "exec sleep 600", 100*time.Millisecond)
	var exit *exec.ExitError
	if err := p.Wait(t.Context()); !errors.As(err, &exit) || exit.Exited() {
		t.Fatalf("Wait = %v, want an end by a signal", err)
	}
}

// The child of the child holds the output open: only its end lets Stop return.
func TestStopEndsWhatTheProcessStarted(t *testing.T) {
	t.Parallel()
	p := start(t, "sleep 600 & echo started; wait", time.Minute)
	if _, err := p.Line(t.Context()); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	p.Stop()
	if took := time.Since(start); took > 4*time.Second {
		t.Fatalf("Stop took %v: it waited for the output instead of ending the child", took)
	}
}

func TestLineEndsWithItsContext(t *testing.T) {
	t.Parallel()
	p := start(t, "exec sleep 600", time.Minute)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Line(ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("Line = %v, want the context's error", err)
	}
}
