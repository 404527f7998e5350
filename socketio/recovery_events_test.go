package socketio_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sockeye-io/sockeye/engineio"
	"github.com/sockeye-io/sockeye/socketio"
	"github.com/sockeye-io/sockeye/socketio/siowire"
	"github.com/sockeye-io/sockeye/socketio/siowire/msgpack"
)

// The JavaScript server loses what middleware emits when recovery is on.
func TestEmitsInMiddlewareAreKept(t *testing.T) {
	t.Parallel()
	bubble(t, recovering(socketio.Recovery{}), func(t *testing.T, r *rig) {
		var n atomic.Int32
		r.srv.Use(func(_ context.Context, s *socketio.Socket) error {
			must(t, s.Volatile().Emit("volatile", n.Load()))
			return s.Emit("from middleware", n.Add(1))
		})
		c := r.returner()
		c.gets(`2["volatile",0]`, `2["from middleware",1]`)
		c.drop()
		must(t, r.srv.Emit("missed"))
		c.recovers(`2["missed"]`) // before CONNECT, and behind it:
		c.gets(`2["volatile",1]`, `2["from middleware",2]`)
		old := c.offset
		c.drop()
		c.offset = nil // as if nothing had arrived
		missed, recovered := c.back()
		if !recovered || old == nil {
			t.Error("not recovered")
		}
		sameList(t, "missed", missed, []string{`2["from middleware",1]`, `2["missed"]`, `2["from middleware",2]`})
	})
}

// Some adapters of the JavaScript server add a stray argument, or repeat volatile
// events.
func TestWhatHasAnOffset(t *testing.T) {
	t.Parallel()
	bubble(t, recovering(socketio.Recovery{}), func(t *testing.T, r *rig) {
		c := r.returner()
		s := r.srv.Socket(c.sid)
		other := r.returner()
		offset := func(text string) string {
			t.Helper()
			var args []string
			if err := json.Unmarshal([]byte(text[1:]), &args); err != nil || len(args) != 3 {
				t.Fatalf("got %q, want a name, an argument and an offset (%v)", text, err)
			}
			c.offset = args[2]
			return args[2]
		}
		must(t, s.Emit("one", "x"))
		first := offset(c.next())
		must(t, r.srv.Emit("two", "x"))
		second := offset(c.next())
		if first >= second {
			t.Errorf("offsets %q and %q are not in order", first, second)
		}
		must(t, s.Volatile().Emit("typing", "bob"))
		equal(t, "offset of a volatile event", offset(c.next()), second)
		must(t, r.srv.Volatile().Emit("typing", "bob"))
		equal(t, "offset of a volatile broadcast", offset(c.next()), second)
		must(t, r.srv.To(other.sid).Emit("secret", "x"))
		must(t, s.Volatile().Emit("typing", "bob"))
		third := offset(c.next())
		if third <= second {
			t.Error("a volatile event has an old offset")
		}

		done := make(chan error, 1)
		go func() {
			_, err := s.Call(t.Context(), "question", "x")
			done <- err
		}()
		c.expect(`20["question","x"]`)
		c.send("30[]")
		must(t, wait(t, "acknowledgement", done))
		c.nothing()
		must(t, r.srv.Emit("unread"))
		c.drop()
		must(t, r.srv.Volatile().Emit("typing", "bob"))
		c.recovers(`2["unread"]`)
		c.nothing()
	})
}

func TestOutgoingHandlersSeeNoOffset(t *testing.T) {
	t.Parallel()
	bubble(t, recovering(socketio.Recovery{}), func(t *testing.T, r *rig) {
		var seen []string
		r.srv.OnAnyOutgoing(func(_ context.Context, _ *socketio.Socket, p *socketio.Packet) error {
			seen = append(seen, fmt.Sprintf("%s %d", p.Event(), p.Len()))
			return nil
		})
		c := r.returner()
		must(t, r.srv.Socket(c.sid).Emit("one", 1, 2, 3, 4))
		must(t, r.srv.Emit("two"))
		must(t, r.srv.Volatile().Emit("three", "x"))
		sameList(t, "seen", seen, []string{"one 4", "two 0", "three 1"})
	})
}

