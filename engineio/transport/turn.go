package transport

import (
	"sync/atomic"
	"time"
)

// turnLimit is how long handlers may run before somebody else reads on and what
// they emitted leaves.
const turnLimit = time.Millisecond

// The states of a turn.
const (
	turnIdle    uint32 = iota // between turns, or taking input in
	turnRunning               // handlers run on the reading goroutine
	turnYielded               // somebody else reads on
)

// Turn is the stretch in which one goroutine handles what a read delivered.
// While it lasts, bytes for the same session wait for company. A turn that
// lasts longer than a millisecond yields: what has gathered leaves, and the
// reading is passed on, so that acknowledgements and pongs are seen while a
// handler is busy. A turn value is reused for the turns of one goroutine.
type Turn struct {
	queue *Queue
	pass  func() // passes the reading on; nil when there is none to pass
	state atomic.Uint32
	timer *time.Timer // fires Yield; made by the first Arm
}

// NewTurn returns a turn over a queue. Pass is called, at most once for each
// turn and from any goroutine, to have somebody else read on; nil if the
// calling goroutine does not read.
func NewTurn(q *Queue, pass func()) *Turn {
	return &Turn{queue: q, pass: pass}
}

// Begin starts a turn: bytes wait for company from now on.
func (t *Turn) Begin() { t.queue.Cork() }

// Arm lets the turn yield from now on. Whoever reads calls it when it is done
// with the input and its state, before handlers run.
func (t *Turn) Arm() {
	if t.timer == nil {
		// Far off at first: the callback must not run before the field is set.
		t.timer = time.AfterFunc(time.Hour, t.Yield)
	}
	t.state.Store(turnRunning)
	t.timer.Reset(turnLimit)
}

// End ends the turn, writes what has gathered, and reports whether the reading
// is still the caller's. If it is not, the caller must touch nothing that
// belongs to the reader.
func (t *Turn) End() bool {
	switch {
	case t.state.CompareAndSwap(turnRunning, turnIdle):
		t.timer.Stop()
	case t.state.Load() == turnYielded:
		return false
	}
	t.queue.Uncork()
	return true
}

// Yield writes what has gathered and passes the reading on. The library calls
// it before anything that waits; a second call does nothing. It may be called
// from any goroutine, and on nil.
func (t *Turn) Yield() {
	if t == nil || !t.state.CompareAndSwap(turnRunning, turnYielded) {
		return
	}
	t.timer.Stop()
	t.queue.Uncork()
	if t.pass != nil {
		t.pass()
	}
}
