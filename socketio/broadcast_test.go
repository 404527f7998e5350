package socketio_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/sockeye-io/sockeye/engineio"
	"github.com/sockeye-io/sockeye/socketio"
)

// crowd is three clients: a in room x, b in x and y, c in y, and their sockets.
func crowd(r *rig) (clients [3]*client, sockets [3]*socketio.Socket) {
	r.t.Helper()
	for i, rooms := range [][]string{{"x"}, {"x", "y"}, {"y"}} {
		clients[i], sockets[i] = r.socket()
		sockets[i].Join(rooms...)
	}
	return clients, sockets
}

func TestBroadcastReachesExactlyItsTargets(t *testing.T) {
	t.Parallel()
	tests := []struct {
		rule string
		emit func(srv *socketio.Server, s [3]*socketio.Socket) error
		want string // which of the three, by letter
	}{
		{"Server.Emit", func(srv *socketio.Server, _ [3]*socketio.Socket) error { return srv.Emit("e") }, "abc"},
		{"Server.To", func(srv *socketio.Server, _ [3]*socketio.Socket) error { return srv.To("x").Emit("e") }, "ab"},
		{"To is a union, each once", func(srv *socketio.Server, _ [3]*socketio.Socket) error { return srv.To("x", "y").To("x").Emit("e") }, "abc"},
		{"In is To", func(srv *socketio.Server, _ [3]*socketio.Socket) error { return srv.In("y").In("y").Emit("e") }, "bc"},
		{"Except a room", func(srv *socketio.Server, _ [3]*socketio.Socket) error { return srv.Except("y").Emit("e") }, "a"},
		{"Except wins over To", func(srv *socketio.Server, _ [3]*socketio.Socket) error { return srv.To("x").Except("y").Emit("e") }, "a"},
		{"Except an id", func(srv *socketio.Server, s [3]*socketio.Socket) error { return srv.Except(s[1].ID()).Emit("e") }, "ac"},
		{"an id is a room", func(srv *socketio.Server, s [3]*socketio.Socket) error { return srv.To(s[2].ID()).Emit("e") }, "c"},
		{"an empty room is nobody", func(srv *socketio.Server, _ [3]*socketio.Socket) error { return srv.To("z").Emit("e") }, ""},
		{"Local", func(srv *socketio.Server, _ [3]*socketio.Socket) error { return srv.Local().Emit("e") }, "abc"},
		{"Volatile to those who keep up", func(srv *socketio.Server, _ [3]*socketio.Socket) error { return srv.Volatile().To("x").Emit("e") }, "ab"},
		{"Socket.Emit", func(_ *socketio.Server, s [3]*socketio.Socket) error { return s[0].Emit("e") }, "a"},
		{"Socket.To leaves itself out", func(_ *socketio.Server, s [3]*socketio.Socket) error { return s[0].To("x", "y").Emit("e") }, "bc"},
		{"Socket.In", func(_ *socketio.Server, s [3]*socketio.Socket) error { return s[0].In("x").Emit("e") }, "b"},
		{"Socket.Broadcast", func(_ *socketio.Server, s [3]*socketio.Socket) error { return s[1].Broadcast().Emit("e") }, "ac"},
		{"Socket.Except", func(_ *socketio.Server, s [3]*socketio.Socket) error { return s[0].Except("x").Emit("e") }, "c"},
		{"Socket.Local", func(_ *socketio.Server, s [3]*socketio.Socket) error { return s[0].Local().Emit("e") }, "bc"},
		{"Socket.Volatile is the socket itself", func(_ *socketio.Server, s [3]*socketio.Socket) error { return s[0].Volatile().Emit("e") }, "a"},
		{"Socket.Volatile.To is others", func(_ *socketio.Server, s [3]*socketio.Socket) error { return s[0].Volatile().To("x").Emit("e") }, "b"},
		{"Socket.Volatile.Except is others", func(_ *socketio.Server, s [3]*socketio.Socket) error { return s[0].Volatile().Except("z").Emit("e") }, "bc"},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
				clients, sockets := crowd(r)
				must(t, tt.emit(r.srv, sockets))
				synctest.Wait()
				for i, c := range clients {
					if strings.Contains(tt.want, string(rune('a'+i))) {
						c.expect(`2["e"]`)
					}
					c.nothing()
				}
			})
		})
	}
}

