package transport

import "sync"

// gathers holds the buffers that writers collect small segments in.
var gathers = sync.Pool{New: func() any { return new([GatherSize]byte) }}

// GatherBuffer borrows a buffer for Advance; give it back with PutGatherBuffer.
func GatherBuffer() *[GatherSize]byte {
	b, _ := gathers.Get().(*[GatherSize]byte)
	return b
}

// PutGatherBuffer gives a borrowed buffer back.
func PutGatherBuffer(b *[GatherSize]byte) { gathers.Put(b) }

// Progress is what a writer does next.
type Progress uint8

// What Advance reports.
const (
	ProgressWrite    Progress = iota // write the bytes, then call Advance again
	ProgressEmpty                    // nothing is left; the writer role is given up
	ProgressFinished                 // nothing is left and nothing will come: end the transport
)

// Acquire takes the writer role. It reports false when somebody has it or when
// there is nothing to write. The holder calls Advance until that does not
// report ProgressWrite, or gives the role up with Requeue.
func (q *Queue) Acquire() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.writing || q.closed || (q.bytes == 0 && !q.finishing) {
		return false
	}
	q.writing = true
	return true
}

// Advance accounts for the bytes that the holder of the writer role has
// written and returns those to write next: a large segment itself, or small
// ones gathered in scratch. They stay valid until the next call.
func (q *Queue) Advance(wrote int, scratch *[GatherSize]byte) ([]byte, Progress) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.bytes -= wrote
	for wrote > 0 {
		left := len(q.segs.inline[0].data()) - int(q.segs.head)
		if wrote < left {
			q.segs.head += int32(wrote)
			break
		}
		wrote -= left
		q.segs.pop()
	}
	if q.closed {
		q.dropLocked()
	}
	if q.segs.n == 0 {
		q.writing, q.stalled = false, false
		if q.finishing && !q.closed {
			q.closed = true
			return nil, ProgressFinished
		}
		return nil, ProgressEmpty
	}
	first := q.segs.inline[0].data()[q.segs.head:]
	if q.segs.n == 1 || len(first) >= directSize {
		return first, ProgressWrite
	}
	b := append(scratch[:0], first...)
	for i := int32(1); i < q.segs.n && len(b) < GatherSize; i++ {
		data := q.segs.at(i).data()
		if len(data) >= directSize {
			break
		}
		b = append(b, data[:min(len(data), GatherSize-len(b))]...)
	}
	return b, ProgressWrite
}

// Requeue gives the writer role up in place of a write that Advance has asked
// for, and puts the queue at the back of the flusher's list, so that one busy
// peer does not hold up the others.
func (q *Queue) Requeue() {
	q.mu.Lock()
	q.writing = false
	if q.closed {
		q.dropLocked()
	}
	flush := q.bytes > 0 && q.wantsFlushLocked()
	q.mu.Unlock()
	if flush {
		q.flusher.push(q)
	}
}

// TakePayload moves the next packets into a polling payload of protocol v4, at
// most maxPackets of them (0: no limit) and maxBytes, unless the first alone is
// larger. It returns nil when there are none, when a turn is under way that will
// bring company, or when the queue is not the asking drainer's: after an upgrade
// its bytes, perhaps half of a frame, are on their way elsewhere.
func (q *Queue) TakePayload(by Drainer, maxPackets, maxBytes int) []byte {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.takeableLocked(by) {
		return nil
	}
	var dst []byte
	for packets := 0; q.segs.n > 0 && (maxPackets == 0 || packets < maxPackets); packets++ {
		payload, isBinary, size := q.frontLocked()
		need := payloadSize(payload, isBinary)
		if packets == 0 {
			dst = make([]byte, 0, max(need, min(q.bytes, maxBytes)))
		} else {
			if len(dst)+1+need > maxBytes {
				break
			}
			dst = append(dst, payloadSeparator)
		}
		dst = appendPayload(dst, payload, isBinary)
		q.consumeLocked(size)
	}
	return dst
}

// Finished reports whether the queue is empty and nothing more will come.
func (q *Queue) Finished() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.closed || (q.finishing && q.segs.n == 0)
}

// dropLocked releases everything that is queued.
func (q *Queue) dropLocked() {
	for q.segs.n > 0 {
		q.segs.pop()
	}
	q.bytes = 0
}

// unschedule takes the queue off the flusher's hands.
func (q *Queue) unschedule() Drainer {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.scheduled = false
	return q.drainer
}
