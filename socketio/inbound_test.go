package socketio_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"

	"github.com/sockeye-io/sockeye/engineio"
	"github.com/sockeye-io/sockeye/socketio"
)

func TestConnectionThatFallsBehindIsNotReadAndLosesNothing(t *testing.T) {
	t.Parallel()
	o := socketio.Options{InboundPackets: 100}
	bubble(t, o, func(t *testing.T, r *rig) {
		var rec record
		release := make(chan struct{})
		socketio.On(r.srv, "n", func(_ context.Context, _ *socketio.Socket, n int) error {
			rec.enter(n)
			defer rec.exit()
			if n == 0 {
				<-release
			}
			return nil
		})
		socketio.Handle(r.srv, "ping", func(context.Context, *socketio.Socket, struct{}) (string, error) { return "pong", nil })
		c, s := r.socket()
		other, _ := r.socket()
		const n = 5000
		sent := make(chan struct{})
		go func() {
			defer close(sent)
			for _, p := range events(n) {
				c.send(p)
			}
		}()
		<-time.After(time.Second) // the reading passes on from the handler that hangs
		equal(t, "paused", s.Paused(), true)
		// One read may deliver more than the limit, but no second one is made.
		if packets, _, _ := s.Held(); packets < 100 || packets >= n {
			t.Errorf("%d events held", packets)
		}
		other.send(`21["ping"]`)
		other.expect(`31["pong"]`) // nobody else notices
		<-time.After(10 * time.Minute)
		if s.Context().Err() != nil {
			t.Fatal("the silence of a client that is not read was held against it")
		}
		close(release)
		<-sent
		<-time.After(time.Minute)
		rec.check(t, n, 1)
		equal(t, "paused at the end", s.Paused(), false)
		packets, bytes, _ := s.Held()
		equal(t, "held at the end", packets+bytes, 0)
	})
}

func TestInboundBytesAreCountedAsTheyAreHeld(t *testing.T) {
	t.Parallel()
	o := socketio.Options{InboundBytes: 50_000}
	bubble(t, o, func(t *testing.T, r *rig) {
		release := make(chan struct{})
		r.srv.OnPacket("b", func(context.Context, *socketio.Socket, *socketio.Packet) error { <-release; return nil })
		c, s := r.socket()
		c.send(`51-["b",{"_placeholder":true,"num":0}]`)
		c.sendBinary(strings.Repeat("x", 60_000))
		synctest.Wait()
		equal(t, "paused", s.Paused(), true)
		if _, bytes, _ := s.Held(); bytes < 60_000 {
			t.Errorf("%d bytes held", bytes)
		}
		close(release)
		synctest.Wait()
		equal(t, "paused at the end", s.Paused(), false)
	})
}

// Over polling the POST that is too much is answered when its events are handled.
func TestPollingClientThatFallsBehindWaitsForItsPOST(t *testing.T) {
	t.Parallel()
	o := socketio.Options{InboundPackets: 4}
	bubble(t, o, func(t *testing.T, r *rig) {
		release := make(chan struct{})
		socketio.On(r.srv, "n", func(context.Context, *socketio.Socket, int) error { <-release; return nil })
		p := r.poller()
		s := r.srv.Socket(p.join())
		answered := make(chan string, 1)
		go func() { answered <- p.post("4" + strings.Join(events(10), "\x1e4")) }()
		synctest.Wait()
		equal(t, "answers", len(answered), 0)
		close(release)
		equal(t, "answer", wait(t, "POST", answered), "ok")
		synctest.Wait()
		packets, _, _ := s.Held()
		equal(t, "held at the end", packets, 0)
	})
}