func TestEventsOfRoomsCountWhileTheSocketIsInThem(t *testing.T) {
	t.Parallel()
	bubble(t, recovering(socketio.Recovery{}), func(t *testing.T, r *rig) {
		c := r.returner()
		s := r.srv.Socket(c.sid)
		emit := func(text string) {
			must(t, r.srv.To("room", "another").Emit(text))
			must(t, r.srv.Except("room").Emit("not "+text))
		}
		emit("before")
		s.Join("room", "room")
		emit("inside")
		s.Leave("room", "elsewhere")
		emit("between")
		s.Join("room")
		s.Leave("room")
		s.Join("room")
		emit("again")
		want := []string{`2["not before"]`, `2["inside"]`, `2["not between"]`, `2["again"]`}
		c.gets(want...)
		c.drop()
		emit("away")
		c.offset = nil
		c.recovers(append(want, `2["away"]`)...)
		must(t, r.srv.To("room").Leave("room"))
		c.drop()
		emit("left")
		c.recovers(`2["not left"]`)
	})
}

func TestRefusedRecoveries(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		rule string
		o    socketio.Options
		do   func(t *testing.T, r *rig, c *returner)
		why  socketio.RecoveryRefusal
	}{
		{"a pid that never was", recovering(socketio.Recovery{}), func(_ *testing.T, _ *rig, c *returner) {
			c.pid = engineio.NewID()
		}, socketio.RefusedUnknown},
		{"the window has passed", recovering(socketio.Recovery{}), func(_ *testing.T, _ *rig, _ *returner) {
			after(2 * time.Minute)
		}, socketio.RefusedUnknown},
		{"a window of ones own has passed", recovering(socketio.Recovery{Window: time.Second}), func(_ *testing.T, _ *rig, _ *returner) {
			after(time.Second)
		}, socketio.RefusedUnknown},
		{"an offset that is none", recovering(socketio.Recovery{}), func(_ *testing.T, _ *rig, c *returner) {
			c.offset = "bob"
		}, socketio.RefusedOffset},
		{"an offset with bytes that none has", recovering(socketio.Recovery{}), func(_ *testing.T, _ *rig, c *returner) {
			c.offset = c.offset.(string)[:socketio.OffsetSize-1] + "!"
		}, socketio.RefusedOffset},
		{"an offset of the future", recovering(socketio.Recovery{}), func(_ *testing.T, _ *rig, c *returner) {
			c.offset = c.offset.(string)[:socketio.OffsetSize-1] + "z"
		}, socketio.RefusedOffset},
		{"an offset that is no string", recovering(socketio.Recovery{}), func(_ *testing.T, _ *rig, c *returner) {
			c.offset = 1
		}, socketio.RefusedOffset},
		{"too many events", recovering(socketio.Recovery{MaxEntries: 3}), func(t *testing.T, r *rig, _ *returner) {
			for range 4 {
				must(t, r.srv.Emit("missed"))
			}
		}, socketio.RefusedHistory},
		{"too many bytes in the log", recovering(socketio.Recovery{MaxBytes: 1000}), func(t *testing.T, r *rig, _ *returner) {
			for range 2 {
				must(t, r.srv.Emit("missed", strings.Repeat("x", 400)))
			}
		}, socketio.RefusedHistory},
		{"more than the outbound limit", socketio.Options{
			Recovery: &socketio.Recovery{}, Engine: engineio.Options{OutboundLimit: 1000},
		}, func(t *testing.T, r *rig, _ *returner) {
			for range 3 {
				must(t, r.srv.Emit("missed", strings.Repeat("x", 400)))
			}
		}, socketio.RefusedTooMuch},
		{"too many who are away", recovering(socketio.Recovery{MaxSessions: 2}), func(_ *testing.T, r *rig, _ *returner) {
			for range 2 {
				r.returner().drop()
			}
		}, socketio.RefusedUnknown},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			t.Parallel()
			var told atomic.Pointer[string]
			tc.o.Recovery.OnRefused = func(_ *socketio.Socket, why socketio.RecoveryRefusal) {
				told.Store((*string)(&why))
				panic("reported, and nothing else")
			}
			bubble(t, tc.o, func(t *testing.T, r *rig) {
				c := r.returner()
				must(t, r.srv.Emit("first"))
				c.got()
				c.drop()
				tc.do(t, r, c)
				c.refused(tc.why)
				if why := told.Load(); why == nil || *why != string(tc.why) {
					t.Errorf("OnRefused: told %v", why)
				}
				c.drop() // the new session is as good as any, whatever offset its client still has
				if _, ok := c.offset.(string); ok && tc.why != socketio.RefusedOffset {
					c.recovers()
				}
			})
		})
	}
}