func TestBroadcastIsAnImmutableValue(t *testing.T) {
	t.Parallel()
	bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
		clients, _ := crowd(r)
		// Room for more in the slices must not be shared.
		base := r.srv.To("q1", "q2", "q3").To("q4").Except("p1", "p2", "p3").Except("p4")
		toX, toY := base.To("x"), base.To("y")
		noX, noY := toX.Except("x"), toX.Except("y")
		must(t, toX.Emit("to x"))
		must(t, toY.Emit("to y"))
		must(t, noX.Emit("to nobody"))
		must(t, noY.Emit("to a"))
		must(t, base.Emit("to nobody"))
		clients[0].expect(`2["to x"]`, `2["to a"]`)
		clients[1].expect(`2["to x"]`, `2["to y"]`)
		clients[2].expect(`2["to y"]`)
		for _, c := range clients {
			c.nothing()
		}
	})
}

func TestNamespacesAreApart(t *testing.T) {
	t.Parallel()
	bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
		custom := r.srv.Of("custom")
		equal(t, "name", custom.Name(), "/custom")
		equal(t, "the same namespace", r.srv.Of("/custom"), custom)
		c, s := r.socket()
		other := custom.Socket(c.join("/custom"))
		s.Join("room")
		other.Join("room")
		must(t, custom.To("room").Emit("e", 1))
		c.expect(`2/custom,["e",1]`)
		c.nothing()
		equal(t, "sockets", r.srv.Len()+custom.Len(), 2)
	})
}

// A binary broadcast arrives intact over WebSocket and polling, whoever is first.
func TestBinaryBroadcastToMixedTransports(t *testing.T) {
	t.Parallel()
	for _, pollFirst := range []bool{true, false} {
		bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
			var c *client
			var p *poller
			if pollFirst {
				p = r.poller()
				p.join()
			}
			c, _ = r.socket()
			if !pollFirst {
				p = r.poller()
				p.join()
			}
			must(t, r.srv.Emit("bin", []byte{1, 2, 3}, "x"))
			must(t, r.srv.Emit("after"))
			c.expect(`51-["bin",{"_placeholder":true,"num":0},"x"]`)
			c.expectBinary("\x01\x02\x03")
			c.expect(`2["after"]`)
			equal(t, "payload", p.get(), `451-["bin",{"_placeholder":true,"num":0},"x"]`+"\x1e"+`bAQID`+"\x1e"+`42["after"]`)
		})
	}
}

func TestEmitEncodesBeforeItReturns(t *testing.T) {
	t.Parallel()
	bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
		c, s := r.socket()
		b, m := []byte("abc"), map[string]int{"n": 1}
		must(t, s.Emit("one", b, m))
		must(t, r.srv.Emit("two", b, m))
		b[0], m["n"] = 'X', 2
		for _, name := range []string{"one", "two"} {
			c.expect(fmt.Sprintf(`51-["%s",{"_placeholder":true,"num":0},{"n":1}]`, name))
			c.expectBinary("abc")
		}
		var encode *socketio.EncodeError
		for _, err := range []error{s.Emit("x", make(chan int)), r.srv.Emit("x", 1, make(chan int)), s.Emit("connect"), r.srv.Emit("disconnecting")} {
			if !errors.As(err, &encode) {
				t.Errorf("got %v, want *EncodeError", err)
			}
		}
		c.nothing()
	})
}

func TestVolatileIsDroppedWhenTheClientIsBehindOnly(t *testing.T) {
	t.Parallel()
	bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
		socketio.On(r.srv, "go", func(_ context.Context, s *socketio.Socket, _ struct{}) error {
			must(t, s.Emit("normal"))
			return s.Volatile().Emit("volatile") // behind an emit of the same handler
		})
		c, _ := r.socket()
		c.send(`2["go"]`)
		c.expect(`2["normal"]`, `2["volatile"]`)

		p := r.poller()
		polling := r.srv.Socket(p.join())
		must(t, polling.Volatile().Emit("dropped", []byte{1})) // no poll is open
		must(t, r.srv.Volatile().Emit("dropped for it"))
		c.expect(`2["dropped for it"]`)
		must(t, polling.Emit("kept"))
		equal(t, "payload", p.get(), `42["kept"]`)
	})
}

func TestJoinAndLeave(t *testing.T) {
	t.Parallel()
	bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
		clients, s := crowd(r)
		rooms := func() string {
			got := s[0].Rooms()
			equal(t, "own room", got[0], s[0].ID())
			slices.Sort(got[1:])
			return strings.Join(got[1:], " ")
		}
		s[0].Join("x", "z", "z")
		equal(t, "after Join", rooms(), "x z")
		s[0].Leave("x", "nowhere", s[0].ID())
		equal(t, "after Leave", rooms(), "z")
		must(t, r.srv.To(s[0].ID()).Emit("own"))
		clients[0].expect(`2["own"]`)
		must(t, r.srv.To("x").Leave("x")) // closes the room
		equal(t, "members of a closed room", r.srv.RoomLen("x"), 0)
		must(t, r.srv.To("y").Join("vip", "y"))
		equal(t, "members", r.srv.RoomLen("vip"), 2)
		must(t, r.srv.To("vip").Disconnect())
		clients[1].expect("1")
		clients[2].expect("1")
		must(t, s[0].Volatile().Close())
		clients[0].expect("1")
		clients[0].closed()
		synctest.Wait()
		equal(t, "sockets", r.srv.Len(), 0)
	})
}

