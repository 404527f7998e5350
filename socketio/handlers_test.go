package socketio_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/sockeye-io/sockeye"
	"github.com/sockeye-io/sockeye/socketio"
)

type point struct{ X, Y int }

func (p *point) MarshalArgs() ([]any, error) { return []any{p.X, p.Y}, nil }
func (p *point) UnmarshalArgs(args socketio.Args) error {
	return errors.Join(args.Decode(0, &p.X), args.Decode(1, &p.Y))
}

const chatMessage sockeye.Event[user] = "chat message"

func TestTypedHandlers(t *testing.T) {
	t.Parallel()
	bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
		srv := r.srv
		socketio.On(srv, chatMessage, func(_ context.Context, s *socketio.Socket, u user) error {
			return socketio.Emit(s, chatMessage, user{strings.ToUpper(u.Name)})
		})
		socketio.Handle(srv, "len", func(_ context.Context, _ *socketio.Socket, b []byte) (int, error) { return len(b), nil })
		socketio.Handle(srv, "swap", func(_ context.Context, _ *socketio.Socket, p point) (*point, error) { return &point{p.Y, p.X}, nil })
		socketio.Handle(srv, "echo", func(_ context.Context, _ *socketio.Socket, a socketio.Args) (socketio.Args, error) { return a, nil })
		socketio.Handle(srv, "none", func(context.Context, *socketio.Socket, struct{}) (struct{}, error) { return struct{}{}, nil })
		socketio.On(srv, "on", func(context.Context, *socketio.Socket, struct{}) error { return nil })
		c, s := r.socket()
		for _, tt := range []struct{ rule, send, want string }{
			{"one argument, others ignored", `2["chat message",{"name":"ann"},"offset"]`, `2["chat message",{"name":"ANN"}]`},
			{"On acknowledges with nothing", `25["on"]`, `35[]`},
			{"id 0 is an id", `20["on"]`, `30[]`},
			{"several arguments and results", `21["swap",1,2]`, `31[2,1]`},
			{"undecoded arguments", `22["echo",{"a":[1.50,"é\ud800"]},null]`, `32[{"a":[1.50,"é\ud800"]},null]`},
			{"nothing either way", `23["none",1]`, `33[]`},
		} {
			c.send(tt.send)
			if got := c.next(); got != tt.want {
				t.Errorf("%s: got %q, want %q", tt.rule, got, tt.want)
			}
		}
		c.send(`51-4["len",{"_placeholder":true,"num":0}]`)
		c.sendBinary("12345")
		c.expect(`34[5]`)
		must(t, socketio.Emit(srv, "point", &point{3, 4}))
		must(t, socketio.Emit(s.Volatile(), "empty", struct{}{}))
		c.expect(`2["point",3,4]`, `2["empty"]`)
		c.send(`56-7["nobody"]`)
	})
}

