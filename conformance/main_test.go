package conformance

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sockeye-io/sockeye/conformance/internal/peer"
	"github.com/sockeye-io/sockeye/conformance/internal/sut"
)

// casesAtOnce is how many cases run side by side.
const casesAtOnce = 12

// shutdownTimeout bounds the end of a server under test.
const shutdownTimeout = 20 * time.Second

// oracle is the one reference server of the test binary. It starts when the first test asks for it.
var oracle struct {
	sync.Mutex
	process *peer.Process
	urls    map[string]string
}

func TestMain(m *testing.M) {
	flag.Parse()
	// Nearly all of the time is waiting for timers of the protocol, so more cases run at once than there are cores.
	if err := flag.Set("test.parallel", strconv.Itoa(casesAtOnce)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(withOracle{m})
}

// withOracle runs the tests and ends the reference server behind them, before goroutines are looked for: those of
// the servers under test, which run in this process, must be gone.
type withOracle struct{ *testing.M }

func (m withOracle) Run() int {
	code := m.M.Run()
	if oracle.process != nil {
		oracle.process.Stop()
	}
	return code
}

// sockeye starts our server in this process, one for each profile, and returns their base URLs.
func sockeye(t *testing.T) map[string]string {
	t.Helper()
	urls := make(map[string]string)
	var ends []func()
	t.Cleanup(func() {
		var wg sync.WaitGroup
		for _, end := range ends {
			wg.Go(end)
		}
		wg.Wait()
	})
	for name, o := range profiles(t) {
		url, end := serve(t, name, o)
		urls[name] = url
		ends = append(ends, end)
	}
	return urls
}

// serve starts one server in this process and returns its base URL, and what ends it.
func serve(t *testing.T, name string, o sut.Options) (url string, end func()) {
	t.Helper()
	s, err := sut.New(o)
	if err != nil {
		t.Fatalf("server %s: %v", name, err)
	}
	web := httptest.NewServer(s)
	return web.URL, func() {
		ctx, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Errorf("Shutdown of %s: %v", name, err)
		}
		web.Close()
	}
}

// profiles reads how the servers are configured. The reference reads the same file.
func profiles(t *testing.T) map[string]sut.Options {
	t.Helper()
	data, err := os.ReadFile("js/profiles.json")
	if err != nil {
		t.Fatalf("profiles: %v", err)
	}
	var file map[string]struct {
		PingInterval, PingTimeout, ConnectTimeout, UpgradeTimeout int
		Transports                                                []string
		AllowEIO3                                                 bool
	}
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatalf("profiles: %v", err)
	}
	options := make(map[string]sut.Options)
	for name, p := range file {
		options[name] = sut.Options{
			PingInterval:   time.Duration(p.PingInterval) * time.Millisecond,
			PingTimeout:    time.Duration(p.PingTimeout) * time.Millisecond,
			ConnectTimeout: time.Duration(p.ConnectTimeout) * time.Millisecond,
			UpgradeTimeout: time.Duration(p.UpgradeTimeout) * time.Millisecond,
			Transports:     p.Transports,
			AllowEIO3:      p.AllowEIO3,
			Logger:         slog.New(slog.DiscardHandler),
		}
	}
	return options
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
