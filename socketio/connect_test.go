package socketio_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sockeye-io/sockeye/socketio"
)

func TestConnectAnswersWithASidOnly(t *testing.T) {
	t.Parallel()
	bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
		r.srv.Of("custom")
		c := r.dial()
		first := c.join("")
		second := c.join("/custom")
		if first == second {
			t.Error("two namespaces gave the same socket id")
		}
		c.send(`0/custom2,{"a":1}`)
		c.expect(`4/custom2,{"message":"Invalid namespace"}`)
		c.send(`2["still open"]`)
		c.nothing()
	})
}

func TestHandshakeHoldsRequestAndAuth(t *testing.T) {
	t.Parallel()
	bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
		type auth struct{ Token string }
		r.srv.Use(func(_ context.Context, s *socketio.Socket) error {
			var a auth
			h := s.Handshake()
			if err := h.Auth.Decode(&a); err != nil {
				return err
			}
			equal(t, "auth", a.Token, "secret")
			equal(t, "header", h.Header().Get("X-Test"), "yes")
			equal(t, "query", h.Query().Get("transport"), "websocket")
			equal(t, "secure", h.Secure(), false)
			equal(t, "transport", s.Transport(), "websocket")
			return nil
		})
		c := r.dial("X-Test", "yes")
		c.send(`0{"token":"secret"}`)
		c.joined("")
	})
}

// panicky cannot be encoded.
type panicky struct{}

func (panicky) MarshalJSON() ([]byte, error) { panic("MarshalJSON") }

func TestMiddlewareRefusesWithMessageAndData(t *testing.T) {
	t.Parallel()
	tests := []struct {
		rule     string
		err      error
		want     string
		reported bool
	}{
		{"an *Error is told", &socketio.Error{Message: "nope", Data: map[string]int{"code": 1}}, `4{"message":"nope","data":{"code":1}}`, false},
		{"no data, no member", &socketio.Error{Message: "nope"}, `4{"message":"nope"}`, false},
		{"false data is data", &socketio.Error{Message: "nope", Data: 0}, `4{"message":"nope","data":0}`, false},
		{"other errors stay on the server", errors.New("password table is gone"), `4{"message":"internal error"}`, true},
		{"what cannot be encoded is left out", &socketio.Error{Message: "nope", Data: make(chan int)}, `4{"message":"nope"}`, false},
		{"nor what panics when it is encoded", &socketio.Error{Message: "nope", Data: panicky{}}, `4{"message":"nope"}`, false},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
				var reported error
				r.srv.OnError(func(_ context.Context, _ *socketio.Socket, event string, err error) {
					equal(t, "event", event, "connect")
					reported = err
				})
				stop := r.srv.Use(func(context.Context, *socketio.Socket) error { return tt.err })
				r.srv.OnConnect(func(context.Context, *socketio.Socket) error { return nil })
				quiet := r.srv.OnDisconnect(func(context.Context, *socketio.Socket, socketio.Disconnect) {
					t.Error("OnDisconnect of a socket that was not accepted")
				})
				c := r.dial()
				c.send("0")
				c.expect(tt.want)
				synctest.Wait()
				equal(t, "reported", reported != nil, tt.reported)
				equal(t, "sockets", r.srv.Len(), 0)
				stop()
				quiet()
				c.join("") // the connection stays open, and it may try again
			})
		})
	}
}

func TestPanicInMiddlewareRefuses(t *testing.T) {
	t.Parallel()
	bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
		errs := make(chan error, 1)
		r.srv.OnError(func(_ context.Context, _ *socketio.Socket, _ string, err error) { errs <- err })
		r.srv.Use(func(context.Context, *socketio.Socket) error { panic("boom") })
		c := r.dial()
		c.send("0")
		c.expect(`4{"message":"internal error"}`)
		var panicked *socketio.PanicError
		if err := wait(t, "report", errs); !errors.As(err, &panicked) || !strings.Contains(string(panicked.Stack), "connect_test.go") {
			t.Errorf("reported %v, want a *PanicError with the stack", err)
		}
	})
}

