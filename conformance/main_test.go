package conformance

import (
	"context"
	"encoding/json"
	"flag"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/sockeye-io/sockeye/conformance/internal/peer"
)

// oracle is the one reference server of the test binary. It starts when the first test asks for it.
var oracle struct {
	sync.Mutex
	process *peer.Process
	urls    map[string]string
}

func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	if oracle.process != nil {
		oracle.process.Stop()
	}
	os.Exit(code)
}

// reference returns the base URLs of the official Node server, one for each profile.
func reference(t *testing.T) map[string]string {
	t.Helper()
	bin := peer.Node(t, "js")
	oracle.Lock()
	defer oracle.Unlock()
	if oracle.urls != nil {
		return oracle.urls
	}
	p, err := peer.Start(context.Background(), peer.Command{Path: bin, Args: []string{"server.mjs"}, Dir: "js", Life: 10 * time.Minute})
	if err != nil {
		t.Fatalf("reference server: %v", err)
	}
	oracle.process = p
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	line, err := p.Line(ctx)
	if err != nil {
		t.Fatalf("reference server: %v", err)
	}
	if err := json.Unmarshal([]byte(line), &oracle.urls); err != nil {
		t.Fatalf("reference server said %q: %v", line, err)
	}
	return oracle.urls
}
