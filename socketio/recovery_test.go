package socketio_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sockeye-io/sockeye/engineio"
	"github.com/sockeye-io/sockeye/socketio"
)

func TestClientsGoOnWhereTheyWere(t *testing.T) {
	t.Parallel()
	user := socketio.NewKey[string]("user")
	bubble(t, recovering(socketio.Recovery{}), func(t *testing.T, r *rig) {
		var ran atomic.Int32
		r.srv.Use(func(_ context.Context, s *socketio.Socket) error {
			if ran.Add(1) == 1 {
				s.Join("a", "b")
				user.Set(s, "ann")
				return nil
			}
			if !s.Recovered() || strings.Join(s.Rooms(), " ") != "a b" {
				t.Errorf("middleware: recovered %v, rooms %v", s.Recovered(), s.Rooms())
			}
			s.Leave("b")
			s.Join("c")
			return nil
		})
		c := r.returner()
		for round := range 3 { // as often as it likes
			must(t, r.srv.Emit("seen", round))
			c.gets(fmt.Sprintf(`2["seen",%d]`, round))
			c.drop()
			equal(t, "sockets while it is away", r.srv.Len(), 0)
			must(t, r.srv.Emit("text", "for all"))
			must(t, r.srv.To("a", "x").Emit("room"))
			must(t, r.srv.To("x").Emit("other room"))
			must(t, r.srv.To("a").Except("a").Emit("excepted"))
			must(t, r.srv.Except(c.sid).Emit("excepted by id"))
			must(t, r.srv.To(c.sid).Emit("to its id"))
			must(t, r.srv.Emit("binary", []byte{1, 2}))
			must(t, r.srv.Volatile().Emit("volatile"))
			sid := c.sid
			c.recovers(`2["text","for all"]`, `2["room"]`, `2["to its id"]`, `51-["binary",{"_placeholder":true,"num":0}]`)
			equal(t, "id", c.sid, sid)
			s := r.srv.Socket(sid)
			if v, ok := user.Get(s); !ok || v != "ann" {
				t.Errorf("value: got %q, %v", v, ok)
			}
			rooms := s.Rooms()
			slices.Sort(rooms[1:])
			equal(t, "rooms", strings.Join(rooms, " "), sid+" a c")
			s.Join("b") // which middleware expects
			s.Leave("c")
			must(t, r.srv.To("a").Emit("live"))
			c.gets(`2["live"]`)
			c.nothing()
		}
	})
}

func TestRecoveryAfterAnyIdleTime(t *testing.T) {
	t.Parallel()
	bubble(t, recovering(socketio.Recovery{MaxEntries: 5}), func(t *testing.T, r *rig) {
		busy := r.returner()
		r.srv.Socket(busy.sid).Join("busy")
		idle, silent := r.returner(), r.returner()
		must(t, r.srv.To(idle.sid).Emit("first")) // the silent one never gets an event
		idle.gets(`2["first"]`)
		after(3 * time.Hour)
		for i := range 20 { // the idle ones' offsets have long left the log
			must(t, r.srv.To("busy").Emit("n", i))
			busy.got()
		}
		idle.drop()
		silent.drop()
		after(time.Minute)
		must(t, r.srv.Emit("missed"))
		idle.recovers(`2["missed"]`)
		silent.recovers(`2["missed"]`)
		busy.gets(`2["missed"]`)

		busy.drop() // and again, with nothing to miss
		busy.recovers()
		idle.drop()
		after(2*time.Minute - time.Second)
		idle.recovers()
	})
}

func TestReturnBeforeTheOldConnectionsEndIsNoticed(t *testing.T) {
	t.Parallel()
	key := socketio.NewKey[int]("n")
	bubble(t, recovering(socketio.Recovery{}), func(t *testing.T, r *rig) {
		ends := make(chan socketio.Disconnect, 10)
		r.srv.OnDisconnect(func(_ context.Context, s *socketio.Socket, why socketio.Disconnect) {
			if rooms := s.Rooms(); !slices.Contains(rooms, "room") {
				t.Errorf("rooms in the disconnect handler: %v", rooms)
			}
			ends <- why
		})
		c := r.returner()
		s := r.srv.Socket(c.sid)
		s.Join("room")
		key.Set(s, 1)
		for range 3 {
			must(t, r.srv.Emit("got"))
			c.got()
			must(t, r.srv.Emit("lost on the way"))
			old, before := c.client, r.srv.Socket(c.sid)
			c.recovers(`2["lost on the way"]`)
			equal(t, "reason", wait(t, "end", ends).Reason, socketio.ReasonReplaced)
			equal(t, "sockets", r.srv.Len(), 1)
			now := r.srv.Socket(c.sid)
			if now == before {
				t.Fatal("the socket is still the old one")
			}
			if v, _ := key.Get(now); v != 1 {
				t.Errorf("value: %d", v)
			}
			before.Join("late") // means nothing any more
			before.Leave("room")
			if err := before.Emit("late"); err == nil {
				t.Error("Emit to the old socket: no error")
			}
			now.Join("new")
			if rooms := before.Rooms(); slices.Contains(rooms, "new") || !slices.Contains(rooms, "room") {
				t.Errorf("rooms of the old socket: %v", rooms)
			}
			now.Leave("new")
			equal(t, "members of the room", r.srv.RoomLen("room"), 1)
			equal(t, "members of the late room", r.srv.RoomLen("late"), 0)
			must(t, now.Emit("one"))
			c.gets(`2["one"]`)
			equal(t, "sent on the old connection", old.next()[:20], `2["lost on the way",`)
			old.closed()
			synctest.Wait()
			equal(t, "sockets when the old connection has ended", r.srv.Len(), 1)
			must(t, r.srv.To("room").Emit("two"))
			c.gets(`2["two"]`)
		}
	})
}

