// Package wheel holds the timers of many connections behind one timer of the
// runtime.
//
// A Wheel is a ring of slots, one for each grain of time. A Timer is embedded in
// the object that it belongs to and hangs in the slot of its due time, so arming
// and stopping it are a few pointer writes and allocate nothing. The wheel is
// tickless: one time.AfterFunc sleeps to the next slot that holds a timer, found
// by bitmap, and an empty wheel has neither a goroutine nor a timer.
//
// # Concurrency
//
// All methods may be called from any goroutine, from an Expire too unless said
// otherwise. Timers expire one at a time, without any lock held, on a goroutine
// that the runtime starts for the occasion; those due within one grain in no
// particular order. An Expire that takes long delays every other timer of the
// wheel: it hands work on and does not block.
package wheel

import (
	"math"
	"math/bits"
	"sync"
	"time"
)

const (
	// DefaultGrain is the resolution of a wheel that New was given none for.
	DefaultGrain = 5 * time.Millisecond

	slots = 64 * 64 // one turn of the default grain is 20 s
	mask  = slots - 1

	never = math.MaxInt64
)

// Expirer is told that its timer is due.
type Expirer interface {
	// Expire runs without locks held and never two at once in one wheel. It must
	// not block. It may schedule and stop any timer of the wheel, its own too.
	Expire()
}

// Where a timer is.
const (
	idle = iota
	inSlot
	inDue // due; Expire has not been called yet
)

// Timer is one timer of a wheel; its zero value is ready and idle. It is 48
// bytes, is embedded by value, belongs to the wheel that it was first scheduled
// on and must not be copied while armed.
type Timer struct {
	// guarded by Wheel.mu
	next, prev *Timer
	e          Expirer
	due        int64 // the tick at which it expires
	where      uint8
}

// Wheel owns the timers of one server. New makes one.
type Wheel struct {
	// static
	grain time.Duration

	mu sync.Mutex

	// guarded by mu
	start  time.Time // tick 0; set by the first Schedule
	cursor int64     // every timer due at or before this tick has left its slot
	heads  []*Timer  // by tick modulo slots; made by the first Schedule
	words  [slots / 64]uint64
	groups uint64 // which words are not zero
	due    list

	timer    *time.Timer
	wake     int64 // tick that timer is set for; never if it is not set
	expiring bool  // a turn is running
	closed   bool
	quiet    chan struct{} // made by a Close that has to wait; closed by the last turn
}

// list is a queue of timers.
type list struct{ first, last *Timer }

// New makes a wheel whose timers are at most grain late, and never early. A
// grain of zero or less is DefaultGrain.
func New(grain time.Duration) *Wheel {
	if grain <= 0 {
		grain = DefaultGrain
	}
	return &Wheel{grain: grain, wake: never}
}

// Schedule arms t, or re-arms it, to call e.Expire once when d has passed: not
// before, and as a rule within the grain after. A d of zero or less is due at the
// next grain. After Close it does nothing.
//
// Re-arming a timer whose Expire has begun lets that one finish and adds another.
func (w *Wheel) Schedule(t *Timer, e Expirer, d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return
	}
	if w.heads == nil {
		w.heads = make([]*Timer, slots)
		w.start = time.Now()
	}
	w.removeLocked(t)
	t.e = e
	t.due = w.dueLocked(d)
	w.insertLocked(t)
	w.armLocked(t.due)
}

// Stop disarms t and reports whether that kept its Expire from being called:
// false if t was idle or its Expire has begun or ended.
func (w *Wheel) Stop(t *Timer) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	stopped := w.removeLocked(t)
	if w.groups == 0 && !w.expiring {
		w.disarmLocked()
	}
	return stopped
}

// Close disarms all timers, for good, and waits for an Expire that is running.
// It may be called more than once, but not from an Expire.
func (w *Wheel) Close() {
	w.mu.Lock()
	w.closed = true
	for slot := range w.heads {
		for w.heads[slot] != nil {
			w.removeLocked(w.heads[slot])
		}
	}
	for w.due.first != nil {
		w.removeLocked(w.due.first)
	}
	w.disarmLocked()
	if !w.expiring && w.wake == never {
		w.mu.Unlock()
		return
	}
	if w.quiet == nil {
		w.quiet = make(chan struct{})
	}
	quiet := w.quiet
	w.mu.Unlock()
	<-quiet
}

