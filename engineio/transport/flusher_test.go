package transport_test

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/sockeye-io/sockeye/engineio/transport"
	"github.com/sockeye-io/sockeye/internal/worker"
)

// gate is a drainer that waits for a word before it drains.
type gate struct {
	inner transport.Drainer
	open  chan struct{}
	now   *atomic.Int32 // how many are inside
	most  *atomic.Int32
}

func (g *gate) Drain() {
	n := g.now.Add(1)
	for {
		most := g.most.Load()
		if n <= most || g.most.CompareAndSwap(most, n) {
			break
		}
	}
	<-g.open
	g.now.Add(-1)
	g.inner.Drain()
}

func TestFlusherRunsAsManyGoroutinesAsProcessors(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var group worker.Group
		f := transport.NewFlusher(&group)
		g := &gate{open: make(chan struct{}), now: new(atomic.Int32), most: new(atomic.Int32)}
		var wires []*wire
		for range 10 * runtime.GOMAXPROCS(0) {
			q := new(transport.Queue)
			q.Init(f, 1<<20)
			w := &wire{q: q}
			wires = append(wires, w)
			q.SetDrainer(&gate{w, g.open, g.now, g.most}, false)
			mustWrite(t, q, "x")
		}
		synctest.Wait()
		equal(t, "goroutines while there is work", group.Len(), runtime.GOMAXPROCS(0))
		close(g.open)
		synctest.Wait()
		equal(t, "goroutines when idle", group.Len(), 0)
		equal(t, "most at once", int(g.most.Load()), runtime.GOMAXPROCS(0))
		for i, w := range wires {
			if w.String() != "4x " {
				t.Errorf("queue %d: written %q", i, w)
			}
		}
	})
}

func TestFlusherIsHandedAQueueOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var group worker.Group
		f := transport.NewFlusherOf(&group, 1)
		g := &gate{open: make(chan struct{}), now: new(atomic.Int32), most: new(atomic.Int32)}
		var first, second transport.Queue
		first.Init(f, 1<<20)
		second.Init(f, 1<<20)
		g.inner = &wire{q: &first}
		first.SetDrainer(g, false)
		mustWrite(t, &first, "x")
		synctest.Wait() // the only goroutine stands in the gate
		drains := new(idle)
		second.SetDrainer(drains, false)
		for range 10 {
			mustWrite(t, &second, "x")
		}
		close(g.open)
		synctest.Wait()
		equal(t, "drains after ten writes", drains.count(), 1)
		mustWrite(t, &second, "x")
		synctest.Wait()
		equal(t, "drains after one more", drains.count(), 2)
	})
}

// busy is a drainer of a queue that always has more.
type busy struct {
	q     *transport.Queue
	turns int
	each  func(turn int)
}

func (b *busy) Drain() {
	b.turns++
	b.each(b.turns)
	if b.q.Acquire() {
		b.q.Requeue()
	}
}

func TestBusyQueueDoesNotHoldUpOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var group worker.Group
		f := transport.NewFlusherOf(&group, 1)
		var greedy, modest transport.Queue
		greedy.Init(f, 1<<20)
		modest.Init(f, 1<<20)
		b := &busy{q: &greedy}
		w := &wire{q: &modest}
		modest.SetDrainer(w, false)
		turnsUntil := 0
		b.each = func(turn int) {
			switch {
			case turn == 10:
				mustWrite(t, &modest, "x")
			case turnsUntil == 0 && w.String() != "":
				turnsUntil = turn - 10
				greedy.Discard() // enough
			case turn == 1000:
				greedy.Discard()
			}
		}
		greedy.SetDrainer(b, false)
		mustWrite(t, &greedy, "never written")
		synctest.Wait()
		equal(t, "turns of the busy queue before the other's", turnsUntil, 1)
		equal(t, "goroutines when idle", group.Len(), 0)
	})
}

