package websocket

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sockeye-io/sockeye/engineio/transport"
	"github.com/sockeye-io/sockeye/internal/netconn"
	"github.com/sockeye-io/sockeye/internal/worker"
)

// Config is what all connections of a server share.
type Config struct {
	MaxPayload   int           // the longest message, in bytes
	CloseTimeout time.Duration // how long the closing handshake may take
	Group        *worker.Group // runs the goroutines
	V3           bool          // binary messages begin with their packet type (protocol v3)
}

// The states of the reading (Conn.reading).
const (
	readingOn       uint32 = iota // somebody reads
	readingToStop                 // somebody reads and is to stop before the next read
	readingHasEnded               // nobody reads
)

// idleWait is how long a read must have waited for its goroutine to be
// exchanged for a fresh one afterwards: the stack that handlers have grown is
// not kept by a connection that has little to say.
const idleWait = time.Second

// Conn is one server-side WebSocket connection.
//
// Packets of its session leave through the session's queue, which the
// connection drains once the session says so. Until then, while an upgrade is
// probed, Answer is the only way to write.
type Conn struct {
	// Static.
	cfg   *Config
	nc    netconn.Conn
	queue *transport.Queue
	// Set before Start: what the handshake agreed on. Nil without compression.
	deflate *transport.Deflate

	// Owned by the reader, and by whoever starts it.
	sink     transport.Sink
	in       *input
	dead     error // the reading cannot go on
	peerCode int   // the code of the peer's close frame
	attached bool  // the queue is this connection's to drain
	settled  bool  // the first read has been handled

	reading atomic.Uint32
	lost    atomic.Bool                // the sink has been told
	linger  atomic.Pointer[time.Timer] // closes a connection whose peer does not

	early sync.Mutex // the writer role before the queue is attached
}

// New returns a connection over nc, whose handshake is done. It does nothing
// until Start.
func New(nc netconn.Conn, cfg *Config, sink transport.Sink, queue *transport.Queue) *Conn {
	return &Conn{nc: nc, cfg: cfg, sink: sink, queue: queue}
}

// Start begins to read. It reports false when the server has shut down; the
// connection is closed then.
func (c *Conn) Start() bool {
	if c.cfg.Group.Go(c.park) {
		return true
	}
	c.Close()
	return false
}

// UseDeflate makes the connection compress and inflate messages. It is called
// before Start, if the handshake has agreed to it.
func (c *Conn) UseDeflate(d *transport.Deflate) { c.deflate = d }

// Attach makes the connection the one that drains its queue and sends what it
// receives to sink. It is called before Start, or by the sink within Packet.
func (c *Conn) Attach(sink transport.Sink) {
	c.sink, c.attached = sink, true
	c.queue.SetDrainer(c, false)
	if c.deflate != nil {
		c.queue.EnableDeflate() // not before: a poll could take a compressed frame
	}
}

// Pause stops the reading before the next read. It may be called from any
// goroutine, as may Resume.
func (c *Conn) Pause() { c.reading.CompareAndSwap(readingOn, readingToStop) }

// Resume undoes Pause.
func (c *Conn) Resume() {
	if c.reading.CompareAndSwap(readingToStop, readingOn) {
		return
	}
	if c.reading.CompareAndSwap(readingHasEnded, readingOn) {
		c.cfg.Group.Go(c.park)
	}
}

// Close closes the connection at once. It may be called from any goroutine.
func (c *Conn) Close() {
	_ = c.nc.Close() // nobody is left to hear of it
	if t := c.linger.Swap(nil); t != nil {
		t.Stop()
	}
}

// Finish queues a close frame without a code behind what is queued already and
// lets the peer answer it; the connection closes then, or after
// Config.CloseTimeout. It may be called from any goroutine.
func (c *Conn) Finish() {
	c.awaitEnd()
	c.queue.Finish(finClose, "")
	c.Resume() // the answer must be read
}

// Abandon closes a connection that was started and is not going to be attached,
// with a close frame if there is room for one. It does not wait, and may be called
// from any goroutine.
func (c *Conn) Abandon() {
	if !c.early.TryLock() { // the reader waits for the peer's window
		c.Close()
		return
	}
	defer c.early.Unlock()
	if _, err := c.nc.TryWrite([]byte{finClose, 0}); err != nil {
		c.Close()
		return
	}
	_ = c.nc.CloseWrite() // the peer sees the end, or the connection is gone
	c.awaitEnd()          // the reader takes what the peer still says
}

