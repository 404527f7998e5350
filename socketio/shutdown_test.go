package socketio_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sockeye-io/sockeye/socketio"
)

func TestShutdownEndsEverythingAndWaitsForHandlers(t *testing.T) {
	t.Parallel()
	bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
		var running atomic.Int32
		slow := func(ctx context.Context) {
			running.Add(1)
			defer running.Add(-1)
			<-time.After(10 * time.Second)
		}
		socketio.On(r.srv, "work", func(ctx context.Context, _ *socketio.Socket, _ struct{}) error { slow(ctx); return nil })
		r.srv.OnDisconnect(func(ctx context.Context, _ *socketio.Socket, why socketio.Disconnect) {
			equal(t, "reason", why.Reason, socketio.ReasonShutdown)
			if ctx.Err() != nil {
				t.Error("the context of a disconnect handler ended before Shutdown gave up")
			}
			slow(ctx)
		})
		c, _ := r.socket()
		p := r.poller()
		p.join()
		waiting, _ := r.socket()
		c.send(`2["work"]`)
		synctest.Wait()
		start := time.Now()
		must(t, r.srv.Shutdown(t.Context()))
		if d := time.Since(start); d < 20*time.Second {
			t.Errorf("Shutdown returned after %v, ahead of the handlers", d)
		}
		equal(t, "handlers running", running.Load(), 0)
		equal(t, "sockets", r.srv.Len(), 0)
		waiting.closed()
		c.closed()
	})
}

func TestShutdownGivesUpWhenItsContextEnds(t *testing.T) {
	t.Parallel()
	bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
		ended := make(chan error, 1)
		r.srv.OnDisconnect(func(ctx context.Context, _ *socketio.Socket, _ socketio.Disconnect) {
			<-ctx.Done()
			ended <- ctx.Err()
		})
		_, _ = r.socket()
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		start := time.Now()
		if err := r.srv.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want DeadlineExceeded", err)
		}
		equal(t, "waited", time.Since(start), 3*time.Second)
		if err := wait(t, "handler", ended); !errors.Is(err, context.Canceled) {
			t.Errorf("handler's context ended with %v", err)
		}
	})
}

// A handler that shuts the server down does not wait for itself, whatever kind of
// handler it is and whether its own end cancels its context.
func TestShutdownFromAHandler(t *testing.T) {
	t.Parallel()
	type shutdown = func(ctx context.Context)
	tests := []struct {
		rule     string
		register func(srv *socketio.Server, fn shutdown)
		trigger  func(c *client)
	}{
		{"an event's", func(srv *socketio.Server, fn shutdown) {
			socketio.On(srv, "e", func(ctx context.Context, _ *socketio.Socket, _ struct{}) error { fn(ctx); return nil })
		}, func(c *client) { c.send("0"); c.joined(""); c.send(`2["e"]`) }},
		{"with a derived context", func(srv *socketio.Server, fn shutdown) {
			socketio.On(srv, "e", func(ctx context.Context, _ *socketio.Socket, _ struct{}) error {
				ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Hour)
				defer cancel()
				fn(ctx)
				return nil
			})
		}, func(c *client) { c.send("0"); c.joined(""); c.send(`2["e"]`) }},
		{"OnConnect", func(srv *socketio.Server, fn shutdown) {
			srv.OnConnect(func(ctx context.Context, _ *socketio.Socket) error { fn(ctx); return nil })
		}, func(c *client) { c.send("0") }},
		{"middleware", func(srv *socketio.Server, fn shutdown) {
			srv.Use(func(ctx context.Context, _ *socketio.Socket) error { fn(ctx); return nil })
		}, func(c *client) { c.send("0") }},
		{"OnDisconnect", func(srv *socketio.Server, fn shutdown) {
			srv.OnDisconnect(func(ctx context.Context, _ *socketio.Socket, _ socketio.Disconnect) { fn(ctx) })
		}, func(c *client) { c.send("0"); c.joined(""); c.send("1") }},
		{"OnDisconnecting", func(srv *socketio.Server, fn shutdown) {
			srv.OnDisconnecting(func(ctx context.Context, _ *socketio.Socket, _ socketio.Disconnect) { fn(ctx) })
		}, func(c *client) { c.send("0"); c.joined(""); c.leave() }},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
				var others atomic.Int32
				socketio.On(r.srv.Of("/other"), "work", func(context.Context, *socketio.Socket, struct{}) error {
					others.Add(1)
					<-time.After(5 * time.Second)
					others.Add(-1)
					return nil
				})
				other := r.dial()
				other.join("/other")
				other.send(`2/other,["work"]`)
				synctest.Wait()
				done := make(chan error, 1)
				tt.register(r.srv, func(ctx context.Context) {
					err := r.srv.Shutdown(ctx)
					equal(t, "other handlers running", others.Load(), 0)
					done <- err
				})
				tt.trigger(r.dial())
				must(t, wait(t, "Shutdown", done))
			})
		})
	}
}

// Several handlers may be inside Shutdown at once: none waits for another.
func TestShutdownFromSeveralHandlers(t *testing.T) {
	t.Parallel()
	bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
		done := make(chan error, 3)
		ready := make(chan struct{})
		socketio.On(r.srv, "e", func(ctx context.Context, _ *socketio.Socket, _ struct{}) error {
			<-ready
			err := r.srv.Shutdown(ctx)
			done <- err
			return err
		})
		for range 3 {
			c, _ := r.socket()
			c.send(`2["e"]`)
		}
		synctest.Wait()
		close(ready)
		must(t, r.srv.Shutdown(t.Context()))
		for range 3 {
			must(t, wait(t, "Shutdown", done))
		}
	})
}

func TestNothingConnectsAfterShutdown(t *testing.T) {
	t.Parallel()
	bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
		must(t, r.srv.Shutdown(t.Context()))
		must(t, r.srv.Shutdown(t.Context()))
		p := &poller{r: r, query: "EIO=4&transport=polling"}
		if got := p.get(); len(got) > 0 && got[0] == '0' {
			t.Errorf("got %q after Shutdown", got)
		}
	})
}
