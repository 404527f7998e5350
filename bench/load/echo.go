//go:build linux

package load

import (
	"context"
	"fmt"
	"time"
)

// echo is the mode Echo: every connection has a window of its own.
type echo struct {
	l           *loop
	ring        *ring
	outstanding int
	stopped     bool
	units       int64
	times       histogram
}

func newEcho(l *loop) *echo {
	return &echo{l: l, ring: newRing("echo", true, "", l.cfg.Payload)}
}

func (e *echo) begin(ctx context.Context) error {
	if err := e.l.dialAll(ctx); err != nil {
		return err
	}
	e.l.now = time.Since(e.l.start)
	for _, c := range e.l.conns {
		if err := e.send(c, e.l.cfg.InFlight); err != nil {
			return err
		}
	}
	return nil
}

// join starts each connection at another message, so that a reply that went to
// the wrong connection is noticed.
func (e *echo) join(c *conn) error {
	c.sent = new([ringSize]time.Duration)
	c.next = uint32(c.slot*13) % ringSize
	return nil
}

func (e *echo) packet(c *conn, p []byte) error {
	i, err := e.ring.index(p)
	if err != nil {
		return err
	}
	if c.sent[i] == 0 {
		return fmt.Errorf("answer %d to a message that is not outstanding", firstID+i)
	}
	e.times.add(e.l.now - c.sent[i])
	c.sent[i] = 0
	c.due++
	e.units++
	e.outstanding--
	return nil
}

func (e *echo) turn(c *conn) error {
	n := c.due
	c.due = 0
	if n == 0 || e.stopped {
		return nil
	}
	return e.send(c, n)
}

// send sends the next n messages with one write.
func (e *echo) send(c *conn, n int) error {
	first := c.next
	for range n {
		if c.sent[c.next] != 0 {
			return fmt.Errorf("message %d was not answered though %d later ones were", firstID+c.next, ringSize-e.l.cfg.InFlight)
		}
		c.sent[c.next] = e.l.now
		c.next = (c.next + 1) % ringSize
	}
	e.outstanding += n
	return e.l.write(c, e.ring.frames(first, n))
}

func (e *echo) stop()                     { e.stopped = true }
func (e *echo) idle() bool                { return e.outstanding == 0 }
func (e *echo) done() (int64, *histogram) { return e.units, &e.times }
