package wheel_test

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"github.com/sockeye-io/sockeye/internal/leak"
	"github.com/sockeye-io/sockeye/internal/wheel"
)

func TestMain(m *testing.M) { leak.Main(m) }

type expire func()

func (e expire) Expire() { e() }

// bubble runs fn in virtual time with a wheel that is closed at its end.
func bubble(t *testing.T, fn func(t *testing.T, w *wheel.Wheel)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := wheel.New(0)
		defer w.Close()
		fn(t, w)
	})
}

func TestTimerIsSmall(t *testing.T) {
	t.Parallel()
	if got := unsafe.Sizeof(wheel.Timer{}); got > 48 {
		t.Errorf("a Timer is %d bytes, want at most 48", got)
	}
}

func TestExpiresWithinTheGrainAndNeverEarly(t *testing.T) {
	bubble(t, func(t *testing.T, w *wheel.Wheel) {
		<-time.After(1234567 * time.Nanosecond) // off the grid
		for _, d := range []time.Duration{
			-time.Second, 0, 1, time.Millisecond, wheel.DefaultGrain - 1, wheel.DefaultGrain, wheel.DefaultGrain + 1,
			63 * wheel.DefaultGrain, 64 * wheel.DefaultGrain, 65 * wheel.DefaultGrain,
			4095 * wheel.DefaultGrain, 4096 * wheel.DefaultGrain, 4097 * wheel.DefaultGrain,
			25 * time.Second, time.Hour, 50_000 * time.Second,
		} {
			var tm wheel.Timer
			start, fired := time.Now(), make(chan time.Duration, 2)
			w.Schedule(&tm, expire(func() { fired <- time.Since(start) }), d)
			got := <-fired
			if got < d || got > max(d, 0)+2*wheel.DefaultGrain {
				t.Errorf("d = %v: expired after %v", d, got)
			}
			<-time.After(time.Minute)
			if len(fired) != 0 {
				t.Errorf("d = %v: expired twice", d)
			}
		}
	})
}

func TestTheLongestDurationDoesNotOverflow(t *testing.T) {
	bubble(t, func(t *testing.T, w *wheel.Wheel) {
		var tm wheel.Timer
		w.Schedule(&tm, expire(func() { t.Error("expired") }), 1<<63-1)
		<-time.After(time.Minute)
		if !w.Stop(&tm) {
			t.Error("the timer was not armed any more")
		}
	})
}

func TestManyTimersAgainstTheClock(t *testing.T) {
	bubble(t, func(t *testing.T, w *wheel.Wheel) {
		const n = 5000
		rnd := rand.New(rand.NewPCG(1, 2))
		timers := make([]wheel.Timer, n)
		start := time.Now()
		fired := 0 // Expire runs one at a time
		for i := range timers {
			d := time.Duration(rnd.Int64N(int64(2 * time.Minute)))
			if i%2 == 0 { // armed first for another time
				w.Schedule(&timers[i], expire(func() { t.Error("a timer expired that was re-armed") }), d/2+time.Minute)
			}
			w.Schedule(&timers[i], expire(func() {
				if late := time.Since(start) - d; late < 0 || late > 2*wheel.DefaultGrain {
					t.Errorf("d = %v: %v late", d, late)
				}
				fired++
			}), d)
		}
		<-time.After(3 * time.Minute)
		synctest.Wait()
		if fired != n {
			t.Errorf("%d of %d timers expired", fired, n)
		}
	})
}

func TestStopTellsWhetherItCameInTime(t *testing.T) {
	bubble(t, func(t *testing.T, w *wheel.Wheel) {
		var tm wheel.Timer
		if w.Stop(&tm) {
			t.Error("Stop = true for a timer that was never armed")
		}
		w.Schedule(&tm, expire(func() { t.Error("expired after Stop") }), time.Second)
		if !w.Stop(&tm) {
			t.Error("Stop = false for an armed timer")
		}
		if w.Stop(&tm) {
			t.Error("second Stop = true")
		}
		<-time.After(time.Minute)
		w.Schedule(&tm, expire(func() {}), time.Second)
		<-time.After(time.Minute)
		if w.Stop(&tm) {
			t.Error("Stop = true after it expired")
		}
	})
}

func TestAnExpireMayUseTheWheel(t *testing.T) {
	bubble(t, func(t *testing.T, w *wheel.Wheel) {
		var ticker, neighbor wheel.Timer
		start, n := time.Now(), 0
		var tick expire
		tick = func() {
			if n++; n < 10 {
				w.Schedule(&ticker, tick, time.Second)
			}
			w.Stop(&neighbor)
		}
		// Both are due in the same grain: the first to expire stops the other.
		w.Schedule(&neighbor, expire(func() { w.Stop(&ticker); w.Schedule(&ticker, tick, time.Second) }), time.Second)
		w.Schedule(&ticker, tick, time.Second)
		<-time.After(20 * time.Second)
		synctest.Wait()
		if n != 10 {
			t.Errorf("ticked %d times in %v, want 10", n, time.Since(start))
		}
	})
}

func TestZeroDelayLoopsLeaveTimeForOthers(t *testing.T) {
	bubble(t, func(t *testing.T, w *wheel.Wheel) {
		var busy, other wheel.Timer
		n, done := 0, make(chan int, 1)
		var loop expire
		loop = func() { n++; w.Schedule(&busy, loop, 0) }
		w.Schedule(&busy, loop, 0)
		w.Schedule(&other, expire(func() { done <- n }), time.Second)
		if got, most := <-done, int(time.Second/wheel.DefaultGrain)+1; got > most {
			t.Errorf("a timer of 0 expired %d times in a second, want at most %d", got, most)
		}
		w.Stop(&busy)
	})
}

