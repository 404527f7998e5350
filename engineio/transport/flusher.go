package transport

import (
	"runtime"
	"sync"

	"github.com/sockeye-io/sockeye/internal/worker"
)

// Flusher empties queues on goroutines of its own: at most one for each
// processor, and only while there is something to do. It belongs to a server.
type Flusher struct {
	group   *worker.Group
	limit   int
	deflate *Deflate // for the queues that EnableDeflate; nil for none

	mu sync.Mutex
	// Guarded by mu.
	head, tail *Queue // queues to empty, linked by Queue.next
	running    int
}

// NewFlusher returns a flusher that runs its goroutines in group.
func NewFlusher(group *worker.Group) *Flusher {
	return &Flusher{group: group, limit: runtime.GOMAXPROCS(0)}
}

// SetDeflate sets the compressor for queues with EnableDeflate. It is called
// before the first of them is used.
func (f *Flusher) SetDeflate(d *Deflate) { f.deflate = d }

// push appends a queue whose scheduled flag the caller has just set.
func (f *Flusher) push(q *Queue) { f.pushList(q, q, 1) }

// pushList appends n linked queues whose scheduled flags the caller has set.
func (f *Flusher) pushList(head, tail *Queue, n int) {
	f.mu.Lock()
	tail.next = nil
	if f.tail == nil {
		f.head = head
	} else {
		f.tail.next = head
	}
	f.tail = tail
	start := min(n, f.limit-f.running)
	f.running += start
	f.mu.Unlock()
	for range start {
		if !f.group.Go(f.run) {
			// The group takes no more goroutines: the server has shut down
			// and what is queued has nowhere to go.
			f.mu.Lock()
			f.running--
			f.mu.Unlock()
		}
	}
}

// run empties queues until there are none.
func (f *Flusher) run() {
	for {
		f.mu.Lock()
		q := f.head
		if q == nil {
			f.running--
			f.mu.Unlock()
			return
		}
		f.head = q.next
		if f.head == nil {
			f.tail = nil
		}
		q.next = nil
		f.mu.Unlock()
		if d := q.unschedule(); d != nil {
			d.Drain()
		}
	}
}

// Fanout sends one message to many queues and wakes the flusher once. It is
// used by one goroutine.
type Fanout struct {
	flusher    *Flusher
	msg        *Message
	volatile   bool
	head, tail *Queue // queues to flush, linked by Queue.next
	n          int
}

// NewFanout starts a fan-out of m.
func NewFanout(f *Flusher, m *Message, volatile bool) Fanout {
	return Fanout{flusher: f, msg: m, volatile: volatile}
}

// Add appends the message to q. It locks nothing but the queue and does not
// block. The error is that of Queue.WriteMessage.
func (f *Fanout) Add(q *Queue) error {
	flush, err := q.offer(f.msg, f.volatile)
	if flush {
		if f.tail == nil {
			f.head = q
		} else {
			f.tail.next = q
		}
		f.tail = q
		f.n++
	}
	return err
}

// Done hands the queues to the flusher. The caller holds no locks.
func (f *Fanout) Done() {
	if f.n > 0 {
		f.flusher.pushList(f.head, f.tail, f.n)
	}
	f.head, f.tail, f.n = nil, nil, 0
}
