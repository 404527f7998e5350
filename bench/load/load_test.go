//go:build linux

package load_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-io/sockeye/bench/load"
	"github.com/sockeye-io/sockeye/internal/leak"
)

func TestMain(m *testing.M) { leak.Main(m) }

// short returns a run of the mode that takes a moment.
func short(mode load.Mode, p *peer) load.Config {
	return load.Config{
		Mode: mode, Addr: p.addr, PID: os.Getpid(), Conns: 20, InFlight: 4,
		Warmup: 20 * time.Millisecond, Duration: 200 * time.Millisecond, Settle: 20 * time.Millisecond,
		Patience: 5 * time.Second,
	}
}

func TestCountsMatchThePeer(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		mode load.Mode
		done func(p *peer) int64
	}{
		{load.Echo, func(p *peer) int64 { return p.echoes.Load() }},
		{load.Broadcast, func(p *peer) int64 { return p.deliveries.Load() }},
		{load.Connect, func(p *peer) int64 { return p.connects.Load() }},
		{load.Polling, func(p *peer) int64 { return p.echoes.Load() }},
	} {
		t.Run(string(tt.mode), func(t *testing.T) {
			t.Parallel()
			p := start(t, &peer{ping: true})
			c := short(tt.mode, p)
			r, err := load.Run(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			if done := tt.done(p); r.Verified != done {
				t.Errorf("%d units were verified, the peer did %d", r.Verified, done)
			}
			if r.Units == 0 || r.Units > r.Verified {
				t.Errorf("%d units in the window, %d in all", r.Units, r.Verified)
			}
			if r.Conns != c.Conns || r.Payload != 128 {
				t.Errorf("result says %d connections and %d bytes", r.Conns, r.Payload)
			}
			if r.Seconds < c.Duration.Seconds() || r.PerSecond != float64(r.Units)/r.Seconds {
				t.Errorf("%d units in %v s are %v per second", r.Units, r.Seconds, r.PerSecond)
			}
			if r.P50 <= 0 || r.P99 < r.P50 || r.P99 > 5e6 {
				t.Errorf("p50 is %v us, p99 %v us", r.P50, r.P99)
			}
			if r.RSSBefore == 0 || r.RSSAfter == 0 {
				t.Errorf("resident memory is %d before, %d after", r.RSSBefore, r.RSSAfter)
			}
			if tt.mode != load.Connect && p.pongs.Load() == 0 {
				t.Error("no ping was answered")
			}
		})
	}
}

func TestIdleReadsTheMemoryOfHeldConnections(t *testing.T) {
	t.Parallel()
	p := start(t, &peer{})
	c := short(load.Idle, p)
	c.Conns, c.Browser = 200, true
	r, err := load.Run(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if r.Units != 200 || p.connects.Load() != 200 {
		t.Errorf("%d units, the peer counts %d connections", r.Units, p.connects.Load())
	}
	if want := float64(r.RSSAfter-r.RSSBefore) / 200; r.Memory != want {
		t.Errorf("memory is %v per connection, from %d to %d is %v", r.Memory, r.RSSBefore, r.RSSAfter, want)
	}
}

// at returns a fault that treats the n-th reply specially.
func at(n int64, special func(reply string) []string) func(int64, string) []string {
	return func(i int64, reply string) []string {
		if i == n {
			return special(reply)
		}
		return []string{reply}
	}
}

func TestFaultEndsTheRun(t *testing.T) {
	t.Parallel()
	altered := at(100, func(r string) []string { return []string{r[:len(r)-3] + "!" + r[len(r)-2:]} })
	doubled := at(100, func(r string) []string { return []string{r, r} })
	missing := at(100, func(string) []string { return nil })
	shorter := at(100, func(r string) []string { return []string{r[:len(r)-3] + `"]`} })
	unasked := at(100, func(r string) []string { return []string{r, `42["surprise"]`} })
	closing := at(100, func(string) []string { return []string{"close"} })
	for _, tt := range []struct {
		name string
		mode load.Mode
		peer *peer
		want string
	}{
		{"a byte of an answer is wrong", load.Echo, &peer{fault: altered}, "wrong reply"},
		{"an answer is one byte short", load.Echo, &peer{fault: shorter}, "wrong reply"},
		{"an answer comes twice", load.Echo, &peer{fault: doubled}, "not outstanding"},
		{"an answer never comes", load.Echo, &peer{fault: missing}, "was not answered"},
		{"an event that nobody asked for", load.Echo, &peer{fault: unasked}, "wrong reply"},
		{"the connection is closed", load.Echo, &peer{fault: closing}, "closed the connection"},
		{"the handshake is refused", load.Echo, &peer{refuse: true}, "handshake refused"},
		{"CONNECT is refused", load.Echo, &peer{reject: true}, "unexpected packet"},
		{"a byte of a delivery is wrong", load.Broadcast, &peer{fault: altered}, "wrong reply"},
		{"a delivery comes twice", load.Broadcast, &peer{fault: doubled}, "the next one is"},
		{"a delivery is left out", load.Broadcast, &peer{fault: missing}, "the next one is"},
		{"the connection is closed", load.Broadcast, &peer{fault: closing}, "closed the connection"},
		{"CONNECT is refused", load.Connect, &peer{reject: true}, "unexpected packet"},
		{"the handshake is refused", load.Idle, &peer{refuse: true}, "handshake refused"},
		{"a byte of an answer is wrong", load.Polling, &peer{fault: altered}, "wrong reply"},
		{"an answer never comes", load.Polling, &peer{fault: missing}, "timeout"},
		{"an answer comes twice", load.Polling, &peer{fault: doubled}, "more than was asked for"},
		{"the handshake is refused", load.Polling, &peer{refuse: true}, "503"},
		{"CONNECT is refused", load.Polling, &peer{reject: true}, "answer to CONNECT"},
	} {
		t.Run(string(tt.mode)+", "+tt.name, func(t *testing.T) {
			t.Parallel()
			p := start(t, tt.peer)
			c := short(tt.mode, p)
			c.Duration, c.Patience = time.Minute, 3*time.Second // the fault comes first
			_, err := load.Run(t.Context(), c)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error is %v, want %q in it", err, tt.want)
			}
		})
	}
}

