package socketio_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sockeye-io/sockeye/engineio"
	"github.com/sockeye-io/sockeye/socketio"
)

// ends records what disconnect handlers are told.
func (r *rig) ends() <-chan socketio.Disconnect {
	ch := make(chan socketio.Disconnect, 100)
	r.srv.OnDisconnect(func(_ context.Context, _ *socketio.Socket, why socketio.Disconnect) { ch <- why })
	return ch
}

// The strings are those of the Node.js server for the same situation.
func TestDisconnectReasons(t *testing.T) {
	t.Parallel()
	tests := []struct {
		rule  string
		end   func(r *rig, c *client, s *socketio.Socket)
		want  socketio.Reason
		wire  string // what the client is sent
		stays bool   // the connection
	}{
		{"the client leaves the namespace", func(_ *rig, c *client, _ *socketio.Socket) { c.send("1") }, "client namespace disconnect", "", true},
		{"the client closes the connection", func(_ *rig, c *client, _ *socketio.Socket) { c.leave() }, "transport close", "", false},
		{"the connection is reset", func(_ *rig, c *client, _ *socketio.Socket) { c.nc.Cut() }, "transport close", "", false},
		{"a frame is not masked", func(_ *rig, c *client, _ *socketio.Socket) { c.raw([]byte{0x81, 1, '2'}) }, "transport error", "", false},
		{"Disconnect", func(_ *rig, _ *client, s *socketio.Socket) { s.Disconnect() }, "server namespace disconnect", "1", true},
		{"Close", func(_ *rig, _ *client, s *socketio.Socket) { s.Close() }, "server namespace disconnect", "1", false},
		{"the session is closed", func(r *rig, c *client, _ *socketio.Socket) {
			r.srv.Engine().Session(c.sid).Close()
		}, "forced close", "", false},
		{"no pong comes", func(_ *rig, c *client, _ *socketio.Socket) { c.mute.Store(true) }, "ping timeout", "", false},
		{"a packet that is none", func(_ *rig, c *client, _ *socketio.Socket) { c.send("2{}") }, "forced close", "", false},
		{"an event for a namespace not joined", func(_ *rig, c *client, _ *socketio.Socket) { c.send(`2/custom,["x"]`) }, "forced close", "", false},
		{"an unknown Engine.IO packet", func(_ *rig, c *client, _ *socketio.Socket) { c.raw(frame(1, "9")) }, "parse error", "", false},
		{"the server shuts down", func(r *rig, _ *client, _ *socketio.Socket) {
			go r.srv.Shutdown(context.Background())
		}, "server shutting down", "", false},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
				r.srv.Of("/custom")
				ends := r.ends()
				c, s := r.socket()
				tt.end(r, c, s)
				equal(t, "reason", wait(t, "end", ends).Reason, tt.want)
				if tt.wire != "" {
					c.expect(tt.wire)
				}
				if tt.stays {
					c.nothing()
					c.join("") // and it may come back
					c.leave()
					equal(t, "second reason", wait(t, "end", ends).Reason, "transport close")
				} else {
					for m := range c.in {
						if !m.end && m.text != "engine:1" {
							t.Errorf("the client got %q at the end", m.text)
						}
					}
				}
				synctest.Wait()
				equal(t, "further ends", len(ends), 0)
				equal(t, "sockets", r.srv.Len(), 0)
				equal(t, "idle", s.Pending(), 0)
			})
		})
	}
}

func TestSlowConsumerIsDisconnectedAndNobodyElse(t *testing.T) {
	t.Parallel()
	o := socketio.Options{Engine: engineio.Options{OutboundLimit: 100_000}}
	bubble(t, o, func(t *testing.T, r *rig) {
		ends := r.ends()
		quick, _ := r.socket()
		slow, s := r.socket()
		slow.nc.Freeze()
		var err error
		for range 10_000 {
			if err = s.Emit("x", strings.Repeat("a", 1000)); err != nil {
				break
			}
		}
		if !errors.Is(err, socketio.ErrSlowConsumer) {
			t.Fatalf("got %v, want ErrSlowConsumer", err)
		}
		equal(t, "reason", wait(t, "end", ends).Reason, socketio.ReasonSlowConsumer)
		must(t, r.srv.Emit("still here"))
		quick.expect(`2["still here"]`)
		slow.nc.Thaw()
	})
}

func TestBroadcastDisconnectsSlowConsumerOnly(t *testing.T) {
	t.Parallel()
	o := socketio.Options{Engine: engineio.Options{OutboundLimit: 100_000}}
	bubble(t, o, func(t *testing.T, r *rig) {
		ends := r.ends()
		quick, _ := r.socket()
		slow, _ := r.socket()
		slow.nc.Freeze()
		n := 0
		for len(ends) == 0 {
			must(t, r.srv.Emit("x", strings.Repeat("a", 1000)))
			quick.next()
			synctest.Wait()
			if n++; n > 10_000 {
				t.Fatal("the slow one is never disconnected")
			}
		}
		equal(t, "reason", (<-ends).Reason, socketio.ReasonSlowConsumer)
		quick.nothing()
		slow.nc.Thaw()
	})
}