func TestRoomHooks(t *testing.T) {
	t.Parallel()
	var got []string
	note := func(what string) func(*socketio.Namespace, string) {
		return func(n *socketio.Namespace, room string) { got = append(got, what+" "+n.Name()+" "+room) }
	}
	hooks := socketio.RoomHooks{
		Created: note("created"), Deleted: note("deleted"),
		Joined: func(n *socketio.Namespace, room, _ string) { note("joined")(n, room); panic("hook") },
		Left:   func(n *socketio.Namespace, room, _ string) { note("left")(n, room) },
	}
	bubble(t, socketio.Options{Rooms: hooks}, func(t *testing.T, r *rig) {
		c, s := r.socket()
		s.Join("a")
		synctest.Wait()
		s.Join("a")
		c.leave()
		synctest.Wait()
		equal(t, "events", strings.Join(got, ", "), "created / a, joined / a, left / a, deleted / a")
	})
}

func TestOnAnyOutgoing(t *testing.T) {
	t.Parallel()
	bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
		var got []string
		stop := r.srv.OnAnyOutgoing(func(_ context.Context, _ *socketio.Socket, p *socketio.Packet) error {
			var b []byte
			if p.Len() > 0 {
				must(t, p.Decode(&b))
			}
			got = append(got, p.Event()+string(b))
			return errors.New("stops nothing")
		})
		socketio.Handle(r.srv, "q", func(context.Context, *socketio.Socket, struct{}) (int, error) { return 1, nil })
		c, s := r.socket()
		_, _ = r.socket()
		must(t, s.Emit("unicast", []byte("!")))
		must(t, r.srv.Emit("broadcast"))
		c.send(`21["q"]`)
		c.expect(`51-["unicast",{"_placeholder":true,"num":0}]`)
		c.expectBinary("!")
		c.expect(`2["broadcast"]`, `31[1]`)
		stop()
		must(t, s.Emit("unseen"))
		equal(t, "seen", strings.Join(got, " "), "unicast! broadcast broadcast")
	})
}

func TestOversizeMessageEndsOnlyItsSender(t *testing.T) {
	t.Parallel()
	bubble(t, socketio.Options{Engine: engineio.Options{MaxPayload: 1000}}, func(t *testing.T, r *rig) {
		ends := r.ends()
		c, _ := r.socket()
		other, _ := r.socket()
		c.send(`2["x","` + strings.Repeat("a", 1000) + `"]`)
		if why := wait(t, "end", ends); !errors.Is(why.Err, engineio.ErrMessageTooLarge) {
			t.Errorf("ended with %v", why)
		}
		must(t, r.srv.Emit("alive"))
		other.expect(`2["alive"]`)
	})
}

func TestCompressLeavesTheChoiceToTheEmit(t *testing.T) {
	t.Parallel()
	o := socketio.Options{Engine: engineio.Options{PerMessageDeflate: &engineio.PerMessageDeflate{Threshold: 100}}}
	bubble(t, o, func(t *testing.T, r *rig) {
		c := r.dial("Sec-WebSocket-Extensions", "permessage-deflate")
		s := r.srv
		var id string
		var self *socketio.Socket
		s.OnConnect(func(_ context.Context, s *socketio.Socket) error {
			id, self = s.ID(), s
			return nil
		})
		c.join("")
		synctest.Wait()
		long := strings.Repeat("a", 200)
		for _, tc := range []struct {
			what       string
			emit       func(event string, args ...any) error
			compressed int32
		}{
			{"everyone", s.Emit, 1},
			{"everyone, plain", s.Compress(false).Emit, 0},
			{"a room, plain", s.To(id).Compress(false).Emit, 0},
			{"a room, plain and not", s.To(id).Compress(false).Compress(true).Emit, 1},
			{"itself", self.Emit, 1},
			{"itself, plain", self.Compress(false).Emit, 0},
			{"plain keeps other marks", s.Compress(false).Volatile().Except("x").Emit, 0},
		} {
			before := c.deflated.Load()
			must(t, tc.emit("e", long))
			c.expect(`2["e","` + long + `"]`)
			equal(t, tc.what, c.deflated.Load()-before, tc.compressed)
		}
		c.leave()
	})
}
