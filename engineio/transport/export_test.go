package transport

import "github.com/sockeye-io/sockeye/internal/worker"

// Sizes and times that the rules are stated in.
const (
	CorkSize   = corkSize
	CopySize   = copySize
	DirectSize = directSize
	BlockSize  = blockSize
	TurnLimit  = turnLimit
)

// NextFrame splits the first frame off b.
func NextFrame(b []byte) (payload []byte, isBinary bool, size int) { return nextFrame(b) }

// Frames returns the bytes that m puts into a queue.
func (m *Message) Frames() []byte { return m.frames }

// Room returns how many segments the queue has memory for.
func (q *Queue) Room() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return inlineSegments + cap(q.segs.more)
}

// NewFlusherOf is NewFlusher with a limit of its own.
func NewFlusherOf(group *worker.Group, limit int) *Flusher {
	return &Flusher{group: group, limit: limit}
}