func TestCloseEndsEveryNamespace(t *testing.T) {
	t.Parallel()
	bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
		custom := r.srv.Of("/custom")
		ends := r.ends()
		custom.OnDisconnect(func(_ context.Context, s *socketio.Socket, why socketio.Disconnect) {
			equal(t, "reason in "+s.Namespace().Name(), why.Reason, socketio.ReasonServerDisconnect)
		})
		c, s := r.socket()
		other := custom.Socket(c.join("/custom"))
		must(t, s.Emit("bye"))
		must(t, other.Emit("bye"))
		s.Close()
		s.Close()
		c.expect(`2["bye"]`, `2/custom,["bye"]`)
		got := []string{c.next(), c.next()}
		slices.Sort(got)
		equal(t, "DISCONNECT packets", strings.Join(got, " "), "1 1/custom,")
		c.closed()
		equal(t, "reason", wait(t, "end", ends).Reason, socketio.ReasonServerDisconnect)
	})
}

func TestDisconnectDeliversWhatWasEmitted(t *testing.T) {
	t.Parallel()
	bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
		socketio.On(r.srv, "quit", func(_ context.Context, s *socketio.Socket, _ struct{}) error {
			must(t, s.Emit("bye"))
			s.Disconnect()
			s.Disconnect()
			return s.Emit("too late") // ErrDisconnected of its own socket is no news
		})
		r.srv.OnError(func(_ context.Context, _ *socketio.Socket, _ string, err error) { t.Errorf("reported: %v", err) })
		c, _ := r.socket()
		c.send(`2["quit"]`)
		c.expect(`2["bye"]`, "1")
		c.nothing()
	})
}

func TestNoBroadcastReachesALeftNamespace(t *testing.T) {
	t.Parallel()
	bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
		c, s := r.socket()
		s.Join("lobby")
		s.Disconnect()
		must(t, r.srv.Emit("x"))
		must(t, r.srv.To("lobby", s.ID()).Emit("x"))
		s.Join("lobby")
		equal(t, "sockets in the room", r.srv.RoomLen("lobby"), 0)
		c.expect("1")
		c.nothing()
	})
}

func TestRoomsAreReadableInDisconnectHandlers(t *testing.T) {
	t.Parallel()
	bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
		got := make(chan string, 2)
		handler := func(_ context.Context, s *socketio.Socket, _ socketio.Disconnect) {
			rooms := s.Rooms()
			equal(t, "first room", rooms[0], s.ID())
			got <- strings.Join(rooms[1:], " ")
		}
		r.srv.OnDisconnecting(handler)
		r.srv.OnDisconnect(handler)
		c, s := r.socket()
		s.Join("a")
		c.leave()
		equal(t, "in OnDisconnecting", wait(t, "rooms", got), "a")
		equal(t, "in OnDisconnect", wait(t, "rooms", got), "a")
	})
}

// The handlers of a socket that the client ended run behind the events that had
// arrived; the server's own end drops those.
func TestEventsBeforeTheEnd(t *testing.T) {
	t.Parallel()
	tests := []struct {
		rule string
		end  func(c *client, s *socketio.Socket)
		want string
	}{
		{"are handled if the client leaves", func(c *client, _ *socketio.Socket) { c.send("1") }, "1 2 3 end"},
		{"are handled if the connection closes", func(c *client, _ *socketio.Socket) { c.leave() }, "1 2 3 end"},
		{"are dropped if the server disconnects", func(_ *client, s *socketio.Socket) { s.Disconnect() }, "1 end"},
		{"are dropped if the server closes", func(_ *client, s *socketio.Socket) { s.Close() }, "1 end"},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
				var order []string
				release := make(chan struct{})
				r.srv.OnPacket("e", func(_ context.Context, _ *socketio.Socket, p *socketio.Packet) error {
					order = append(order, string(p.Args().Raw(0).Bytes()))
					<-release
					return nil
				})
				done := make(chan struct{})
				r.srv.OnDisconnect(func(context.Context, *socketio.Socket, socketio.Disconnect) {
					order = append(order, "end")
					close(done)
				})
				c, s := r.socket()
				c.send(`2["e",1]`, `2["e",2]`, `2["e",3]`)
				<-time.After(time.Second) // somebody else reads on
				tt.end(c, s)
				<-time.After(time.Second)
				if s.Context().Err() == nil {
					t.Fatal("the socket goes on")
				}
				close(release)
				wait(t, "end", done)
				equal(t, "order", strings.Join(order, " "), tt.want)
				p, b, _ := s.Held()
				equal(t, "held", p+b, 0)
			})
		})
	}
}

