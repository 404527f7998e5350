package socketio_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sockeye-io/sockeye/socketio"
)

func TestHandlersContextEndsWithTheSocket(t *testing.T) {
	t.Parallel()
	bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
		causes := make(chan error, 3)
		socketio.On(r.srv, "wait", func(ctx context.Context, s *socketio.Socket, _ struct{}) error {
			equal(t, "context", ctx, s.Context())
			if err := ctx.Err(); err != nil {
				t.Errorf("ended early: %v", err)
			}
			if _, ok := ctx.Deadline(); ok {
				t.Error("it has a deadline")
			}
			equal(t, "a foreign value", ctx.Value("key"), nil)
			child, cancel := context.WithTimeout(ctx, time.Hour)
			defer cancel()
			stop := context.AfterFunc(ctx, func() { causes <- context.Cause(ctx) })
			defer stop()
			<-child.Done()
			causes <- context.Cause(child)
			return child.Err()
		})
		r.srv.OnError(func(_ context.Context, _ *socketio.Socket, _ string, err error) { t.Errorf("reported: %v", err) })
		c, s := r.socket()
		c.send(`2["wait"]`)
		synctest.Wait()
		c.leave()
		for range 2 {
			var end *socketio.DisconnectedError
			if err := wait(t, "cause", causes); !errors.As(err, &end) || end.Reason != socketio.ReasonTransportClose {
				t.Errorf("cause %v, want the disconnect", err)
			}
		}
		if err := s.Context().Err(); !errors.Is(err, context.Canceled) {
			t.Errorf("Err is %v", err)
		}
	})
}

// A context that is first looked at after the socket's end has ended, with its
// cause.
func TestContextOfAnEndedSocket(t *testing.T) {
	t.Parallel()
	bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
		_, s := r.socket()
		s.Disconnect()
		ctx := s.Context()
		if !errors.Is(ctx.Err(), context.Canceled) || !errors.Is(context.Cause(ctx), socketio.ErrDisconnected) {
			t.Errorf("Err %v, cause %v", ctx.Err(), context.Cause(ctx))
		}
		<-ctx.Done()
		child, cancel := context.WithCancel(ctx)
		defer cancel()
		<-child.Done()
	})
}

// Waiting for a socket's end costs no goroutine.
func TestChildrenOfASocketsContextNeedNoGoroutine(t *testing.T) {
	t.Parallel()
	bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
		_, s := r.socket()
		synctest.Wait()
		before := runtime.NumGoroutine()
		var cancels []context.CancelFunc
		for range 1000 {
			_, cancel := context.WithCancel(s.Context())
			cancels = append(cancels, cancel)
		}
		if after := runtime.NumGoroutine(); after-before > 500 { // other tests run beside this one
			t.Errorf("%d goroutines more", after-before)
		}
		for _, cancel := range cancels {
			cancel()
		}
	})
}

func TestKeys(t *testing.T) {
	t.Parallel()
	bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
		name, count := socketio.NewKey[string]("name"), socketio.NewKey[int]("name")
		_, s := r.socket()
		_, other := r.socket()
		if _, ok := name.Get(s); ok {
			t.Error("a value before Set")
		}
		name.Set(s, "ann")
		count.Set(s, 1)
		count.Set(s, 2)
		v, ok := name.Get(s)
		equal(t, "name", v, "ann")
		equal(t, "ok", ok, true)
		n, _ := count.Get(s)
		equal(t, "count", n, 2)
		if _, ok := name.Get(other); ok {
			t.Error("another socket has the value")
		}
		name.Delete(s)
		name.Delete(s)
		if _, ok := name.Get(s); ok {
			t.Error("a value after Delete")
		}
		n, _ = count.Get(s)
		equal(t, "count", n, 2)
		equal(t, "String", count.String(), "name")
	})
}

// An idle socket keeps nothing but itself, whatever it did before.
func TestIdleSocketKeepsNothing(t *testing.T) {
	t.Parallel()
	if socketio.IdleSize > 320 {
		t.Errorf("an idle connection with one socket is %d bytes", socketio.IdleSize)
	}
	bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
		r.srv.OnConnect(func(context.Context, *socketio.Socket) error { return nil })
		socketio.On(r.srv, "n", func(context.Context, *socketio.Socket, int) error { return nil })
		c, s := r.socket()
		synctest.Wait()
		equal(t, "idle after connecting", s.Idle(), true)
		for _, p := range events(100) {
			c.send(p)
		}
		synctest.Wait()
		equal(t, "idle after events", s.Idle(), true)
		c.leave()
		synctest.Wait()
		packets, bytes, owed := s.Held()
		equal(t, "held", packets+bytes+owed, 0)
		equal(t, "sockets", r.srv.Len(), 0)
		equal(t, "sessions", r.srv.Engine().Len(), 0)
	})
}
