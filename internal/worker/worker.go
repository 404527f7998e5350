// Package worker starts goroutines that have an owner.
//
// A Group is the only place of this module that holds a bare go statement, so
// every goroutine belongs to somebody who can refuse new ones and wait for the
// running ones. The zero Group is ready for use; it must not be copied.
package worker

import (
	"context"
	"sync"
	"sync/atomic"
)

// The state word of a Group: the number of running goroutines in the low bits
// and two flags above it, so that Go and the end of a goroutine are one atomic
// operation each while nobody waits.
const (
	closed   = 1 << 62
	watched  = 1 << 61
	countBit = watched - 1
)

// Group owns goroutines. All its methods may be called at any time and from any
// goroutine, those of the group included.
type Group struct {
	state atomic.Int64

	mu sync.Mutex

	// guarded by mu
	waiters []*waiter
	inside  int // sum of the except of all waiters
}

// waiter is one call of Wait or WaitExcept that has not ended.
type waiter struct {
	except int
	done   chan struct{} // closed, once, by whoever ends the last goroutine waited for
}

// Go runs fn on a goroutine of its own and reports true. After Close it runs
// nothing and reports false. It never blocks. A fn that panics ends the process
// as with a bare go statement.
func (g *Group) Go(fn func()) bool {
	for {
		s := g.state.Load()
		if s&closed != 0 {
			return false
		}
		if g.state.CompareAndSwap(s, s+1) {
			go g.run(fn)
			return true
		}
	}
}

// Close makes every later Go refuse. It waits for nothing and may be called
// more than once.
func (g *Group) Close() {
	g.state.Or(closed)
}

// Len returns the number of goroutines that run now. It may be outdated when it
// returns.
func (g *Group) Len() int {
	return int(g.state.Load() & countBit)
}

// Wait returns nil when no goroutine of the group runs, or ctx's error if ctx
// ends first; it has no limit of its own. Without a Close before it, others may
// start goroutines again by the time it returns. A goroutine of the group that
// calls Wait waits for itself: it calls WaitExcept.
func (g *Group) Wait(ctx context.Context) error {
	return g.WaitExcept(ctx, 0)
}

// WaitExcept is Wait for a caller on whom n goroutines of the group depend,
// usually one: the goroutine that it runs on. It returns nil when the only
// goroutines left are those that stand in calls of WaitExcept themselves, so
// that several may wait at once and none waits for another. A plain Wait that
// goes on at the same time also waits for them. A negative n counts as zero.
func (g *Group) WaitExcept(ctx context.Context, n int) error {
	w := g.enter(max(n, 0))
	select {
	case <-w.done:
		return nil
	case <-ctx.Done():
		return g.leave(ctx, w)
	}
}

// run is the body of every goroutine of the group.
func (g *Group) run(fn func()) {
	defer g.end()
	fn()
}

func (g *Group) end() {
	if g.state.Add(-1)&watched != 0 {
		g.mu.Lock()
		g.settleLocked()
		g.mu.Unlock()
	}
}

// enter registers a waiter. It sets watched before it looks at the count: a
// goroutine that ends after that look sees the flag and settles.
func (g *Group) enter(except int) *waiter {
	w := &waiter{except: except, done: make(chan struct{})}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.waiters = append(g.waiters, w)
	g.inside += except
	g.state.Or(watched)
	g.settleLocked()
	return w
}

// leave withdraws a waiter whose ctx has ended, unless it is settled already.
func (g *Group) leave(ctx context.Context, w *waiter) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i, other := range g.waiters {
		if other == w {
			g.waiters = append(g.waiters[:i], g.waiters[i+1:]...)
			g.inside -= w.except
			g.settleLocked()
			return ctx.Err()
		}
	}
	return nil
}

// settleLocked ends every waiter that has nothing left to wait for. All of them
// are judged by the same count before any leaves: those that end now do not
// make the others wait for their goroutines.
func (g *Group) settleLocked() {
	running, inside := g.Len(), g.inside
	left := g.waiters[:0]
	for _, w := range g.waiters {
		limit := 0
		if w.except > 0 {
			limit = inside
		}
		if running > limit {
			left = append(left, w)
			continue
		}
		g.inside -= w.except
		close(w.done)
	}
	clear(g.waiters[len(left):])
	g.waiters = left
	if len(left) == 0 {
		g.waiters = nil
		g.state.And(^watched)
	}
}
