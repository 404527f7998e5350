package transport

import (
	"math"
	"sync"
	"sync/atomic"
)

// Sizes of the outbound path, in bytes.
const (
	// corkSize is how much may wait for the end of a turn.
	corkSize = 16 << 10
	// copySize is the largest message that is copied into a queue's own chunk;
	// a larger one is kept by reference.
	copySize = 1 << 10
	// directSize is the smallest segment worth a write of its own instead of a
	// copy into the gather buffer.
	directSize = 16 << 10
)

// GatherSize is how many bytes one write of gathered segments takes at most.
const GatherSize = 64 << 10

// Queue holds the packets that wait to be sent to one peer, in order, as
// complete server WebSocket frames. Its zero value is not usable: see Init. It
// must not be copied.
//
// A queue is bounded in bytes. An append that would exceed the bound while the
// peer is what the queue waits for fails with ErrSlowConsumer; while the writer
// is at work and the peer keeps up, twice the bound is allowed.
type Queue struct {
	// Static after Init.
	flusher *Flusher
	limit   int32

	deflates atomic.Bool // set once: the peer takes compressed messages

	// Guarded by the flusher while scheduled is set, unused otherwise.
	next *Queue

	mu sync.Mutex
	// Guarded by mu.
	drainer   Drainer
	segs      segments
	bytes     int   // queued and not yet written
	corked    int32 // turns under way
	exempt    int32 // of bytes, at most: not held against the limit
	scheduled bool  // in the flusher's list, or in a fan-out's
	writing   bool  // somebody has the writer role
	stalled   bool  // bytes wait for the peer itself: volatile packets are dropped
	finishing bool  // nothing more may be appended; the drainer ends when empty
	closed    bool
	dialect   Dialect // static: it stands here for the size
}

// Init prepares a queue. Limit is its bound in bytes, at most 2 GB.
func (q *Queue) Init(f *Flusher, limit int) {
	q.flusher, q.limit = f, int32(min(limit, math.MaxInt32))
}

// Speak sets the dialect of the queue's peer, DialectV4 unless it is called. It is
// called before the first message.
func (q *Queue) Speak(d Dialect) { q.dialect = d }

// SetDrainer says who empties the queue from now on. Stalled tells whether the
// peer has yet to ask for anything, as a poller without an open GET.
func (q *Queue) SetDrainer(d Drainer, stalled bool) {
	q.mu.Lock()
	q.drainer, q.stalled = d, stalled
	q.mu.Unlock()
}

// SetStalled says whether what is queued waits for the peer itself. It counts
// only from the queue's own drainer: a transport that an upgrade has replaced
// knows nothing of the new one's peer.
func (q *Queue) SetStalled(by Drainer, stalled bool) {
	q.mu.Lock()
	if q.drainer == by {
		q.stalled = stalled
	}
	q.mu.Unlock()
}

// Len returns the bytes that are queued and not yet written.
func (q *Queue) Len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.bytes
}

// Write appends a message and its attachments, copied. It returns nil when the
// message was queued, or dropped because it is volatile and the peer is behind
// or the queue is full; ErrClosed; or ErrSlowConsumer, and then the caller must
// close the session. A nil text without attachments is nothing.
func (q *Queue) Write(text []byte, attachments [][]byte, volatile bool) error {
	if q.deflates.Load() {
		if done, err := q.writeCompressed(text, attachments, volatile); done {
			return err
		}
	}
	return q.WritePlain(text, attachments, volatile)
}

// WritePlain is Write without compression.
func (q *Queue) WritePlain(text []byte, attachments [][]byte, volatile bool) error {
	size := framesSize(q.dialect, text, attachments)
	q.mu.Lock()
	if drop, err := q.admitLocked(size, volatile, true); drop || err != nil {
		q.mu.Unlock()
		return err
	}
	if size <= copySize {
		c := q.chunkLocked(size)
		c.n = len(appendFrames(q.dialect, c.b[:c.n], text, attachments))
	} else {
		q.segs.push(segment{msg: newMessage(q.dialect, text, attachments)})
	}
	q.grownLocked(size)
	return nil
}

// WriteMessage appends a prepared message, by reference or copied.
func (q *Queue) WriteMessage(m *Message, volatile bool) error {
	m = q.formOf(m)
	q.mu.Lock()
	if drop, err := q.admitLocked(len(m.frames), volatile, true); drop || err != nil {
		q.mu.Unlock()
		return err
	}
	q.addLocked(m)
	q.grownLocked(len(m.frames))
	return nil
}

// WriteUnit appends prepared messages, all or none, whatever the bound: what they
// add is not held against it until they have been written. It returns nil or
// ErrClosed.
func (q *Queue) WriteUnit(ms []*Message) error {
	q.mu.Lock()
	if q.closed || q.finishing {
		q.mu.Unlock()
		return ErrClosed
	}
	size := 0
	for _, m := range ms {
		m = q.formOf(m)
		q.addLocked(m)
		size += len(m.frames)
	}
	q.exempt = int32(min(int(q.exemptLocked())+size, math.MaxInt32))
	q.grownLocked(size)
	return nil
}

// exemptLocked returns how many of the queued bytes are not held against the
// limit.
func (q *Queue) exemptLocked() int32 {
	q.exempt = int32(min(int(q.exempt), q.bytes))
	return q.exempt
}

