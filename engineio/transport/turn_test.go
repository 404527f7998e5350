package transport_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sockeye-io/sockeye/engineio/transport"
)

// turns runs fn in virtual time with a turn, the wire behind its queue, and the
// number of times that the reading was passed on.
func turns(t *testing.T, fn func(t *testing.T, turn *transport.Turn, q *transport.Queue, w *wire, passed *atomic.Int32)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q, w := newWire(t, 1<<20)
		passed := new(atomic.Int32)
		fn(t, transport.NewTurn(q, func() { passed.Add(1) }), q, w, passed)
		<-time.After(time.Hour) // whatever fires late has fired
	})
}

func TestTurnThatEndsInTime(t *testing.T) {
	turns(t, func(t *testing.T, turn *transport.Turn, q *transport.Queue, w *wire, passed *atomic.Int32) {
		for range 3 {
			turn.Begin()
			mustWrite(t, q, "a")
			turn.Arm()
			mustWrite(t, q, "b")
			<-time.After(transport.TurnLimit - 1)
			synctest.Wait()
			equal(t, "written before the end", w.String(), "")
			equal(t, "End", turn.End(), true)
			equal(t, "written", w.String(), "4a 4b ")
			w.out.Reset()
		}
		<-time.After(time.Second)
		equal(t, "passed on", passed.Load(), 0)
	})
}

func TestTurnThatTakesLongPassesTheReadingOn(t *testing.T) {
	turns(t, func(t *testing.T, turn *transport.Turn, q *transport.Queue, w *wire, passed *atomic.Int32) {
		turn.Begin()
		turn.Arm()
		mustWrite(t, q, "a")
		<-time.After(transport.TurnLimit)
		synctest.Wait()
		equal(t, "written after the limit", w.String(), "4a ")
		equal(t, "passed on", passed.Load(), 1)
		turn.Yield()
		<-time.After(time.Second)
		equal(t, "passed on in the end", passed.Load(), 1)
		equal(t, "End", turn.End(), false)
		q.Cork()
		mustWrite(t, q, "b") // End has not taken somebody else's cork
		equal(t, "written", w.String(), "4a ")
		q.Uncork()
		equal(t, "written", w.String(), "4a 4b ")
	})
}

func TestYield(t *testing.T) {
	turns(t, func(t *testing.T, turn *transport.Turn, q *transport.Queue, w *wire, passed *atomic.Int32) {
		turn.Begin()
		turn.Arm()
		mustWrite(t, q, "a")
		turn.Yield()
		equal(t, "written", w.String(), "4a ")
		equal(t, "passed on", passed.Load(), 1)
		equal(t, "End", turn.End(), false)
		turn.Yield()
		equal(t, "passed on after the end", passed.Load(), 1)
	})
}

func TestYieldWhileInputIsTakenInDoesNothing(t *testing.T) {
	turns(t, func(t *testing.T, turn *transport.Turn, q *transport.Queue, w *wire, passed *atomic.Int32) {
		turn.Yield()
		turn.Begin()
		mustWrite(t, q, "a")
		turn.Yield()
		<-time.After(time.Second) // input may take its time
		equal(t, "written", w.String(), "")
		equal(t, "passed on", passed.Load(), 0)
		equal(t, "End", turn.End(), true)
		equal(t, "written", w.String(), "4a ")
	})
}

func TestYieldOfNoTurn(t *testing.T) {
	t.Parallel()
	var turn *transport.Turn
	turn.Yield()
}

func TestYieldOfATurnThatDoesNotRead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q, w := newWire(t, 1<<20)
		turn := transport.NewTurn(q, nil)
		turn.Begin()
		turn.Arm()
		mustWrite(t, q, "a")
		turn.Yield()
		equal(t, "written", w.String(), "4a ")
	})
}

// TestLateTimer lets the timer of each turn fire at about the moment when the
// turn ends and the next begins. Whatever turn it hits: the reading is passed on
// exactly when End says that it was, and no cork is left.
func TestLateTimer(t *testing.T) {
	t.Parallel()
	q, w := newWire(t, 1<<30)
	var passed atomic.Int32
	lost := int32(0)
	turn := transport.NewTurn(q, func() { passed.Add(1) })
	for i := range 300 {
		turn.Begin()
		turn.Arm()
		mustWrite(t, q, "x")
		<-time.After(transport.TurnLimit + time.Duration(i%20-10)*10*time.Microsecond)
		if !turn.End() {
			lost++
			turn = transport.NewTurn(q, func() { passed.Add(1) })
		}
	}
	for passed.Load() != lost { // Yield passes the reading on after it has changed the state
		<-time.After(time.Millisecond)
	}
	mustWrite(t, q, "last")
	w.Drain()
	q.Cork()
	q.Uncork()
	equal(t, "Len", q.Len(), 0)
}

func TestEndAgainstYield(t *testing.T) {
	t.Parallel()
	for range 2000 {
		q, w := newWire(t, 1<<20)
		var passed atomic.Int32
		turn := transport.NewTurn(q, func() { passed.Add(1) })
		turn.Begin()
		mustWrite(t, q, "a")
		turn.Arm()
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(turn.Yield)
		}
		want := int32(1)
		if turn.End() {
			want = 0
		}
		wg.Wait()
		for passed.Load() < want { // the timer may have been the one
			<-time.After(time.Millisecond)
		}
		equal(t, "passed on", passed.Load(), want)
		equal(t, "written", w.String(), "4a ")
	}
}