func TestMiddlewareAndRecovery(t *testing.T) {
	t.Parallel()
	t.Run("a refused client has nothing to come back to", func(t *testing.T) {
		t.Parallel()
		bubble(t, recovering(socketio.Recovery{}), func(t *testing.T, r *rig) {
			c := r.returner()
			c.drop()
			stop := r.srv.Use(func(context.Context, *socketio.Socket) error { return &socketio.Error{Message: "banned"} })
			c.client = r.dial()
			c.ask()
			c.expect(`4{"message":"banned"}`)
			stop()
			c.leave()
			c.refused(socketio.RefusedUnknown)
		})
	})
	t.Run("it is skipped if wanted, for those who recover", func(t *testing.T) {
		t.Parallel()
		bubble(t, recovering(socketio.Recovery{SkipMiddlewares: true}), func(t *testing.T, r *rig) {
			c := r.returner()
			c.drop()
			r.srv.Use(func(context.Context, *socketio.Socket) error { return errors.New("no") })
			c.recovers()
			c.drop()
			c.client = r.dial()
			c.pid = engineio.NewID()
			c.ask()
			c.expect(`4{"message":"internal error"}`)
		})
	})
	t.Run("a connection that is lost while it runs costs nothing", func(t *testing.T) {
		t.Parallel()
		bubble(t, recovering(socketio.Recovery{}), func(t *testing.T, r *rig) {
			c := r.returner()
			s := r.srv.Socket(c.sid)
			s.Join("room")
			c.drop()
			stop := r.srv.Use(func(ctx context.Context, s *socketio.Socket) error {
				s.Join("never")
				<-ctx.Done()
				return ctx.Err()
			})
			for range 3 {
				c.client = r.dial()
				c.ask()
				synctest.Wait()
				must(t, r.srv.To("room", "never").Emit("missed"))
				must(t, r.srv.To("never").Emit("not missed"))
				c.drop()
			}
			stop()
			c.recovers(`2["missed"]`, `2["missed"]`, `2["missed"]`)
		})
	})
	t.Run("a client whose events are dropped while it runs starts anew", func(t *testing.T) {
		t.Parallel()
		bubble(t, recovering(socketio.Recovery{MaxEntries: 3}), func(t *testing.T, r *rig) {
			c := r.returner()
			must(t, r.srv.Emit("first"))
			c.got()
			c.drop()
			stop := r.srv.Use(func(context.Context, *socketio.Socket) error {
				for range 5 {
					must(t, r.srv.Emit("missed"))
				}
				return nil
			})
			c.client = r.dial()
			c.ask()
			c.closed()
			stop()
			c.refused(socketio.RefusedUnknown)
		})
	})
}

// A replay that counted against the limit would close the client again, for ever.
func TestReplayDoesNotCountAgainstTheLimit(t *testing.T) {
	t.Parallel()
	o := socketio.Options{Recovery: &socketio.Recovery{}, Engine: engineio.Options{OutboundLimit: 20_000}}
	bubble(t, o, func(t *testing.T, r *rig) {
		r.srv.Use(func(_ context.Context, s *socketio.Socket) error {
			return s.Emit("held", strings.Repeat("h", 15_000))
		})
		c := r.returner()
		c.got()
		c.drop()
		for range 3 {
			must(t, r.srv.Emit("missed", strings.Repeat("x", 6000)))
		}
		missed, recovered := c.back()
		if len(missed) != 3 || !recovered {
			t.Errorf("recovered %v with %d events", recovered, len(missed))
		}
		c.got()
	})
}

// Or else it would be closed for the same reason again, for ever.
func TestSlowConsumerStartsAnewIfItMissedTooMuch(t *testing.T) {
	t.Parallel()
	o := socketio.Options{Recovery: &socketio.Recovery{}, Engine: engineio.Options{OutboundLimit: 4000, Transports: []string{"polling", "websocket"}}}
	bubble(t, o, func(t *testing.T, r *rig) {
		ends := make(chan socketio.Disconnect, 2)
		r.srv.OnDisconnect(func(_ context.Context, _ *socketio.Socket, why socketio.Disconnect) { ends <- why })
		p := r.poller() // which does not poll
		equal(t, "POST", p.post("40"), "ok")
		var reply struct{ SID, PID string }
		must(t, json.Unmarshal([]byte(p.get()[2:]), &reply))
		for range 3 {
			must(t, r.srv.Emit("n", strings.Repeat("x", 1200)))
		}
		err := r.srv.Socket(reply.SID).Emit("n", strings.Repeat("x", 1200))
		if !errors.Is(err, socketio.ErrSlowConsumer) {
			t.Errorf("Emit: %v, want ErrSlowConsumer", err)
		}
		equal(t, "reason", wait(t, "end", ends).Reason, socketio.ReasonSlowConsumer)
		c := &returner{r: r, sid: reply.SID, pid: reply.PID}
		missed, recovered := c.back()
		equal(t, "recovered", recovered, false) // 4 events of 1,200 bytes
		equal(t, "missed", len(missed), 0)
		equal(t, "refusal", r.srv.Socket(c.sid).RecoveryRefusal(), socketio.RefusedTooMuch)
	})
}