// offer is WriteMessage for a fan-out: it reports whether the queue must be
// handed to the flusher, which the caller does later for many at once.
func (q *Queue) offer(m *Message, volatile bool) (flush bool, err error) {
	m = q.formOf(m)
	q.mu.Lock()
	defer q.mu.Unlock()
	if drop, err := q.admitLocked(len(m.frames), volatile, false); drop || err != nil {
		return false, err
	}
	q.addLocked(m)
	q.bytes += len(m.frames)
	return q.wantsFlushLocked(), nil
}

// WritePacket appends an Engine.IO packet that is not a message, such as a
// ping, as a text frame of less than 126 bytes. It is not held against the
// limit, so that a full queue does not keep the protocol from working.
func (q *Queue) WritePacket(packet string) {
	q.mu.Lock()
	if q.closed || q.finishing {
		q.mu.Unlock()
		return
	}
	q.appendControlLocked(finText, packet)
	q.grownLocked(2 + len(packet))
}

// WriteControl appends a WebSocket control frame with the given first byte. It
// is dropped when the peer is behind: control frames answer a peer that reads.
func (q *Queue) WriteControl(first byte, payload string) {
	q.mu.Lock()
	if q.closed || q.finishing || q.stalled {
		q.mu.Unlock()
		return
	}
	q.appendControlLocked(first, payload)
	q.grownLocked(2 + len(payload))
}

// Finish appends a last frame (none when first is zero) and lets nothing more
// in. The drainer ends when the queue is empty.
func (q *Queue) Finish(first byte, payload string) {
	q.mu.Lock()
	if q.closed || q.finishing {
		q.mu.Unlock()
		return
	}
	q.finishing = true
	q.corked = 0
	if first != 0 {
		q.appendControlLocked(first, payload)
		q.bytes += 2 + len(payload)
	}
	q.unlockAndDrain()
}

// Discard empties the queue and lets nothing more in.
func (q *Queue) Discard() {
	q.mu.Lock()
	q.closed = true
	if !q.writing { // else the writer does it: it may be reading the segments
		q.dropLocked()
	}
	q.mu.Unlock()
}

// Cork makes appended bytes wait for company until the matching Uncork.
func (q *Queue) Cork() {
	q.mu.Lock()
	q.corked++
	q.mu.Unlock()
}

// Uncork ends a Cork and, if it was the last, writes what has gathered on the
// calling goroutine.
func (q *Queue) Uncork() {
	q.mu.Lock()
	if q.corked > 0 {
		q.corked--
	}
	if q.corked > 0 || q.bytes == 0 {
		q.mu.Unlock()
		return
	}
	q.unlockAndDrain()
}

// unlockAndDrain unlocks and empties the queue on this goroutine.
func (q *Queue) unlockAndDrain() {
	d := q.drainer
	q.mu.Unlock()
	if d != nil {
		d.Drain()
	}
}

// admitLocked decides over an append of size bytes; none are always dropped.
// With drain it may write what is queued before it gives up on a peer, and
// unlocks meanwhile.
func (q *Queue) admitLocked(size int, volatile, drain bool) (drop bool, err error) {
	if q.closed || q.finishing {
		return false, ErrClosed
	}
	if size == 0 || (volatile && q.stalled) {
		return true, nil
	}
	counted, limit := q.bytes-int(q.exemptLocked()), int(q.limit)
	if counted == 0 || counted+size <= limit {
		return false, nil
	}
	if drain && !q.stalled && !q.writing && q.drainer != nil {
		// Nobody has tried the peer yet, perhaps for want of a processor.
		d := q.drainer
		q.mu.Unlock()
		d.Drain()
		q.mu.Lock()
		if q.closed || q.finishing {
			return false, ErrClosed
		}
	}
	if !q.stalled {
		limit *= 2
	}
	counted = q.bytes - int(q.exemptLocked())
	if counted == 0 || counted+size <= limit {
		return false, nil
	}
	if volatile {
		return true, nil
	}
	return false, ErrSlowConsumer
}

// addLocked appends m: copied when it is small and the last chunk has room for
// it, which saves the next write a segment; by reference otherwise, so that a
// member of a broadcast costs no memory of its own.
func (q *Queue) addLocked(m *Message) {
	if c := q.segs.tailChunk(); c != nil && len(m.frames) <= copySize && len(c.b)-c.n >= len(m.frames) {
		c.n += copy(c.b[c.n:], m.frames)
		return
	}
	q.segs.push(segment{msg: m})
}

// chunkLocked returns the queue's own chunk with room for size bytes.
func (q *Queue) chunkLocked(size int) *chunk {
	if c := q.segs.tailChunk(); c != nil && len(c.b)-c.n >= size {
		return c
	}
	c := newChunk()
	q.segs.push(segment{own: c})
	return c
}

func (q *Queue) appendControlLocked(first byte, payload string) {
	c := q.chunkLocked(2 + len(payload))
	b := appendHeader(c.b[:c.n], first, len(payload))
	c.n = len(append(b, payload...))
}

// grownLocked accounts for size appended bytes, unlocks, and sees to it that
// they will be written.
func (q *Queue) grownLocked(size int) {
	q.bytes += size
	flush := q.wantsFlushLocked()
	q.mu.Unlock()
	if flush {
		q.flusher.push(q)
	}
}

// wantsFlushLocked reports, once, that the queue must be handed to the flusher.
func (q *Queue) wantsFlushLocked() bool {
	if q.scheduled || q.writing || q.drainer == nil || (q.corked > 0 && q.bytes < corkSize) {
		return false
	}
	q.scheduled = true
	return true
}