func TestFlusherOfAServerThatHasShutDown(t *testing.T) {
	t.Parallel()
	var group worker.Group
	group.Close()
	f := transport.NewFlusher(&group)
	var q transport.Queue
	q.Init(f, 1<<20)
	drains := new(idle)
	q.SetDrainer(drains, false)
	for range 10 {
		mustWrite(t, &q, "x")
	}
	equal(t, "drains", drains.count(), 0)
}

func TestFanout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var group worker.Group
		f := transport.NewFlusher(&group)
		queues := make([]transport.Queue, 100)
		wires := make([]*wire, len(queues))
		for i := range queues {
			queues[i].Init(f, 1<<20)
			wires[i] = &wire{q: &queues[i]}
			queues[i].SetDrainer(wires[i], false)
		}
		queues[3].Finish(0, "")
		queues[4].SetStalled(wires[4], true)
		fan := transport.NewFanout(f, message("all", []byte("A")), true)
		twice := transport.NewFanout(f, message("twice"), false)
		for i := range queues {
			err := fan.Add(&queues[i])
			if i == 3 {
				equal(t, "error of a queue that has finished", err, transport.ErrClosed)
			} else if err != nil {
				t.Errorf("Add: %v", err)
			}
		}
		mustWrite(t, &queues[1], "one")
		for _, i := range []int{2, 2} { // members of two rooms, handed over by the first fan-out
			if err := twice.Add(&queues[i]); err != nil {
				t.Errorf("Add: %v", err)
			}
		}
		synctest.Wait()
		equal(t, "written before Done", wires[0].String(), "")
		fan.Done()
		twice.Done()
		synctest.Wait()
		for i, w := range wires {
			want := map[int]string{1: "4all [A] 4one ", 2: "4all [A] 4twice 4twice ", 3: "", 4: ""}
			if _, ok := want[i]; !ok {
				want[i] = "4all [A] "
			}
			if w.String() != want[i] {
				t.Errorf("queue %d: written %q, want %q", i, w, want[i])
			}
		}
		equal(t, "goroutines when idle", group.Len(), 0)
	})
}

func TestFanoutFindsTheSlow(t *testing.T) {
	t.Parallel()
	q, w := newWire(t, 100)
	q.SetStalled(w, true)
	mustWrite(t, q, "first")
	var group worker.Group
	fan := transport.NewFanout(transport.NewFlusher(&group), transport.NewMessage(make([]byte, 100), nil), false)
	equal(t, "error", fan.Add(q), transport.ErrSlowConsumer)
	fan.Done()
	equal(t, "written by Add", w.String(), "")
}

func TestFanoutCostsNothingPerMember(t *testing.T) {
	// Not parallel: it counts allocations.
	const members = 10_000
	var group worker.Group
	f := transport.NewFlusher(&group)
	queues := make([]transport.Queue, members)
	var left sync.WaitGroup
	for i := range queues {
		queues[i].Init(f, 1<<20)
		queues[i].SetDrainer(&sink{q: &queues[i], left: &left}, false)
	}
	m := message("hello", []byte("attachment"))
	allocs := testing.AllocsPerRun(10, func() {
		left.Add(members)
		fan := transport.NewFanout(f, m, false)
		for i := range queues {
			if err := fan.Add(&queues[i]); err != nil {
				t.Fatal(err)
			}
		}
		fan.Done()
		left.Wait()
	})
	if allocs > members/100 {
		t.Errorf("%v allocations for %d members, want a handful for all", allocs, members)
	}
	waitIdle(t, &group)
}

// sink is a drainer that throws away what it is given and counts down.
type sink struct {
	q       *transport.Queue
	left    *sync.WaitGroup
	scratch *[transport.GatherSize]byte
}

func (s *sink) Drain() {
	if !s.q.Acquire() {
		return
	}
	for wrote := 0; ; {
		b, p := s.q.Advance(wrote, s.scratch)
		if p != transport.ProgressWrite {
			break
		}
		wrote = len(b)
	}
	if s.left != nil {
		s.left.Done()
	}
}
