package socketio_test

import (
	"context"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/sockeye-io/sockeye/engineio"
	"github.com/sockeye-io/sockeye/internal/memnet"
	"github.com/sockeye-io/sockeye/socketio"
)

// drain is a listener whose connections, once switched, drop what is written to
// them, so that a benchmark does not measure the network in memory.
type drain struct {
	net.Listener
	on atomic.Bool
}

type drained struct {
	*memnet.Conn
	on *atomic.Bool
}

func (d *drain) Accept() (net.Conn, error) {
	nc, err := d.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &drained{nc.(*memnet.Conn), &d.on}, nil
}

func (d *drained) TryWrite(p []byte) (int, error) {
	if d.on.Load() {
		return len(p), nil
	}
	return d.Conn.TryWrite(p)
}

// drainedRig is a server in real time, and what makes its connections drop what
// is written to them.
func drainedRig(tb testing.TB, o socketio.Options) (*rig, *atomic.Bool) {
	tb.Helper()
	var d drain
	return start(tb, o, func(l net.Listener) net.Listener { d.Listener = l; return &d }), &d.on
}

// One event with an acknowledgement, from the session's message to its queue.
func BenchmarkEventToAck(b *testing.B) {
	payload := strings.Repeat("x", 128)
	handlers := []struct {
		name     string
		register func(srv *socketio.Server)
	}{
		{"typed", func(srv *socketio.Server) {
			socketio.Handle(srv, "echo", func(_ context.Context, _ *socketio.Socket, p string) (string, error) { return p, nil })
		}},
		{"untyped", func(srv *socketio.Server) {
			srv.OnPacket("echo", func(_ context.Context, _ *socketio.Socket, p *socketio.Packet) error {
				return p.Reply(p.Args().Raw(0))
			})
		}},
	}
	for _, h := range handlers {
		b.Run(h.name, func(b *testing.B) {
			r, on := drainedRig(b, socketio.Options{})
			h.register(r.srv)
			_, s := r.socket()
			on.Store(true)
			message := []byte(`21["echo","` + payload + `"]`)
			b.ReportAllocs()
			for b.Loop() {
				s.Feed(message)
			}
		})
	}
}

func BenchmarkEmit(b *testing.B) {
	r, on := drainedRig(b, socketio.Options{})
	_, s := r.socket()
	on.Store(true)
	payload := strings.Repeat("x", 128)
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Emit("msg", payload); err != nil {
			b.Fatal(err)
		}
	}
}

// A broadcast to 10,000 members, all but the network.
func BenchmarkBroadcast10000(b *testing.B) {
	const members = 10_000
	for _, target := range []string{"everyone", "room", "room with recovery"} {
		b.Run(target, func(b *testing.B) {
			o := socketio.Options{}
			if target == "room with recovery" {
				o = recovering(socketio.Recovery{})
			}
			r, on := drainedRig(b, o)
			for range members {
				_, s := r.socket()
				s.Join("room")
			}
			on.Store(true)
			to := socketio.Emitter(r.srv)
			if target != "everyone" {
				to = r.srv.To("room")
			}
			payload := strings.Repeat("x", 128)
			b.ReportAllocs()
			for b.Loop() {
				if err := to.Emit("msg", payload); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/members, "ns/member")
		})
	}
}

func BenchmarkConnectAndLeave(b *testing.B) {
	r, on := drainedRig(b, socketio.Options{})
	r.srv.OnConnect(func(_ context.Context, s *socketio.Socket) error { s.Join("lobby"); return nil })
	_, s := r.socket()
	r.srv.Of("/n")
	on.Store(true)
	b.ReportAllocs()
	for b.Loop() {
		s.Feed([]byte("0/n,"))
		s.Feed([]byte("1/n,"))
	}
}

// A broadcast allocates the same however many members it has, with recovery too.
func TestBroadcastAllocatesNothingPerMember(t *testing.T) {
	for name, recovery := range map[string]*socketio.Recovery{"without recovery": nil, "with recovery": {}} {
		t.Run(name, func(t *testing.T) {
			one, many := broadcastAllocs(t, 1, recovery), broadcastAllocs(t, 100, recovery)
			if many > one+10 {
				t.Errorf("%v allocations for 100 members, %v for one", many, one)
			}
			t.Logf("%v allocations", one)
		})
	}
}

// broadcastAllocs counts the allocations of a broadcast.
func broadcastAllocs(t *testing.T, members int, recovery *socketio.Recovery) (n float64) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		o := socketio.Options{Recovery: recovery, Engine: engineio.Options{OutboundLimit: 1 << 30}}
		r := start(t, o, func(l net.Listener) net.Listener { return l })
		clients := make([]*client, members)
		for i := range clients {
			var s *socketio.Socket
			clients[i], s = r.socket()
			s.Join("room")
		}
		for _, c := range clients {
			c.nc.Freeze() // what is written stays in the queues from here on
		}
		for range 4 {
			must(t, r.srv.Emit("fill", strings.Repeat("x", 100_000)))
			synctest.Wait()
		}
		n = testing.AllocsPerRun(20, func() { must(t, r.srv.To("room").Emit("msg", "x", 1)) })
		for _, c := range clients {
			c.nc.Thaw()
		}
	})
	return n
}