func TestErrorsOfHandlersReachTheAckAndTheHook(t *testing.T) {
	t.Parallel()
	secret := errors.New("password table is gone")
	tests := []struct {
		rule string
		send string
		err  error
		want string
	}{
		{"an *Error is told", `21["h"]`, &socketio.Error{Message: "no", Data: 7}, `31[{"error":{"message":"no","data":7}}]`},
		{"a wrapped one too", `21["h"]`, errors.Join(secret, &socketio.Error{Message: "no"}), `31[{"error":{"message":"no"}}]`},
		{"others stay here", `21["h"]`, secret, `31[{"error":{"message":"internal error"}}]`},
		{"data that cannot be encoded is an internal error", `21["h"]`, &socketio.Error{Message: "no", Data: make(chan int)}, `31[{"error":{"message":"internal error"}}]`},
		{"nor data that panics when it is encoded", `21["h"]`, &socketio.Error{Message: "no", Data: panicky{}}, `31[{"error":{"message":"internal error"}}]`},
		{"nobody asked", `2["h"]`, secret, ``},
		{"the same for On", `21["on"]`, secret, `31[{"error":{"message":"internal error"}}]`},
		{"and for OnPacket", `21["packet"]`, secret, `31[{"error":{"message":"internal error"}}]`},
		{"and for UseEvent", `21["stopped"]`, secret, `31[{"error":{"message":"internal error"}}]`},
		{"arguments that do not fit", `21["h",{}]`, nil, `31[{"error":{"message":"internal error"}}]`},
		{"panic", `21["panic"]`, nil, `31[{"error":{"message":"internal error"}}]`},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
				reported := make(chan error, 9)
				r.srv.OnError(func(_ context.Context, s *socketio.Socket, event string, err error) {
					if !strings.Contains(tt.send, event) || s == nil {
						t.Errorf("reported for event %q of %v", event, s)
					}
					reported <- err
				})
				socketio.Handle(r.srv, "h", func(_ context.Context, _ *socketio.Socket, a socketio.Args) (int, error) {
					if a.Len() > 0 {
						var n int
						return 0, a.Decode(0, &n)
					}
					return 1, tt.err
				})
				socketio.On(r.srv, "on", func(context.Context, *socketio.Socket, struct{}) error { return tt.err })
				r.srv.OnPacket("packet", func(context.Context, *socketio.Socket, *socketio.Packet) error { return tt.err })
				socketio.On(r.srv, "alive", func(context.Context, *socketio.Socket, struct{}) error { return nil })
				socketio.On(r.srv, "panic", func(context.Context, *socketio.Socket, struct{}) error { panic("boom") })
				r.srv.UseEvent(func(_ context.Context, _ *socketio.Socket, p *socketio.Packet) error {
					if p.Event() == "stopped" {
						return tt.err
					}
					return nil
				})
				socketio.On(r.srv, "stopped", func(context.Context, *socketio.Socket, struct{}) error {
					t.Error("a stopped event was handled")
					return nil
				})
				c, _ := r.socket()
				c.send(tt.send)
				if tt.want != "" {
					c.expect(tt.want)
				}
				c.nothing()
				err := wait(t, "report", reported)
				if tt.err != nil && !errors.Is(err, tt.err) {
					t.Errorf("reported %v, want %v", err, tt.err)
				}
				c.send(`22["alive"]`) // the socket goes on
				c.expect(`32[]`)
			})
		})
	}
}

func TestArgumentsThatDoNotFitFailTheEvent(t *testing.T) {
	t.Parallel()
	bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
		reported := make(chan error, 9)
		r.srv.OnError(func(_ context.Context, _ *socketio.Socket, _ string, err error) { reported <- err })
		socketio.On(r.srv, "on", func(context.Context, *socketio.Socket, int) error { t.Error("called"); return nil })
		socketio.Handle(r.srv, "handle", func(context.Context, *socketio.Socket, user) (int, error) { t.Error("called"); return 0, nil })
		socketio.On(r.srv, "point", func(context.Context, *socketio.Socket, point) error { t.Error("called"); return nil })
		c, s := r.socket()
		for _, send := range []string{`21["on","x"]`, `21["on"]`, `21["handle",[]]`, `21["handle"]`, `21["point",1]`} {
			c.send(send)
			c.expect(`31[{"error":{"message":"internal error"}}]`)
			var unfit *socketio.ArgumentError
			if err := wait(t, send, reported); !errors.As(err, &unfit) {
				t.Errorf("%s: reported %v, want an *ArgumentError", send, err)
			}
		}
		go func() {
			c.expect(`20["q"]`)
			c.send(`30[]`)
		}()
		var unfit *socketio.ArgumentError
		if _, err := socketio.Call[int](t.Context(), s, "q", struct{}{}); !errors.As(err, &unfit) {
			t.Errorf("Call: got %v, want an *ArgumentError", err)
		}
	})
}

