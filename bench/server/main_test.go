//go:build linux

package main

import (
	"context"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/sockeye-io/sockeye/bench/load"
	"github.com/sockeye-io/sockeye/internal/leak"
)

func TestMain(m *testing.M) { leak.Main(m) }

func TestServerKeepsTheContract(t *testing.T) {
	t.Parallel()
	for _, c := range []load.Config{
		{Mode: load.Echo, InFlight: 1},
		{Mode: load.Echo, InFlight: 16},
		{Mode: load.Broadcast, InFlight: 1},
		{Mode: load.Broadcast, InFlight: 16},
		{Mode: load.Connect},
		{Mode: load.Polling},
		{Mode: load.Idle, Browser: true, Settle: 50 * time.Millisecond},
	} {
		t.Run(string(c.Mode), func(t *testing.T) {
			t.Parallel()
			srv, err := newServer()
			if err != nil {
				t.Fatal(err)
			}
			hs := httptest.NewServer(srv)
			t.Cleanup(func() {
				ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
				defer cancel()
				if err := srv.Shutdown(ctx); err != nil {
					t.Error(err)
				}
				hs.Close()
			})
			c.Addr, c.PID, c.Conns = hs.Listener.Addr().String(), os.Getpid(), 32
			c.Warmup, c.Duration = 20*time.Millisecond, 200*time.Millisecond
			r, err := load.Run(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			if r.Units == 0 || r.Verified < r.Units {
				t.Errorf("%d units in the window, %d in all", r.Units, r.Verified)
			}
		})
	}
}