// The JavaScript server lets any number of sockets have the same pid and id.
func TestPIDIsOneSocketsAtATime(t *testing.T) {
	t.Parallel()
	bubble(t, recovering(socketio.Recovery{}), func(t *testing.T, r *rig) {
		enter, goOn := make(chan struct{}), make(chan struct{})
		r.srv.Use(func(_ context.Context, s *socketio.Socket) error {
			if s.Recovered() {
				enter <- struct{}{}
				<-goOn
			}
			return nil
		})
		c := r.returner()
		c.drop()
		first, second := r.dial(), r.dial()
		c.client = first
		c.ask()
		<-enter
		c.client = second
		c.ask() // while the first one's middleware runs
		<-enter
		close(goOn)
		if !c.connected(strings.TrimPrefix(c.next(), "0")) {
			t.Error("not recovered")
		}
		equal(t, "sockets", r.srv.Len(), 1)
		first.closed()
		must(t, r.srv.Emit("once"))
		c.gets(`2["once"]`)
	})
}

// The JavaScript server restores a stale session behind a final disconnect.
func TestFinalEndsCannotBeRecovered(t *testing.T) {
	t.Parallel()
	for rule, end := range map[string]func(t *testing.T, r *rig, c *returner){
		"by the server": func(_ *testing.T, r *rig, c *returner) { r.srv.Socket(c.sid).Disconnect() },
		"with the connection": func(_ *testing.T, r *rig, c *returner) {
			r.srv.Socket(c.sid).Close()
		},
		"by the client": func(_ *testing.T, _ *rig, c *returner) { c.send("1") },
	} {
		t.Run(rule, func(t *testing.T) {
			t.Parallel()
			bubble(t, recovering(socketio.Recovery{}), func(t *testing.T, r *rig) {
				c := r.returner()
				c.drop()
				c.recovers() // once, which leaves the JavaScript server a session behind
				end(t, r, c)
				synctest.Wait()
				_, sessions, _ := r.srv.Kept()
				equal(t, "sessions", sessions, 0)
				c.refused(socketio.RefusedUnknown)
			})
		})
	}
}

func TestRecoverableReasons(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for reason, end := range map[socketio.Reason]func(r *rig, c *returner){
		socketio.ReasonTransportClose: func(_ *rig, c *returner) { c.leave() },
		socketio.ReasonPingTimeout:    func(_ *rig, c *returner) { c.mute.Store(true) },
		socketio.ReasonForcedClose:    func(r *rig, c *returner) { r.srv.Engine().Session(c.client.sid).Close() },
		socketio.ReasonTransportError: func(r *rig, c *returner) {
			r.srv.Engine().Session(c.client.sid).CloseReason(engineio.ReasonTransportError, broken)
		},
		socketio.ReasonSlowConsumer: func(r *rig, c *returner) {
			r.srv.Engine().Session(c.client.sid).CloseReason(engineio.ReasonSlowConsumer, broken)
		},
	} {
		t.Run(string(reason), func(t *testing.T) {
			t.Parallel()
			bubble(t, recovering(socketio.Recovery{}), func(t *testing.T, r *rig) {
				ends := make(chan socketio.Disconnect, 2)
				r.srv.OnDisconnect(func(_ context.Context, _ *socketio.Socket, why socketio.Disconnect) { ends <- why })
				c := r.returner()
				end(r, c)
				equal(t, "reason", wait(t, "end", ends).Reason, reason)
				must(t, r.srv.Emit("missed"))
				c.recovers(`2["missed"]`)
			})
		})
	}
	t.Run("not the parse error", func(t *testing.T) {
		t.Parallel()
		bubble(t, recovering(socketio.Recovery{}), func(t *testing.T, r *rig) {
			c := r.returner()
			r.srv.Engine().Session(c.client.sid).CloseReason(engineio.ReasonParseError, broken)
			synctest.Wait()
			c.refused(socketio.RefusedUnknown)
		})
	})
}