func TestPanicEndsItsEventOnly(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	o := socketio.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))}
	bubble(t, o, func(t *testing.T, r *rig) {
		socketio.On(r.srv, "e", func(_ context.Context, s *socketio.Socket, n int) error {
			if n == 0 {
				panic("boom")
			}
			return s.Emit("survived")
		})
		r.srv.OnDisconnecting(func(context.Context, *socketio.Socket, socketio.Disconnect) { panic("at the end") })
		ends := r.ends()
		c, _ := r.socket()
		c.send(`2["e",0]`, `2["e",1]`)
		c.expect(`2["survived"]`)
		c.leave()
		wait(t, "end", ends)
		for _, want := range []string{"boom", "at the end", "handlers_test.go", "event=e", "event=disconnecting"} {
			if !strings.Contains(log.String(), want) {
				t.Errorf("the log lacks %q:\n%s", want, &log)
			}
		}
	})
}

func TestHooksThatPanicHarmNobody(t *testing.T) {
	t.Parallel()
	o := socketio.Options{
		OnError:  func(context.Context, *socketio.Socket, string, error) { panic("hook") },
		AckError: func(error) []any { panic("ack") },
	}
	bubble(t, o, func(t *testing.T, r *rig) {
		socketio.On(r.srv, "e", func(context.Context, *socketio.Socket, struct{}) error { return errors.New("x") })
		c, _ := r.socket()
		c.send(`21["e"]`, `22["e"]`)
		c.expect(`31[{"error":{"message":"internal error"}}]`, `32[{"error":{"message":"internal error"}}]`)
	})
}

func TestAckErrorChangesTheShape(t *testing.T) {
	t.Parallel()
	o := socketio.Options{AckError: func(err error) []any {
		if err.Error() == "silent" {
			return nil
		}
		return []any{"failed", err.Error()}
	}}
	bubble(t, o, func(t *testing.T, r *rig) {
		socketio.On(r.srv, "e", func(_ context.Context, _ *socketio.Socket, text string) error { return errors.New(text) })
		c, _ := r.socket()
		c.send(`21["e","loud"]`, `22["e","silent"]`)
		c.expect(`31["failed","loud"]`)
		c.nothing()
	})
}

func TestOrderOfHandlers(t *testing.T) {
	t.Parallel()
	bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
		var got []string
		note := func(name string) socketio.PacketHandler {
			return func(context.Context, *socketio.Socket, *socketio.Packet) error { got = append(got, name); return nil }
		}
		r.srv.UseEvent(note("middleware 1"))
		r.srv.OnPacket("e", note("first"))
		r.srv.UseEvent(note("middleware 2"))
		r.srv.OnAny(note("any"))
		stop := r.srv.OnPacket("e", note("removed"))
		socketio.On(r.srv, "e", func(context.Context, *socketio.Socket, struct{}) error { got = append(got, "second"); return nil })
		c, s := r.socket()
		s.OnPacket("e", note("own"))
		socketio.On(s, "e", func(context.Context, *socketio.Socket, struct{}) error { got = append(got, "own second"); return nil })
		stop()
		stop()
		c.send(`2["e"]`, `2["unknown"]`, `2`)
		c.nothing()
		want := []string{"any", "middleware 1", "middleware 2", "first", "second", "own", "own second", "any", "middleware 1", "middleware 2", "any", "middleware 1", "middleware 2"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestReplyOnceFromAnywhereLater(t *testing.T) {
	t.Parallel()
	bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
		packets := make(chan *socketio.Packet, 3)
		r.srv.OnPacket("q", func(_ context.Context, _ *socketio.Socket, p *socketio.Packet) error {
			packets <- p
			return nil
		})
		c, s := r.socket()
		c.send(`20["q","first"]`, `2["q"]`, `21["q"]`)
		c.nothing() // the handler has returned; the answer is its own business
		p := <-packets
		var encode *socketio.EncodeError
		if err := p.Reply(make(chan int)); !errors.As(err, &encode) {
			t.Errorf("got %v, want *EncodeError", err)
		}
		var arg string
		must(t, p.Decode(&arg))
		equal(t, "argument", arg, "first")
		var missing *socketio.ArgumentError
		if err := p.Decode(&arg, &arg); !errors.As(err, &missing) || missing.Arg != 1 {
			t.Errorf("got %v, want an *ArgumentError for argument 1", err)
		}
		results := make(chan error, 10)
		for range 10 {
			go func() { results <- p.Reply(arg, []byte{7}) }()
		}
		sent := 0
		for range 10 {
			err := <-results
			if err == nil {
				sent++
			} else if !errors.Is(err, socketio.ErrReplied) {
				t.Errorf("got %v, want ErrReplied", err)
			}
		}
		equal(t, "replies", sent, 1)
		c.expect(`61-0["first",{"_placeholder":true,"num":0}]`)
		c.expectBinary("\x07")
		p = <-packets
		equal(t, "wants a reply", p.WantsReply(), false)
		must(t, p.Reply("nobody asked"))
		s.Disconnect()
		p = <-packets
		if err := p.Reply(); !errors.Is(err, socketio.ErrDisconnected) {
			t.Errorf("got %v, want ErrDisconnected", err)
		}
		c.expect("1")
		c.nothing()
	})
}