// awaitEnd closes the connection after Config.CloseTimeout.
func (c *Conn) awaitEnd() {
	if t := c.linger.Swap(time.AfterFunc(c.cfg.CloseTimeout, c.Close)); t != nil {
		t.Stop()
	}
}

// park waits for input on a shallow stack.
func (c *Conn) park() {
	start := time.Now()
	b, err := c.nc.Receive()
	if err != nil {
		c.fail(err)
		return
	}
	c.serve(b, time.Since(start))
}

// passOn is called by a turn that yields: a fresh goroutine handles what is
// left to handle and reads on.
func (c *Conn) passOn() {
	if !c.cfg.Group.Go(func() { c.serve(nil, 0) }) {
		c.Close() // the server has shut down, and nobody is left to read
	}
}

// serve handles b, which took waited to arrive, and what follows, until the
// connection ends, falls idle or is paused, or somebody else reads on.
func (c *Conn) serve(b *netconn.Buffer, waited time.Duration) {
	turn := transport.NewTurn(c.queue, c.passOn)
	for {
		turn.Begin()
		if b != nil {
			c.dead = c.Feed(b.Bytes())
			b.Release()
		}
		sink := c.sink
		turn.Arm()
		sink.Turn(turn)
		if !turn.End() {
			return
		}
		if c.dead != nil {
			c.fail(c.dead)
			return
		}
		if c.reading.CompareAndSwap(readingToStop, readingHasEnded) {
			return
		}
		if !c.settled || waited > idleWait {
			c.settled = true
			c.cfg.Group.Go(c.park)
			return
		}
		start := time.Now()
		var err error
		if b, err = c.nc.Receive(); err != nil {
			c.fail(err)
			return
		}
		waited = time.Since(start)
	}
}

// fail ends a connection that cannot be read any more.
func (c *Conn) fail(err error) {
	var protocol *ProtocolError
	var end *transport.EndError
	switch {
	case errors.Is(err, errPeerClosed):
		c.sayClose(c.peerCode)
		c.tell(transport.Close{Reason: transport.ReasonTransportClose})
		c.Close()
	case errors.As(err, &end):
		c.refuse(0, end.Close)
	case errors.As(err, &protocol):
		c.refuse(protocol.Code, transport.Close{Reason: transport.ReasonTransportError, Err: err})
	case errors.Is(err, transport.ErrMessageTooLarge):
		c.refuse(codeTooLarge, transport.Close{Reason: transport.ReasonTransportError, Err: err})
	default:
		c.Close()
		c.tell(transport.Close{Reason: transport.ReasonTransportClose, Err: err})
	}
}

// Refuse closes a connection that is not wanted, with a close frame, in place of
// Start. It returns when the peer has gone, or after Config.CloseTimeout.
func (c *Conn) Refuse() { c.refuse(0, transport.Close{Reason: transport.ReasonForcedClose}) }

// refuse closes the connection because of what the peer sent. What the peer
// still sends is read and dropped for a while: closing over unread input would
// reset the connection and could take the close frame with it.
func (c *Conn) refuse(code int, end transport.Close) {
	c.awaitEnd()
	c.sayClose(code)
	c.tell(end)
	for {
		b, err := c.nc.Receive()
		if err != nil {
			c.Close()
			return
		}
		b.Release()
	}
}

// sayClose sends a close frame.
func (c *Conn) sayClose(code int) {
	if c.attached {
		c.queue.Finish(finClose, closePayload(code))
		return
	}
	payload := closePayload(code)
	if c.write(append([]byte{finClose, byte(len(payload))}, payload...)) == nil {
		_ = c.nc.CloseWrite() // the peer sees the end, or the connection is gone
	}
}

// tell reports the end to the sink, once.
func (c *Conn) tell(end transport.Close) {
	if c.lost.CompareAndSwap(false, true) {
		c.sink.Lost(end)
	}
}

// pong answers a ping frame.
func (c *Conn) pong(payload []byte) {
	if c.attached {
		c.queue.WriteControl(finPong, string(payload))
		return
	}
	_ = c.write(append([]byte{finPong, byte(len(payload))}, payload...)) // a failure shows in the next read
}
