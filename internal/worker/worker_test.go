package worker_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sockeye-io/sockeye/internal/leak"
	"github.com/sockeye-io/sockeye/internal/worker"
)

func TestMain(m *testing.M) { leak.Main(m) }

func TestWaitReturnsWhenAllHaveEnded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var g worker.Group
		var ended atomic.Int32
		for i := range 5 {
			if !g.Go(func() {
				<-time.After(time.Duration(i) * time.Second)
				ended.Add(1)
			}) {
				t.Fatal("Go refused before Close")
			}
		}
		start := time.Now()
		g.Close()
		if err := g.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := ended.Load(); got != 5 {
			t.Errorf("Wait returned after %d of 5 goroutines", got)
		}
		if got := time.Since(start); got != 4*time.Second {
			t.Errorf("Wait took %v, want 4s", got)
		}
		if g.Len() != 0 {
			t.Errorf("Len = %d after Wait", g.Len())
		}
	})
}

func TestWaitOfAnEmptyGroupIgnoresAnEndedContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var g worker.Group
	if err := g.Wait(ctx); err != nil {
		t.Errorf("Wait = %v, want nil", err)
	}
}

func TestGoAfterCloseRunsNothing(t *testing.T) {
	t.Parallel()
	var g worker.Group
	g.Close()
	g.Close()
	if g.Go(func() { t.Error("fn ran after Close") }) {
		t.Error("Go = true after Close")
	}
	if err := g.Wait(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestWaitEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var g worker.Group
		release := make(chan struct{})
		g.Go(func() { <-release })
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := g.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Wait = %v, want DeadlineExceeded", err)
		}
		close(release)
		if err := g.Wait(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestGoroutinesInsideTheWaitDoNotWaitForEachOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var g worker.Group
		var inside atomic.Int32
		for range 3 {
			g.Go(func() {
				if err := g.WaitExcept(t.Context(), 1); err != nil {
					t.Error(err)
				}
				inside.Add(1)
				<-time.After(time.Second)
			})
		}
		g.Go(func() {
			<-time.After(time.Second)
			if n := inside.Load(); n != 0 {
				t.Errorf("%d waits ended while another goroutine ran", n)
			}
		})
		g.Close()
		if err := g.Wait(t.Context()); err != nil {
			t.Error(err)
		}
		if n := inside.Load(); n != 3 {
			t.Errorf("Wait returned with %d of 3 waits ended", n)
		}
	})
}

func TestWaitFromOutsideWaitsForThoseInside(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var g worker.Group
		start := time.Now()
		g.Go(func() {
			if err := g.WaitExcept(t.Context(), 1); err != nil {
				t.Error(err)
			}
			<-time.After(time.Second)
		})
		synctest.Wait()
		if err := g.Wait(t.Context()); err != nil {
			t.Error(err)
		}
		if got := time.Since(start); got != time.Second {
			t.Errorf("Wait returned after %v, want 1s", got)
		}
	})
}

func TestInsiderThatGivesUpIsWaitedForAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var g worker.Group
		start := time.Now()
		g.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if err := g.WaitExcept(ctx, 1); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("first insider: %v, want DeadlineExceeded", err)
			}
			<-time.After(9 * time.Second)
		})
		g.Go(func() { <-time.After(5 * time.Second) })
		g.Go(func() {
			if err := g.WaitExcept(t.Context(), 1); err != nil {
				t.Error(err)
			}
			if got := time.Since(start); got != 10*time.Second {
				t.Errorf("second insider waited %v, want 10s", got)
			}
		})
		if err := g.Wait(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestPanicsAndGoexitCountAsEnded(t *testing.T) {
	t.Parallel()
	var g worker.Group
	g.Go(func() {
		defer func() { _ = recover() }()
		panic("recovered above")
	})
	g.Go(runtime.Goexit)
	if err := g.Wait(t.Context()); err != nil {
		t.Error(err)
	}
}

// Every goroutine that Go admitted has ended when a Wait after Close returns.
func TestGoAgainstCloseAndWait(t *testing.T) {
	t.Parallel()
	for range 200 {
		var g worker.Group
		var running atomic.Int32
		var starters sync.WaitGroup
		for range 4 {
			starters.Go(func() {
				for {
					running.Add(1)
					if !g.Go(func() { running.Add(-1) }) {
						running.Add(-1)
						return
					}
				}
			})
		}
		g.Close()
		starters.Wait()
		if err := g.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := running.Load(); n != 0 {
			t.Fatalf("%d goroutines run after Wait", n)
		}
	}
}

func BenchmarkGo(b *testing.B) {
	b.Run("group", func(b *testing.B) {
		b.ReportAllocs()
		var g worker.Group
		done := make(chan struct{})
		fn := func() { done <- struct{}{} }
		for b.Loop() {
			g.Go(fn)
			<-done
		}
		if err := g.Wait(b.Context()); err != nil {
			b.Fatal(err)
		}
	})
	b.Run("bare", func(b *testing.B) {
		b.ReportAllocs()
		done := make(chan struct{})
		fn := func() { done <- struct{}{} }
		for b.Loop() {
			go fn()
			<-done
		}
	})
}