func TestNoHandlerNoAck(t *testing.T) {
	t.Parallel()
	bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
		r.srv.OnAny(func(context.Context, *socketio.Socket, *socketio.Packet) error { return nil })
		c, _ := r.socket()
		c.send(`21["unknown"]`)
		c.nothing()
	})
}

func TestSecondHandlePanicsAtRegistration(t *testing.T) {
	t.Parallel()
	srv, err := socketio.NewServer(socketio.Options{})
	must(t, err)
	h := func(context.Context, *socketio.Socket, struct{}) (int, error) { return 0, nil }
	stop := socketio.Handle(srv, "e", h)
	stop()
	socketio.Handle(srv, "e", h) // the first has been removed
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
		socketio.On(srv, "e", func(context.Context, *socketio.Socket, struct{}) error { return nil }) // the set still works
	}()
	socketio.Handle(srv, "e", h)
}

func TestRegistrationWhileEventsFlow(t *testing.T) {
	t.Parallel()
	bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
		r.srv.OnPacket("n", func(_ context.Context, _ *socketio.Socket, p *socketio.Packet) error { return p.Reply() })
		c, s := r.socket()
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range 100 {
					stops := []func(){
						socketio.On(r.srv, "n", func(context.Context, *socketio.Socket, int) error { return nil }),
						socketio.On(s, "n", func(context.Context, *socketio.Socket, int) error { return nil }),
						r.srv.OnAny(func(context.Context, *socketio.Socket, *socketio.Packet) error { return nil }),
					}
					for _, stop := range stops {
						stop()
					}
				}
			})
		}
		for range 500 {
			c.send(`21["n",1]`)
			c.expect(`31[]`)
		}
		wg.Wait()
		synctest.Wait()
	})
}

func TestOnceIsCalledOnce(t *testing.T) {
	t.Parallel()
	bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
		var calls atomic.Int32
		count := func(context.Context, *socketio.Socket, socketio.Args) error {
			calls.Add(1)
			return nil
		}
		const n = 20
		clients := make([]*client, n)
		for i := range clients {
			clients[i], _ = r.socket()
		}
		socketio.Once(r.srv, "e", count)
		for _, c := range clients {
			c.send(`21["e"]`)
		}
		synctest.Wait()
		equal(t, "calls for a namespace", calls.Load(), 1)
		answers := 0
		for _, c := range clients {
			answers += len(c.in)
		}
		equal(t, "acknowledgements: nobody handled the others", answers, 1)

		c, s := r.socket()
		stop := socketio.Once(s, "mine", count)
		stop()
		c.send(`22["mine"]`)
		c.nothing()
		socketio.Once(s, "mine", func(ctx context.Context, s *socketio.Socket, a socketio.Args) error {
			socketio.Once(s, "mine", count) // for the next one
			return count(ctx, s, a)
		})
		c.send(`23["mine"]`, `24["mine"]`, `25["mine"]`)
		c.expect("33[]", "34[]")
		c.nothing()
		equal(t, "calls in all", calls.Load(), 3)
	})
}