func TestNothingIsKeptForEver(t *testing.T) {
	t.Parallel()
	bubble(t, recovering(socketio.Recovery{}), func(t *testing.T, r *rig) {
		c := r.returner()
		for range 10 {
			must(t, r.srv.Emit("n"))
			c.got()
		}
		events, sessions, away := r.srv.Kept()
		equal(t, "kept", fmt.Sprint(events, sessions, away), "10 1 0")
		after(time.Minute)
		c.drop()
		r.returner().drop()
		events, sessions, away = r.srv.Kept()
		equal(t, "kept", fmt.Sprint(events, sessions, away), "10 2 2")
		after(3 * time.Minute)
		events, sessions, away = r.srv.Kept()
		equal(t, "kept", fmt.Sprint(events, sessions, away), "0 0 0")
	})
}

func TestRecoveryOptions(t *testing.T) {
	t.Parallel()
	for rule, o := range map[string]socketio.Options{
		"Options.Recovery.Window is negative":      recovering(socketio.Recovery{Window: -1}),
		"Options.Recovery.MaxEntries is negative":  recovering(socketio.Recovery{MaxEntries: -1}),
		"Options.Recovery.MaxBytes is negative":    recovering(socketio.Recovery{MaxBytes: -1}),
		"Options.Recovery.MaxSessions is negative": recovering(socketio.Recovery{MaxSessions: -1}),
		"Options.Recovery.cannot work with Options.Parser": {
			Recovery: &socketio.Recovery{}, Parser: scrambler{siowire.JSON()},
		},
	} {
		t.Run(rule, func(t *testing.T) {
			t.Parallel()
			if _, err := socketio.NewServer(o); err == nil || !strings.Contains(err.Error(), rule) {
				t.Errorf("got %v, want %q", err, rule)
			}
		})
	}
}

// scrambler is a parser that does not write strings as they are.
type scrambler struct{ siowire.Parser }

func (p scrambler) AppendArgs(dst []byte, h siowire.Header, name string, args []any) ([]byte, [][]byte, error) {
	head, attachments, err := p.Parser.AppendArgs(dst, h, name, args)
	for i := range head {
		head[i] ^= 0x55
	}
	return head, attachments, err
}

// Without recovery CONNECT has no pid, and an auth payload with one means nothing.
func TestNoRecoveryUnlessAskedFor(t *testing.T) {
	t.Parallel()
	bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
		c := r.dial()
		c.send(`0{"pid":"x","offset":"y"}`)
		s := r.srv.Socket(c.joined(""))
		if s.Recovered() || s.RecoveryRefusal() != "" {
			t.Error("it was tried")
		}
		must(t, s.Emit("e"))
		must(t, r.srv.Emit("e"))
		c.expect(`2["e"]`, `2["e"]`)
		var auth struct{ PID string }
		must(t, s.Handshake().Auth.Decode(&auth))
		equal(t, "auth", auth.PID, "x")
	})
}

// A namespace that was made for a client stays while that can come back to it.
func TestRecoveryInNamespacesMadeOnDemand(t *testing.T) {
	t.Parallel()
	bubble(t, recovering(socketio.Recovery{}), func(t *testing.T, r *rig) {
		parent := r.srv.OfMatch(regexp.MustCompile(`^/room-\d$`))
		c := r.dial()
		c.send("0/room-1,")
		var reply struct{ SID, PID string }
		must(t, json.Unmarshal([]byte(strings.TrimPrefix(c.next(), "0/room-1,")), &reply))
		c.leave()
		synctest.Wait()
		equal(t, "namespaces", parent.MadeFor(), 1)
		must(t, parent.Emit("missed"))
		c = r.dial()
		c.send(`0/room-1,{"pid":"` + reply.PID + `"}`)
		if got := c.next(); !strings.HasPrefix(got, `2/room-1,["missed",`) {
			t.Errorf("got %q, want what it missed", got)
		}
		if got := c.next(); !strings.Contains(got, reply.PID) {
			t.Errorf("got %q, want the same pid", got)
		}
		c.leave()
		after(3 * time.Minute)
		equal(t, "namespaces", parent.MadeFor(), 0)
	})
}

