package transport

import "sync"

// chunk is a queue's own memory for small messages. It belongs to exactly one
// segment of one queue.
type chunk struct {
	n int
	b [4096 - 8]byte
}

var chunks = sync.Pool{New: func() any { return new(chunk) }}

func newChunk() *chunk {
	c, _ := chunks.Get().(*chunk)
	c.n = 0
	return c
}

// segment is a stretch of queued bytes: a shared message or an own chunk.
type segment struct {
	msg *Message
	own *chunk
}

func (s segment) data() []byte {
	if s.own != nil {
		return s.own.b[:s.own.n]
	}
	return s.msg.frames
}

func (s segment) release() {
	if s.own != nil {
		chunks.Put(s.own)
	}
}

// segments is a first-in, first-out list: two places inline and pooled blocks
// beyond, so that a member of a broadcast costs no allocation.
type segments struct {
	inline [inlineSegments]segment
	n      int32     // in use, inline and more together
	head   int32     // bytes of the first segment that are gone
	more   []segment // those behind the inline ones, from first on
	first  int
}

// inlineSegments is how many segments a queue holds without a block.
const inlineSegments = 2

// blockSize is how many segments a pooled block holds.
const blockSize = 62

var blocks = sync.Pool{New: func() any { return new([blockSize]segment) }}

func (s *segments) push(seg segment) {
	if s.n < inlineSegments {
		s.inline[s.n] = seg
	} else {
		if s.more == nil {
			b, _ := blocks.Get().(*[blockSize]segment)
			s.more = b[:0]
		}
		if len(s.more) == cap(s.more) && s.first > len(s.more)/2 {
			// Mostly places that are free again: a queue that is never empty
			// must not grow for ever.
			n := copy(s.more, s.more[s.first:])
			clear(s.more[n:])
			s.more, s.first = s.more[:n], 0
		}
		s.more = append(s.more, seg)
	}
	s.n++
}

// pop removes the first segment and releases it.
func (s *segments) pop() {
	s.inline[0].release()
	s.head = 0
	s.n--
	s.inline[0] = s.inline[1]
	s.inline[1] = segment{}
	if s.first < len(s.more) {
		s.inline[1] = s.more[s.first]
		s.more[s.first] = segment{}
		s.first++
		if s.first == len(s.more) {
			if cap(s.more) == blockSize { // else it has grown: left to the collector
				blocks.Put((*[blockSize]segment)(s.more[:blockSize]))
			}
			s.more, s.first = nil, 0
		}
	}
}

// at returns the i-th segment.
func (s *segments) at(i int32) segment {
	if i < inlineSegments {
		return s.inline[i]
	}
	return s.more[int32(s.first)+i-inlineSegments]
}

// tailChunk returns the chunk of the last segment, or nil.
func (s *segments) tailChunk() *chunk {
	if s.n == 0 {
		return nil
	}
	return s.at(s.n - 1).own
}