func TestEarlierTimerIsNotHeldUpByALaterOne(t *testing.T) {
	bubble(t, func(t *testing.T, w *wheel.Wheel) {
		var late, soon wheel.Timer
		w.Schedule(&late, expire(func() {}), time.Hour)
		start, fired := time.Now(), make(chan time.Duration, 1)
		w.Schedule(&soon, expire(func() { fired <- time.Since(start) }), time.Second)
		if got := <-fired; got > time.Second+2*wheel.DefaultGrain {
			t.Errorf("expired after %v, want 1s", got)
		}
	})
}

func TestCloseDisarmsAndWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := wheel.New(0)
		var first, second, third wheel.Timer
		running, release := make(chan struct{}), make(chan struct{})
		ended := false
		slow := expire(func() {
			close(running)
			<-release
			w.Schedule(&third, expire(func() { t.Error("scheduled after Close") }), 0)
			ended = true
		})
		w.Schedule(&first, slow, time.Second)
		<-running
		w.Schedule(&second, expire(func() { t.Error("expired after Close") }), time.Second)
		go func() {
			<-time.After(time.Minute)
			close(release)
		}()
		w.Close()
		if !ended {
			t.Error("Close did not wait for the running Expire")
		}
		if w.Stop(&second) {
			t.Error("a timer is armed after Close")
		}
		w.Close()
		<-time.After(time.Minute)
	})
}

func TestEmptyWheelHoldsNoTimer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := wheel.New(0)
		if wheel.Waking(w) {
			t.Error("a new wheel has a timer of the runtime")
		}
		var tm wheel.Timer
		w.Schedule(&tm, expire(func() {}), time.Second)
		if !wheel.Waking(w) {
			t.Error("a wheel with a timer does not wake up")
		}
		w.Stop(&tm)
		if wheel.Waking(w) {
			t.Error("after Stop")
		}
		w.Schedule(&tm, expire(func() {}), time.Second)
		<-time.After(time.Minute)
		synctest.Wait()
		if wheel.Waking(w) {
			t.Error("after the last timer expired")
		}
	})
}

// A ticker of the grain would wake ten million times here.
func TestLongVirtualTimeIsCheap(t *testing.T) {
	t.Parallel()
	began := time.Now()
	defer func() {
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("50,000 virtual seconds took %v", took)
		}
	}()
	synctest.Test(t, func(t *testing.T) {
		w := wheel.New(0)
		defer w.Close()
		var tm, far wheel.Timer
		pings := 0
		var ping expire
		ping = func() { pings++; w.Schedule(&tm, ping, 25*time.Second) }
		w.Schedule(&tm, ping, 25*time.Second)
		w.Schedule(&far, expire(func() {}), 100_000*time.Second)
		<-time.After(50_001 * time.Second)
		synctest.Wait()
		if pings < 1999 || pings > 2000 {
			t.Errorf("%d pings in 50,000 s, want 1999 or 2000", pings)
		}
	})
}

// No timer is lost and none expires twice when several goroutines arm and stop
// the same ones while they expire.
func TestScheduleAgainstStopAgainstExpire(t *testing.T) {
	t.Parallel()
	w := wheel.New(100 * time.Microsecond)
	timers := make([]wheel.Timer, 64)
	var expired atomic.Int64
	var g sync.WaitGroup
	for seed := range uint64(4) {
		g.Go(func() {
			rnd := rand.New(rand.NewPCG(seed, seed))
			for expired.Load() < 100 {
				tm := &timers[rnd.IntN(len(timers))]
				if rnd.IntN(2) == 0 {
					w.Stop(tm)
					continue
				}
				w.Schedule(tm, expire(func() { expired.Add(1) }), time.Duration(rnd.IntN(100))*time.Microsecond)
			}
		})
	}
	g.Wait()
	var last sync.WaitGroup
	last.Add(len(timers))
	for i := range timers {
		w.Schedule(&timers[i], expire(last.Done), time.Millisecond)
	}
	last.Wait()
	w.Close()
	if wheel.Waking(w) {
		t.Error("a closed wheel wakes up")
	}
}

func BenchmarkReschedule(b *testing.B) {
	b.ReportAllocs()
	w := wheel.New(0)
	defer w.Close()
	timers := make([]wheel.Timer, 50_000)
	nothing := expire(func() {})
	for i := range timers {
		w.Schedule(&timers[i], nothing, time.Hour+time.Duration(i)*time.Millisecond)
	}
	i := 0
	for b.Loop() {
		w.Schedule(&timers[i%len(timers)], nothing, time.Hour)
		i++
	}
}

func BenchmarkScheduleStop(b *testing.B) {
	b.ReportAllocs()
	w := wheel.New(0)
	defer w.Close()
	var tm wheel.Timer
	nothing := expire(func() {})
	for b.Loop() {
		w.Schedule(&tm, nothing, time.Hour)
		w.Stop(&tm)
	}
}

// BenchmarkExpire arms 1,000 timers and waits until they have expired.
func BenchmarkExpire(b *testing.B) {
	b.ReportAllocs()
	w := wheel.New(time.Microsecond)
	defer w.Close()
	timers := make([]wheel.Timer, 1000)
	var left sync.WaitGroup
	done := expire(left.Done)
	for b.Loop() {
		left.Add(len(timers))
		for i := range timers {
			w.Schedule(&timers[i], done, time.Duration(i)*time.Microsecond)
		}
		left.Wait()
	}
}
