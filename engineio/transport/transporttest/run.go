package transporttest

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sockeye-io/sockeye/engineio/eiowire"
	"github.com/sockeye-io/sockeye/engineio/transport"
	"github.com/sockeye-io/sockeye/internal/worker"
)

// Near is what the transport under test works with.
type Near struct {
	Sink         transport.Sink
	Queue        *transport.Queue // initialized; the transport becomes its drainer
	Group        *worker.Group    // runs the transport's goroutines
	MaxPayload   int              // the longest message, in bytes
	CloseTimeout time.Duration    // how long the end may take that Finish begins
}

// Transport is the end under test.
type Transport interface {
	transport.Drainer
	// Pause stops the reading; what is under way may still be delivered.
	Pause()
	// Resume undoes Pause.
	Resume()
	// Close ends the transport at once.
	Close()
}

// Peer is the client at the other end. Send and Receive are called by one
// goroutine each.
type Peer interface {
	// Send sends packets together, as one write or one request. It returns when
	// they have left, or with an error when the transport has ended or ctx has.
	Send(ctx context.Context, packets ...eiowire.Packet) error
	// Receive returns the next packet that is not a noop, and an error when the
	// transport has ended, which it answers as a client does, or when ctx has
	// ended. Between two calls the peer neither reads nor asks for anything.
	Receive(ctx context.Context) (eiowire.Packet, error)
	// Close ends the transport as a client does that says goodbye.
	Close(ctx context.Context) error
	// Vanish breaks the connection without a word, in a way that the transport
	// can see.
	Vanish()
}

// Link is a transport that has started, with its peer.
type Link struct {
	Transport Transport
	Finish    func() // ends the transport behind what is queued
	Peer      Peer
}

// Factory makes transports to test.
type Factory struct {
	// Connect starts a transport. What it starts beside is stopped by t.Cleanup,
	// which runs in the same bubble of virtual time.
	Connect func(t *testing.T, n Near) Link
	// Real says that the transport cannot run in virtual time.
	Real bool
}

// Run runs every rule of the contract, each with a transport of its own.
func Run(t *testing.T, f Factory) {
	t.Helper()
	for _, r := range rules {
		t.Run(r.rule, func(t *testing.T) {
			t.Parallel()
			if f.Real {
				play(t, f, r.test)
				return
			}
			synctest.Test(t, func(t *testing.T) { play(t, f, r.test) })
		})
	}
}

// play runs one test and checks that nothing of the transport is left.
func play(t *testing.T, f Factory, test func(g *game)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	g := &game{T: t, ctx: ctx, real: f.Real, rec: new(Recorder), queue: new(transport.Queue), group: new(worker.Group)}
	g.queue.Init(transport.NewFlusher(g.group), 64<<20)
	g.closeTimeout = 5 * time.Second
	if f.Real {
		g.closeTimeout = 500 * time.Millisecond
	}
	g.connect = func() {
		g.Link = f.Connect(t, Near{Sink: g.rec, Queue: g.queue, Group: g.group, MaxPayload: 1 << 20, CloseTimeout: g.closeTimeout})
	}
	test(g)
	g.queue.Discard()
	g.Transport.Close()
	g.Peer.Vanish()
	if err := g.group.Wait(ctx); err != nil {
		t.Errorf("%d goroutines are left after Close: %v", g.group.Len(), err)
	}
	if ends := g.rec.Ends(); len(ends) > 1 {
		t.Errorf("Lost was called %d times: %v", len(ends), ends)
	}
}

// game is a transport under test with all that belongs to it.
type game struct {
	*testing.T
	Link
	ctx          context.Context //nolint:containedctx // the test's own: it bounds every wait
	real         bool
	rec          *Recorder
	queue        *transport.Queue
	group        *worker.Group
	closeTimeout time.Duration
	connect      func()
}

// settle returns when everything has happened that is going to happen by itself.
func (g *game) settle() {
	if !g.real {
		synctest.Wait()
		return
	}
	<-time.After(100 * time.Millisecond)
}

// await returns when ok does, or fails.
func (g *game) await(what string, ok func() bool) {
	g.Helper()
	for !ok() {
		select {
		case <-g.ctx.Done():
			g.Fatalf("waiting until %s: %v", what, g.ctx.Err())
		case <-time.After(time.Millisecond):
		}
	}
}

// write queues a message.
func (g *game) write(volatile bool, text string, attachments ...[]byte) {
	g.Helper()
	if err := g.queue.Write([]byte(text), attachments, volatile); err != nil {
		g.Errorf("Write: %v", err)
	}
}

// send has the peer send packets.
func (g *game) send(packets ...eiowire.Packet) {
	g.Helper()
	if err := g.Peer.Send(g.ctx, packets...); err != nil {
		g.Errorf("the peer sends: %v", err)
	}
}

// receive has the peer receive a packet.
func (g *game) receive() string {
	g.Helper()
	p, err := g.Peer.Receive(g.ctx)
	if err != nil {
		g.Fatalf("the peer receives: %v", err)
	}
	return Show(p)
}

// expect has the peer receive these packets.
func (g *game) expect(want ...string) {
	g.Helper()
	for _, w := range want {
		if got := g.receive(); got != w {
			g.Fatalf("the peer received %.100q, want %.100q", got, w)
		}
	}
}

// waiting has the peer wait for a packet and returns where that will arrive.
func (g *game) waiting() <-chan string {
	got := make(chan string, 1)
	go func() {
		p, err := g.Peer.Receive(g.ctx)
		if err != nil {
			got <- err.Error()
			return
		}
		got <- Show(p)
	}()
	g.settle()
	return got
}

// expectEnd has the peer see the end, after any number of packets.
func (g *game) expectEnd() {
	g.Helper()
	for {
		if _, err := g.Peer.Receive(g.ctx); err != nil {
			if g.ctx.Err() != nil {
				g.Errorf("the peer does not see the end: %v", err)
			}
			return
		}
	}
}

// end waits for the end to be told and returns it.
func (g *game) end() transport.Close {
	g.Helper()
	g.await("the end is told", func() bool { return len(g.rec.Ends()) > 0 })
	g.settle()
	return g.rec.Ends()[0]
}

// message is a text message.
func message(text string) eiowire.Packet {
	return eiowire.Packet{Type: eiowire.Message, Data: []byte(text)}
}

// binary is a binary message.
func binary(data string) eiowire.Packet {
	return eiowire.Packet{Type: eiowire.Message, Binary: true, Data: []byte(data)}
}