// A broadcast sent while a client is still being judged does not reach it, also
// if it is accepted later.
func TestNoBroadcastBeforeAcceptance(t *testing.T) {
	t.Parallel()
	for _, accept := range []bool{true, false} {
		bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
			hold, verdict := make(chan string), make(chan error)
			r.srv.Use(func(_ context.Context, s *socketio.Socket) error {
				s.Join("lobby")
				hold <- s.ID()
				return <-verdict
			})
			c := r.dial()
			c.send("0")
			id := <-hold
			must(t, r.srv.Emit("to all"))
			must(t, r.srv.To("lobby", id).Emit("to rooms"))
			equal(t, "sockets in the room", r.srv.RoomLen("lobby"), 0)
			c.nothing()
			if !accept {
				verdict <- &socketio.Error{Message: "no"}
				c.expect(`4{"message":"no"}`)
				must(t, r.srv.Emit("to all"))
				must(t, r.srv.To("lobby").Emit("to rooms"))
				c.nothing()
				return
			}
			verdict <- nil
			c.joined("")
			must(t, r.srv.To("lobby").Emit("now"))
			c.expect(`2["now"]`)
		})
	}
}

func TestWhatMiddlewareEmitsFollowsConnect(t *testing.T) {
	t.Parallel()
	bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
		key := socketio.NewKey[int]("n")
		r.srv.Use(func(_ context.Context, s *socketio.Socket) error {
			must(t, s.Emit("early", 1, []byte{1}))
			must(t, s.Emit("early", 2))
			s.Join("a", "b", "c")
			s.Leave("b")
			key.Set(s, 7)
			if got := strings.Join(s.Rooms(), " "); got != "a c" {
				t.Errorf("rooms before acceptance: %q", got)
			}
			return nil
		})
		r.srv.OnConnect(func(_ context.Context, s *socketio.Socket) error {
			n, _ := key.Get(s)
			return s.Emit("late", len(s.Rooms()), n)
		})
		c := r.dial()
		c.send("0")
		c.joined("")
		c.expect(`51-["early",1,{"_placeholder":true,"num":0}]`)
		c.expectBinary("\x01")
		c.expect(`2["early",2]`, `2["late",3,7]`)
	})
}

func TestEmitBeforeAcceptanceIsBounded(t *testing.T) {
	t.Parallel()
	bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
		r.srv.Use(func(_ context.Context, s *socketio.Socket) error {
			for range 20 {
				if err := s.Emit("x", strings.Repeat("a", 100_000)); err != nil {
					if !errors.Is(err, socketio.ErrNotConnected) {
						t.Errorf("got %v, want ErrNotConnected", err)
					}
					return &socketio.Error{Message: "full"}
				}
			}
			return nil
		})
		c := r.dial()
		c.send("0")
		c.expect(`4{"message":"full"}`)
	})
}

func TestCallBeforeAcceptanceEndsAtOnce(t *testing.T) {
	t.Parallel()
	bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
		r.srv.Use(func(ctx context.Context, s *socketio.Socket) error {
			start := time.Now()
			if _, err := s.Call(ctx, "q"); !errors.Is(err, socketio.ErrNotConnected) {
				t.Errorf("got %v, want ErrNotConnected", err)
			}
			equal(t, "waited", time.Since(start), 0)
			return nil
		})
		r.dial().join("")
	})
}

func TestOnConnectRunsBehindConnectAndBeforeEvents(t *testing.T) {
	t.Parallel()
	for _, middleware := range []bool{true, false} {
		bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
			r.srv.Concurrency(4) // of events
			if middleware {
				r.srv.Use(func(context.Context, *socketio.Socket) error { return nil })
			}
			r.srv.OnConnect(func(ctx context.Context, s *socketio.Socket) error {
				_, err := s.Call(ctx, "who") // it can be answered: the client is connected
				must(t, err)
				return s.Emit("ready")
			})
			socketio.On(r.srv, "e", func(_ context.Context, s *socketio.Socket, _ struct{}) error {
				return s.Emit("event seen")
			})
			c := r.dial()
			c.send("0")
			c.joined("")
			c.expect(`20["who"]`)
			c.send(`2["e"]`)
			<-time.After(time.Second)
			c.nothing()
			c.send("30[]")
			c.expect(`2["ready"]`, `2["event seen"]`)
		})
	}
}