// While an acknowledgement is waited for, the connection is read beyond the first
// limit, so that the acknowledgement arrives.
func TestCallInHandlerIsAnsweredThoughTheQueueIsFull(t *testing.T) {
	t.Parallel()
	for _, transport := range []string{"websocket", "polling"} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			bubble(t, socketio.Options{InboundPackets: 10}, func(t *testing.T, r *rig) {
				answered := make(chan error, 1)
				socketio.On(r.srv, "ask", func(ctx context.Context, s *socketio.Socket, _ struct{}) error {
					sleep(ctx, time.Second) // until the queue is full
					_, err := s.Call(ctx, "q")
					answered <- err
					return err
				})
				packets := append([]string{`2["ask"]`}, events(50)...)
				if transport == "websocket" {
					c, s := r.socket()
					c.send(packets...)
					synctest.Wait()
					equal(t, "paused", s.Paused(), true)
					c.expect(`20["q"]`)
					c.send(events(50)...)
					c.send(`30[]`)
				} else {
					p := r.poller()
					p.join()
					first := make(chan string, 1)
					go func() { first <- p.post("4" + strings.Join(packets, "\x1e4")) }()
					equal(t, "poll", p.get(), `420["q"]`)
					equal(t, "first POST", wait(t, "POST", first), "ok")
					equal(t, "second POST", p.post(`430[]`), "ok")
				}
				must(t, wait(t, "answer", answered))
			})
		})
	}
}

func TestCallInHandlerEndsAtTheHardLimit(t *testing.T) {
	t.Parallel()
	o := socketio.Options{InboundBytes: 10_000, Engine: engineio.Options{MaxPayload: 10_000}} // hard limit 50,000
	bubble(t, o, func(t *testing.T, r *rig) {
		results := make(chan error, 3)
		socketio.On(r.srv, "ask", func(ctx context.Context, s *socketio.Socket, _ struct{}) error {
			_, err := s.Call(ctx, "q")
			results <- err
			_, err = s.Call(ctx, "q") // nothing has been handled since
			results <- err
			_, err = s.Call(context.Background(), "q") // not known to be a handler's
			results <- err
			return nil
		})
		c, s := r.socket()
		c.send(`2["ask"]`)
		c.expect(`20["q"]`)
		big := `2["b","` + strings.Repeat("x", 5000) + `"]`
		go func() {
			for range 100 {
				if c.write(frame(ws.OpText, "4"+big)) != nil {
					return
				}
			}
		}()
		for i := range 2 {
			if err := wait(t, "call", results); !errors.Is(err, socketio.ErrInboundFull) {
				t.Fatalf("call %d: got %v, want ErrInboundFull", i, err)
			}
		}
		if err := wait(t, "call", results); !errors.Is(err, socketio.ErrInboundFull) {
			t.Errorf("call with a foreign context: got %v, want ErrInboundFull", err)
		}
		synctest.Wait()
		packets, bytes, owed := s.Held()
		equal(t, "left", packets+bytes+owed, 0)
		equal(t, "calls pending", s.Pending(), 0)
	})
}

// The same for a call that does not tell that a handler waits for it.
func TestCallWithForeignContextEndsAtTheHardLimit(t *testing.T) {
	t.Parallel()
	o := socketio.Options{InboundBytes: 10_000, Engine: engineio.Options{MaxPayload: 10_000}}
	bubble(t, o, func(t *testing.T, r *rig) {
		result := make(chan error, 1)
		socketio.On(r.srv, "ask", func(_ context.Context, s *socketio.Socket, _ struct{}) error {
			_, err := s.Call(context.Background(), "q")
			result <- err
			return nil
		})
		c, _ := r.socket()
		c.send(`2["ask"]`)
		c.expect(`20["q"]`)
		for range 20 {
			c.send(`2["b","` + strings.Repeat("x", 5000) + `"]`)
		}
		if err := wait(t, "call", result); !errors.Is(err, socketio.ErrInboundFull) {
			t.Errorf("got %v, want ErrInboundFull", err)
		}
	})
}

// When the last call has ended, the first limit counts again.
func TestFirstLimitCountsAgainBehindTheLastCall(t *testing.T) {
	t.Parallel()
	bubble(t, socketio.Options{InboundPackets: 10}, func(t *testing.T, r *rig) {
		during, after := make(chan bool, 1), make(chan bool, 1)
		socketio.On(r.srv, "ask", func(ctx context.Context, s *socketio.Socket, _ struct{}) error {
			ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
			defer cancel()
			time.AfterFunc(time.Second, func() { during <- s.Paused() })
			_, err := s.Call(ctx, "q")
			after <- s.Paused()
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v, want DeadlineExceeded", err)
			}
			return nil
		})
		c, _ := r.socket()
		c.send(append([]string{`2["ask"]`}, events(50)...)...)
		equal(t, "paused during the call", wait(t, "call", during), false)
		equal(t, "paused after the call", wait(t, "call", after), true)
	})
}
