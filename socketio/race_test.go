package socketio_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sockeye-io/sockeye/engineio"
	"github.com/sockeye-io/sockeye/socketio"
)

// Everything at once, from many goroutines: nothing races, blocks or is left.
func TestEverythingAgainstEverything(t *testing.T) {
	t.Parallel()
	o := socketio.Options{InboundPackets: 20, Engine: engineio.Options{CloseTimeout: time.Second}}
	bubble(t, o, func(t *testing.T, r *rig) {
		key := socketio.NewKey[int]("n")
		var handled atomic.Int32
		custom := r.srv.Of("/custom")
		custom.Concurrency(3)
		for _, n := range []*socketio.Namespace{r.srv.Namespace, custom} {
			n.Use(func(_ context.Context, s *socketio.Socket) error {
				s.Join("staged")
				return s.Emit("early")
			})
			n.OnConnect(func(_ context.Context, s *socketio.Socket) error { s.Join("lobby"); return nil })
			n.OnDisconnecting(func(_ context.Context, s *socketio.Socket, _ socketio.Disconnect) { s.Rooms() })
			n.OnDisconnect(func(ctx context.Context, s *socketio.Socket, _ socketio.Disconnect) { key.Get(s) })
			socketio.Handle(n, "call", func(ctx context.Context, s *socketio.Socket, i int) (int, error) {
				ctx, cancel := context.WithTimeout(ctx, 10*time.Millisecond)
				defer cancel()
				_, err := s.Call(ctx, "q", i)
				return i, err
			})
			socketio.On(n, "n", func(_ context.Context, s *socketio.Socket, i int) error {
				handled.Add(1)
				key.Set(s, i)
				return s.To("lobby").Emit("n", i, []byte{1})
			})
		}
		var wg sync.WaitGroup
		for g := range 8 {
			wg.Go(func() {
				for range 15 {
					visit(r, g, key)
				}
			})
		}
		stop := make(chan struct{})
		var servers sync.WaitGroup
		for g := range 3 {
			servers.Go(func() { serve(r, custom, g, stop) })
		}
		wg.Wait()
		close(stop)
		servers.Wait()
		<-time.After(time.Minute)
		synctest.Wait()
		if n := handled.Load(); n < 100 {
			t.Errorf("only %d events were handled", n)
		}
		equal(t, "sockets", r.srv.Len()+custom.Len(), 0)
		equal(t, "room members", r.srv.RoomLen("lobby")+custom.RoomLen("staged"), 0)
		equal(t, "sessions", r.srv.Engine().Len(), 0)
	})
}

// visit is a client's life.
func visit(r *rig, g int, key socketio.Key[int]) {
	c := r.dial()
	go func() {
		for range c.in {
		}
	}()
	defer c.leave()
	packets := append([]string{"0", "0/custom,"}, events(5)...)
	packets = append(packets, `21["call",1]`, `2/custom,1["call",2]`, `2/custom,2["call",3]`, `30[]`, `3/custom,0[]`)
	for i, p := range packets {
		if c.write(frame(1, "4"+p)) != nil {
			return
		}
		if i == 1 {
			<-time.After(time.Millisecond) // a client waits for CONNECT
		}
	}
	<-time.After(time.Duration(rand.IntN(20)) * time.Millisecond)
	if g%3 == 0 {
		_ = c.write(frame(1, "41"))
	}
}

// serve is what an application may do at any time.
func serve(r *rig, custom *socketio.Namespace, g int, stop <-chan struct{}) {
	for i := 0; ; i++ {
		select {
		case <-stop:
			return
		case <-time.After(100 * time.Microsecond):
		}
		switch (i + g) % 8 {
		case 0:
			_ = r.srv.Emit("all", i)
		case 1:
			_ = custom.To("lobby", "staged").Except("x").Emit("room", []byte("b"))
		case 2:
			_ = r.srv.To("lobby").Join("vip")
		case 3:
			_ = r.srv.To("vip").Leave("vip", "lobby")
		case 4:
			_ = r.srv.Volatile().To("staged").Emit("v")
		case 5:
			if i%5 == 0 {
				_ = r.srv.To("vip").Disconnect()
			}
		case 6:
			if i%7 == 0 {
				_ = custom.To("lobby").Close()
			}
		default:
			stop := r.srv.OnPacket("n", func(context.Context, *socketio.Socket, *socketio.Packet) error { return nil })
			stop()
		}
	}
}

// Of two goroutines that end a socket, one does: its handlers run once.
func TestSocketEndsOnce(t *testing.T) {
	t.Parallel()
	bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
		ends := r.ends()
		const rounds = 100
		for range rounds {
			c, s := r.socket()
			var wg sync.WaitGroup
			wg.Go(s.Disconnect)
			wg.Go(s.Close)
			wg.Go(c.leave)
			wg.Go(func() { _ = s.Emit("x") })
			wg.Go(func() { s.Join("room") })
			wg.Wait()
			synctest.Wait()
		}
		equal(t, "ends", len(ends), rounds)
		equal(t, "room members", r.srv.RoomLen("room"), 0)
	})
}

// A socket that joins rooms while it is accepted and while it ends is in none of
// them afterwards.
func TestJoinAgainstAcceptanceAndEnd(t *testing.T) {
	t.Parallel()
	bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
		var wg sync.WaitGroup
		r.srv.Use(func(_ context.Context, s *socketio.Socket) error {
			wg.Go(func() {
				for i := range 20 {
					s.Join("a", "b")
					_ = s.Emit("n", i)
					s.Leave("b")
				}
			})
			return nil
		})
		for range 50 {
			c := r.dial()
			c.send("0")
			c.joined("")
			for i := range 20 {
				c.expect(events(20)[i])
			}
			c.leave()
		}
		wg.Wait()
		synctest.Wait()
		equal(t, "room members", r.srv.RoomLen("a")+r.srv.RoomLen("b"), 0)
	})
}
