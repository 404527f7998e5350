//go:build linux

package load

import (
	"context"
	"fmt"
	"time"
)

// broadcast is the mode Broadcast: the first connection sends, all of them,
// the first one included, receive, each in the order of sending.
type broadcast struct {
	l       *loop
	ring    *ring
	stopped bool
	units   int64
	times   histogram

	head    uint32                  // the next message
	sent    [ringSize]time.Duration // when each message left
	missing [ringSize]int           // members that have not received it, 0 when it is over
	flying  int                     // messages that are not over
	over    int                     // messages that were over in this turn
}

func newBroadcast(l *loop) *broadcast {
	return &broadcast{l: l, ring: newRing("broadcast", false, "msg", l.cfg.Payload)}
}

func (b *broadcast) begin(ctx context.Context) error {
	if err := b.l.dialAll(ctx); err != nil {
		return err
	}
	return b.send(b.l.cfg.InFlight)
}

func (b *broadcast) join(*conn) error { return nil }

func (b *broadcast) packet(c *conn, p []byte) error {
	i, err := b.ring.index(p)
	if err != nil {
		return err
	}
	if i != c.next || b.missing[i] == 0 {
		return fmt.Errorf("message %d was received, the next one is %d", firstID+i, firstID+c.next)
	}
	c.next = (c.next + 1) % ringSize
	b.times.add(b.l.now - b.sent[i])
	b.units++
	if b.missing[i]--; b.missing[i] == 0 {
		b.flying--
		b.over++
	}
	return nil
}

func (b *broadcast) turn(*conn) error {
	n := b.over
	b.over = 0
	if n == 0 || b.stopped {
		return nil
	}
	return b.send(n)
}

// send sends the next n broadcasts with one write.
func (b *broadcast) send(n int) error {
	first, now := b.head, time.Since(b.l.start)
	for range n {
		b.sent[b.head], b.missing[b.head] = now, len(b.l.conns)
		b.head = (b.head + 1) % ringSize
	}
	b.flying += n
	return b.l.write(b.l.conns[0], b.ring.frames(first, n))
}

func (b *broadcast) stop()                     { b.stopped = true }
func (b *broadcast) idle() bool                { return b.flying == 0 }
func (b *broadcast) done() (int64, *histogram) { return b.units, &b.times }