func TestErrorOfOnConnectDisconnects(t *testing.T) {
	t.Parallel()
	bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
		reported := make(chan error, 1)
		r.srv.OnError(func(_ context.Context, _ *socketio.Socket, event string, err error) {
			equal(t, "event", event, "connect")
			reported <- err
		})
		ended := make(chan socketio.Reason, 1)
		r.srv.OnDisconnect(func(_ context.Context, _ *socketio.Socket, why socketio.Disconnect) { ended <- why.Reason })
		r.srv.OnConnect(func(context.Context, *socketio.Socket) error { return errors.New("no room") })
		c := r.dial()
		c.join("")
		c.expect("1")
		equal(t, "error", wait(t, "report", reported).Error(), "no room")
		equal(t, "reason", wait(t, "end", ended), socketio.ReasonServerDisconnect)
	})
}

func TestDisconnectInMiddlewareRefuses(t *testing.T) {
	t.Parallel()
	bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
		r.srv.Use(func(_ context.Context, s *socketio.Socket) error {
			s.Disconnect()
			return nil
		})
		c := r.dial()
		c.send("0")
		c.expect(`4{"message":"Connection refused"}`)
		c.nothing()
	})
}

func TestCloseInMiddlewareEndsTheConnection(t *testing.T) {
	t.Parallel()
	bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
		r.srv.Use(func(ctx context.Context, s *socketio.Socket) error {
			s.Close()
			if !errors.Is(s.Emit("x"), socketio.ErrDisconnected) || ctx.Err() == nil {
				t.Error("the socket goes on")
			}
			return nil
		})
		custom := r.srv.Of("/custom")
		ended := make(chan socketio.Reason, 1)
		custom.OnDisconnect(func(_ context.Context, _ *socketio.Socket, why socketio.Disconnect) { ended <- why.Reason })
		c := r.dial()
		c.join("/custom")
		c.send("0")
		c.expect("1/custom,")
		c.closed()
		equal(t, "reason in the other namespace", wait(t, "end", ended), socketio.ReasonServerDisconnect)
		equal(t, "sockets", r.srv.Len()+custom.Len(), 0)
	})
}

func TestConnectionLostDuringMiddleware(t *testing.T) {
	t.Parallel()
	bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
		done := make(chan error, 1)
		r.srv.Use(func(ctx context.Context, _ *socketio.Socket) error {
			<-ctx.Done()
			done <- context.Cause(ctx)
			return nil
		})
		r.srv.Use(func(context.Context, *socketio.Socket) error {
			t.Error("the next middleware, for a lost connection")
			return nil
		})
		r.srv.OnConnect(func(context.Context, *socketio.Socket) error {
			t.Error("OnConnect of a lost connection")
			return nil
		})
		c := r.dial()
		c.send("0")
		synctest.Wait()
		c.leave()
		if err := wait(t, "end of ctx", done); !errors.Is(err, socketio.ErrDisconnected) {
			t.Errorf("cause %v, want ErrDisconnected", err)
		}
		synctest.Wait()
		equal(t, "sockets", r.srv.Len(), 0)
	})
}

// A packet that is being received while the server closes the connection makes no
// new socket.
func TestConnectDuringCloseIsIgnored(t *testing.T) {
	t.Parallel()
	bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
		r.srv.Of("/custom")
		_, s := r.socket()
		s.Close()
		for _, packet := range []string{"0", "0/custom,", `2["x"]`, `2/custom,["x"]`} {
			s.Feed([]byte(packet))
		}
		synctest.Wait()
		equal(t, "sockets", r.srv.Len()+r.srv.Of("/custom").Len(), 0)
	})
}

func TestConnectTimeoutClosesWhoJoinsNothing(t *testing.T) {
	t.Parallel()
	bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
		start := time.Now()
		idle, joins, refused := r.dial(), r.dial(), r.dial()
		joins.join("")
		refused.send("0/nowhere,")
		refused.expect(`4/nowhere,{"message":"Invalid namespace"}`)
		idle.closed()
		if d := time.Since(start); d < 45*time.Second || d > 46*time.Second {
			t.Errorf("closed after %v, want 45 s", d)
		}
		refused.closed()
		<-time.After(time.Hour)
		joins.nothing()
	})
}