// turn is the function of the runtime's timer: it expires what is due and sets
// the timer anew. Turns do not overlap: the timer is set by the last act of one,
// and by others only while none is running or on its way.
func (w *Wheel) turn() {
	w.mu.Lock() // unlocked without defer: a panic in an Expire finds it unlocked
	w.wake = never
	w.expiring = true
	w.collectLocked(int64(time.Since(w.start) / w.grain))
	for t := w.due.first; t != nil; t = w.due.first {
		e := t.e
		w.removeLocked(t)
		w.mu.Unlock()
		e.Expire()
		w.mu.Lock()
	}
	w.expiring = false
	if w.quiet != nil {
		close(w.quiet)
		w.quiet = nil
	}
	if tick := w.nextLocked(); tick != never {
		w.armLocked(tick)
	}
	w.mu.Unlock()
}

// collectLocked moves every timer that is due at tick now to the due list and
// the cursor to now.
func (w *Wheel) collectLocked(now int64) {
	// After one full turn of the wheel every slot has been seen, and what was due
	// by now has been taken from it, however late the runtime's timer was.
	end := min(now, w.cursor+slots)
	for {
		tick := w.nextLocked()
		if tick > end {
			break
		}
		w.cursor = tick
		for t := w.heads[tick&mask]; t != nil; {
			next := t.next
			if t.due <= now {
				w.unlinkLocked(t)
				w.due.push(t)
				t.where = inDue
			}
			t = next
		}
	}
	w.cursor = max(w.cursor, now)
}

// nextLocked returns the first tick after the cursor whose slot holds a timer,
// of this or a later turn of the wheel; never if there is none.
func (w *Wheel) nextLocked() int64 {
	if w.groups == 0 {
		return never
	}
	from := w.cursor + 1
	pos := int(from & mask)
	word := pos / 64
	if rest := w.words[word] >> (pos % 64); rest != 0 {
		return from + int64(bits.TrailingZeros64(rest))
	}
	// The first word after this one, around the end; this one's lower half last.
	ahead := bits.RotateLeft64(w.groups, -(word + 1))
	word = (word + 1 + bits.TrailingZeros64(ahead)) % 64
	found := word*64 + bits.TrailingZeros64(w.words[word])
	return from + int64((found-pos)&mask)
}

// dueLocked returns the first tick that is not before d from now and that no
// turn has passed yet.
func (w *Wheel) dueLocked(d time.Duration) int64 {
	elapsed := time.Since(w.start)
	at := elapsed + min(max(d, 0), math.MaxInt64-elapsed-w.grain)
	return max(int64((at+w.grain-1)/w.grain), w.cursor+1)
}

// armLocked makes sure that a turn comes at tick or earlier.
func (w *Wheel) armLocked(tick int64) {
	if w.expiring || w.wake <= tick {
		return
	}
	if w.wake != never && !w.timer.Stop() {
		return // a turn is on its way and will look for itself
	}
	w.wake = tick
	d := time.Duration(tick)*w.grain - time.Since(w.start)
	if w.timer == nil {
		w.timer = time.AfterFunc(d, w.turn)
		return
	}
	w.timer.Reset(d)
}

// disarmLocked takes back the runtime's timer, unless its turn is on its way.
func (w *Wheel) disarmLocked() {
	if w.wake != never && w.timer.Stop() {
		w.wake = never
	}
}

func (w *Wheel) insertLocked(t *Timer) {
	slot := t.due & mask
	t.where = inSlot
	t.prev, t.next = nil, w.heads[slot]
	if t.next != nil {
		t.next.prev = t
	}
	w.heads[slot] = t
	w.words[slot/64] |= 1 << (slot % 64)
	w.groups |= 1 << (slot / 64)
}

// removeLocked takes t out of wherever it is and reports whether it was armed.
func (w *Wheel) removeLocked(t *Timer) bool {
	switch t.where {
	case idle:
		return false
	case inDue:
		w.due.remove(t)
	case inSlot:
		w.unlinkLocked(t)
	}
	t.next, t.prev, t.e = nil, nil, nil
	t.where = idle
	return true
}

func (w *Wheel) unlinkLocked(t *Timer) {
	if t.next != nil {
		t.next.prev = t.prev
	}
	if t.prev != nil {
		t.prev.next = t.next
		return
	}
	slot := t.due & mask
	w.heads[slot] = t.next
	if t.next == nil {
		w.words[slot/64] &^= 1 << (slot % 64)
		if w.words[slot/64] == 0 {
			w.groups &^= 1 << (slot / 64)
		}
	}
}

func (l *list) push(t *Timer) {
	t.prev, t.next = l.last, nil
	if l.last != nil {
		l.last.next = t
	} else {
		l.first = t
	}
	l.last = t
}

func (l *list) remove(t *Timer) {
	if t.prev != nil {
		t.prev.next = t.next
	} else {
		l.first = t.next
	}
	if t.next != nil {
		t.next.prev = t.prev
	} else {
		l.last = t.prev
	}
}