// A client may have sent events before it learned that the server has ended its
// socket: they are no reason to close the connection with its other namespaces.
func TestEventsThatCrossTheServersDisconnectAreDropped(t *testing.T) {
	t.Parallel()
	bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
		custom := r.srv.Of("/custom")
		seen := 0
		r.srv.OnAny(func(context.Context, *socketio.Socket, *socketio.Packet) error { seen++; return nil })
		c, s := r.socket()
		other := custom.Socket(c.join("/custom"))
		s.Disconnect()
		c.expect("1")
		c.send(`2["crossed"]`, `30[]`, `21["crossed"]`)
		c.nothing()
		must(t, other.Emit("alive"))
		c.expect(`2/custom,["alive"]`)
		equal(t, "events", seen, 0)
		c.send("1") // its own DISCONNECT crossed too; from now on it knows
		c.nothing()
		c.send(`2["again"]`)
		c.closed()
	})
}

func TestSecondConnectClosesTheConnection(t *testing.T) {
	t.Parallel()
	bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
		ends := r.ends()
		c, _ := r.socket()
		c.send("0")
		c.closed()
		why := wait(t, "end", ends)
		equal(t, "reason", why.Reason, socketio.ReasonForcedClose)
		if why.Err == nil || !strings.Contains(why.Err.Error(), "second CONNECT") {
			t.Errorf("detail %v, want it to tell", why.Err)
		}
	})
}

// What the Node.js server does with each of these, but for those it gets wrong.
func TestMalformedInput(t *testing.T) {
	t.Parallel()
	tests := []struct {
		send   string
		closes bool
	}{
		{`2["x",1`, true},
		{`2{}`, true},
		{`2[]`, true},
		{`2"x"`, true},
		{`2[null]`, true},
		{`2["connect"]`, true},
		{`2["disconnect","x"]`, true},
		{`2`, false},
		{`2[1,2]`, false},
		{`3[1]`, false},
		{`31[1]`, false},
		{`1{}`, true},
		{`7`, true},
		{`abc`, true},
		{``, true},
		{`50-["x"]`, true}, // would leave the decoder waiting for ever
		{`5-["x"]`, true},
		{`511-["x"]`, true},
		{`52["x"]`, true},
		{`5999999999-["e"]`, true},
		{`51-["x",{"_placeholder":true,"num":1}]`, true},
		{`2/,["x"]`, false},
		{`2/["x"]`, true},
		{`2 ["x"]`, true},
		{`2-1["x"]`, true},
		{`212.5["x"]`, true},
		{`4"x"`, true},
		{`0[]`, true},
	}
	for _, tt := range tests {
		t.Run(tt.send, func(t *testing.T) {
			t.Parallel()
			bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
				r.srv.OnPacket("x", func(context.Context, *socketio.Socket, *socketio.Packet) error { return nil })
				c, _ := r.socket()
				c.send(tt.send)
				if tt.closes {
					c.closed()
					return
				}
				c.nothing()
				must(t, r.srv.Emit("alive"))
				c.expect(`2["alive"]`)
			})
		})
	}
}

// A text message among the attachments of an event is not taken for one of them.
func TestTextAmongAttachmentsCloses(t *testing.T) {
	t.Parallel()
	bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
		c, _ := r.socket()
		c.send(`51-["x",{"_placeholder":true,"num":0}]`, `2["y"]`)
		c.closed()
	})
}

// Clients cannot run handlers of the server's own events.
func TestReservedEventsOfAClientClose(t *testing.T) {
	t.Parallel()
	bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
		var connects, ends atomic.Int32
		r.srv.OnConnect(func(context.Context, *socketio.Socket) error { connects.Add(1); return nil })
		r.srv.OnDisconnect(func(context.Context, *socketio.Socket, socketio.Disconnect) { ends.Add(1) })
		c, _ := r.socket()
		c.send(`2["connect",{},{"auth":1}]`)
		c.closed()
		synctest.Wait()
		equal(t, "connects", connects.Load(), 1)
		equal(t, "ends", ends.Load(), 1)
	})
}

func TestDisconnectHandlersContextOutlivesTheSocket(t *testing.T) {
	t.Parallel()
	bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
		done := make(chan struct{})
		r.srv.OnDisconnect(func(ctx context.Context, s *socketio.Socket, _ socketio.Disconnect) {
			defer close(done)
			if s.Context().Err() == nil {
				t.Error("the socket's own context goes on")
			}
			query, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			<-query.Done() // a clean-up query runs until its own deadline
			if !errors.Is(query.Err(), context.DeadlineExceeded) {
				t.Errorf("ended with %v", query.Err())
			}
		})
		c, _ := r.socket()
		c.leave()
		wait(t, "clean-up", done)
	})
}
