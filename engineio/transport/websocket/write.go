package websocket

import (
	"errors"
	"time"

	"github.com/sockeye-io/sockeye/engineio/transport"
	"github.com/sockeye-io/sockeye/internal/netconn"
)

// drainSize is how many bytes one Drain writes before other connections have
// their turn.
const drainSize = 256 << 10

// stallTime is how long a write may wait before what is queued counts as waiting
// for the peer.
const stallTime = 20 * time.Millisecond

// finText is the first byte of an unfragmented text frame.
const finText = 0x80 | opText

// Answer writes a text frame of less than 126 bytes at once, waiting for the
// peer's window if need be. Only the sink may call it, within Packet and before
// Attach: nothing else writes then.
func (c *Conn) Answer(packet string) error {
	return c.write(append([]byte{finText, byte(len(packet))}, packet...))
}

// Respond writes the answer to the handshake, waiting for the peer's window if
// need be. It is called before Start, and not by a connection whose queue
// carries the answer.
func (c *Conn) Respond(p []byte) error { return c.write(p) }

// write writes all of p before the connection is attached.
func (c *Conn) write(p []byte) error {
	c.early.Lock()
	defer c.early.Unlock()
	for {
		n, err := c.nc.TryWrite(p)
		p = p[n:]
		switch {
		case err == nil && len(p) == 0:
			return nil
		case errors.Is(err, netconn.ErrAgain):
			if err := c.nc.WaitWrite(); err != nil {
				return err
			}
		case err != nil:
			return err
		}
	}
}

// Drain writes what the queue holds, without blocking. When the peer's window
// is full, a goroutine waits for it and goes on.
func (c *Conn) Drain() {
	if c.queue.Acquire() {
		c.drain(0)
	}
}

// drain writes in the writer role; wrote bytes of what Advance returned last
// have left already.
func (c *Conn) drain(wrote int) {
	scratch := transport.GatherBuffer()
	defer transport.PutGatherBuffer(scratch)
	for total := 0; ; total += wrote {
		b, progress := c.queue.Advance(wrote, scratch)
		switch progress {
		case transport.ProgressFinished:
			_ = c.nc.CloseWrite() // the peer sees the end, or the connection is gone
			return
		case transport.ProgressEmpty:
			return
		case transport.ProgressWrite:
		}
		if total > drainSize {
			c.queue.Requeue()
			return
		}
		var err error
		wrote, err = c.nc.TryWrite(b)
		switch {
		case errors.Is(err, netconn.ErrMayWait):
			n := wrote
			c.cfg.Group.Go(func() { c.drainWaiting(n) })
			return
		case errors.Is(err, netconn.ErrAgain):
			c.queue.SetStalled(c, true)
			n := wrote
			c.cfg.Group.Go(func() { c.drainLater(n) })
			return
		case err != nil:
			c.writeFailed(err, scratch)
			return
		}
	}
}

// drainLater waits for the peer's window and goes on writing.
func (c *Conn) drainLater(wrote int) {
	if err := c.nc.WaitWrite(); err != nil {
		scratch := transport.GatherBuffer()
		defer transport.PutGatherBuffer(scratch)
		c.writeFailed(err, scratch)
		return
	}
	c.drain(wrote)
}

// drainWaiting goes on writing on a connection whose writes wait for the peer by
// themselves. A write that takes long tells that the peer does not read.
func (c *Conn) drainWaiting(wrote int) {
	stalled := time.AfterFunc(stallTime, func() { c.queue.SetStalled(c, true) })
	defer stalled.Stop()
	c.drainLater(wrote)
}

// writeFailed ends the connection; the caller has the writer role, which ends
// with it. The reader may be paused and see nothing of it, so the sink is told
// from here, on a goroutine of its own: whoever made this write may hold locks.
func (c *Conn) writeFailed(err error, scratch *[transport.GatherSize]byte) {
	c.queue.Discard()
	_, _ = c.queue.Advance(0, scratch) // lets go of what is queued
	c.Close()
	c.cfg.Group.Go(func() { c.tell(transport.Close{Reason: transport.ReasonTransportClose, Err: err}) })
}