func TestReplyMissingAtTheEndIsAnError(t *testing.T) {
	t.Parallel()
	p := start(t, &peer{fault: func(n int64, reply string) []string {
		if n > 20 { // one message on each connection is answered, the next one is not
			return nil
		}
		return []string{reply}
	}})
	c := short(load.Echo, p)
	c.InFlight, c.Patience = 1, time.Second
	_, err := load.Run(t.Context(), c)
	if err == nil || !strings.Contains(err.Error(), "replies are missing") {
		t.Errorf("error is %v", err)
	}
}

func TestContextEndsTheRun(t *testing.T) {
	t.Parallel()
	for _, mode := range []load.Mode{load.Echo, load.Broadcast, load.Idle, load.Connect, load.Polling} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			p := start(t, &peer{})
			c := short(mode, p)
			c.Duration, c.Settle = time.Minute, time.Minute
			over := errors.New("over")
			ctx, cancel := context.WithTimeoutCause(t.Context(), 200*time.Millisecond, over)
			defer cancel()
			if _, err := load.Run(ctx, c); !errors.Is(err, over) {
				t.Errorf("error is %v, want the context's cause", err)
			}
		})
	}
}

func TestAnswersInAnotherOrderAreRight(t *testing.T) {
	t.Parallel()
	var kept string
	p := start(t, &peer{fault: func(n int64, reply string) []string {
		if n%2 == 1 {
			kept = reply
			return nil
		}
		return []string{reply, kept}
	}})
	c := short(load.Echo, p)
	c.Conns = 1 // its packets are handled one after another
	if _, err := load.Run(t.Context(), c); err != nil {
		t.Error(err)
	}
}

func TestConfigFaultsAreReportedTogether(t *testing.T) {
	t.Parallel()
	_, err := load.Run(t.Context(), load.Config{
		Mode: "dance", Addr: "nowhere", Conns: 1 << 20, InFlight: 33, Payload: 7,
		Warmup: -1, Duration: time.Hour, Settle: -1, Patience: -1, PID: -1,
	})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{
		`mode "dance" is unknown`, `addr "nowhere"`, "conns is 1048576", "in flight is 33", "payload is 7",
		"warm-up is -1ns", "duration is 1h0m0s", "settle is -1ns", "patience is -1ns", "pid is -1", "open files",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not reported in:\n%v", want, err)
		}
	}
	if _, err := load.Run(t.Context(), load.Config{Mode: load.Idle, Addr: "127.0.0.1:1"}); err == nil || !strings.Contains(err.Error(), "pid is 0") {
		t.Errorf("idle without a process: %v", err)
	}
	for _, addr := range []string{"127.0.0.1:0", "127.0.0.1:65536", "[::1]:80", "localhost:80", "127.0.0.1"} {
		if _, err := load.Run(t.Context(), load.Config{Mode: load.Echo, Addr: addr}); err == nil || !strings.Contains(err.Error(), "addr") {
			t.Errorf("%s: %v", addr, err)
		}
	}
}