// A client with an old offset has missed nothing only if nothing was for it.
func TestOldOffsetsCountWhatWasForTheClient(t *testing.T) {
	t.Parallel()
	for rule, emit := range map[string]func(r *rig, s *socketio.Socket) error{
		"broadcast":          func(r *rig, _ *socketio.Socket) error { return r.srv.To("room").Emit("lost") },
		"to the socket":      func(_ *rig, s *socketio.Socket) error { return s.Emit("lost") },
		"to its id":          func(r *rig, s *socketio.Socket) error { return r.srv.To(s.ID()).Emit("lost") },
		"to the rest, twice": nil,
	} {
		t.Run(rule, func(t *testing.T) {
			t.Parallel()
			bubble(t, recovering(socketio.Recovery{MaxEntries: 3}), func(t *testing.T, r *rig) {
				c := r.returner()
				r.srv.Socket(c.sid).Join("room")
				must(t, r.srv.Emit("first"))
				c.got()
				if emit != nil {
					must(t, emit(r, r.srv.Socket(c.sid)))
				}
				for range 10 {
					must(t, r.srv.To("others").Emit("n"))
				}
				c.drop()
				if emit != nil {
					c.refused(socketio.RefusedHistory)
				} else {
					c.recovers()
				}
			})
		})
	}
}

// The connection may end between the middleware and the acceptance.
func TestConnectionThatEndsBeforeTheAcceptance(t *testing.T) {
	t.Parallel()
	bubble(t, recovering(socketio.Recovery{}), func(t *testing.T, r *rig) {
		var cut atomic.Pointer[string]
		r.srv.Use(func(_ context.Context, s *socketio.Socket) error {
			if sid := cut.Load(); sid != nil {
				s.Join("never")
				r.srv.Engine().Session(*sid).Close()
			}
			return nil
		})
		c := r.returner()
		c.drop()
		for _, pid := range []string{c.pid, ""} {
			lost := &returner{r: r, pid: pid}
			lost.client = r.dial()
			cut.Store(&lost.client.sid)
			lost.ask()
			lost.closed()
		}
		cut.Store(nil)
		synctest.Wait()
		_, sessions, away := r.srv.Kept()
		equal(t, "sessions", sessions, 1) // the other client has never heard of its own
		equal(t, "away", away, 1)
		must(t, r.srv.To("never").Emit("not missed"))
		must(t, r.srv.Emit("missed"))
		c.recovers(`2["missed"]`)
	})
}

// The offset is written over a mark in whatever the parser has made.
func TestRecoveryWithMessagePack(t *testing.T) {
	t.Parallel()
	o := recovering(socketio.Recovery{})
	o.Parser = msgpack.New()
	bubble(t, o, func(t *testing.T, r *rig) {
		decoder := o.Parser.NewDecoder(siowire.Limits{})
		read := func(c *client, dst ...any) siowire.Packet {
			t.Helper()
			m := c.receive()
			p, ok, err := decoder.Add([]byte(m.text), m.binary)
			if err != nil || !ok {
				t.Fatalf("got %+v: %v", m, err)
			}
			for i, d := range dst {
				must(t, p.Args.Decode(i, d))
			}
			return p
		}
		connect := func(auth any) *client {
			t.Helper()
			head, err := o.Parser.AppendValue(nil, siowire.Header{Type: siowire.Connect}, auth)
			must(t, err)
			c := r.dial()
			c.sendBinary(string(head))
			return c
		}
		var reply, again struct {
			SID string `json:"sid"`
			PID string `json:"pid"`
		}
		c := connect(nil)
		read(c, &reply)
		var data []byte
		var offset, next string
		must(t, r.srv.Emit("one", []byte{1}))
		read(c, &data, &offset)
		equal(t, "length of the offset", len(offset), socketio.OffsetSize)
		c.leave()
		synctest.Wait()
		must(t, r.srv.Emit("two", []byte{2, 3}))
		c = connect(map[string]any{"pid": reply.PID, "offset": offset})
		if p := read(c, &data, &next); string(p.Name) != "two" || len(data) != 2 || next <= offset {
			t.Errorf("got %q with %v and offset %q", p.Name, data, next)
		}
		read(c, &again)
		equal(t, "reply", again, reply)
	})
}
