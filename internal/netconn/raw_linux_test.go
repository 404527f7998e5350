package netconn_test

import (
	"bytes"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/sockeye-io/sockeye/internal/netconn"
)

func TestKernelSocketsAreUsedDirectly(t *testing.T) {
	t.Parallel()
	for _, k := range kinds {
		ours, peer := k.dial(t)
		c := netconn.New(ours, nil)
		if got, want := netconn.IsRaw(c), k.name == "tcp" || k.name == "unix"; got != want {
			t.Errorf("%s: by system calls = %v, want %v", k.name, got, want)
		}
		_ = c.Close()
		_ = peer.Close()
	}
}

func TestRawSize(t *testing.T) {
	t.Parallel()
	if got := netconn.RawSize; got > 64 {
		t.Errorf("the struct is %d bytes, want at most 64", got)
	}
}

// A goroutine parked in Receive keeps a stack of 2 kB, though it has received
// before. A process of its own measures that, in which new goroutines do not get
// the stack that others have needed on the average.
func TestParkedGoroutineKeepsASmallStack(t *testing.T) {
	t.Parallel()
	if raceEnabled {
		t.Skip("the race detector needs larger stacks")
	}
	const smallest = "GODEBUG=adaptivestackstart=0"
	if !slices.Contains(os.Environ(), smallest) {
		exe, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), exe, "-test.v", "-test.run=^"+t.Name()+"$")
		cmd.Env = append(os.Environ(), smallest)
		out, err := cmd.CombinedOutput()
		if err != nil || !bytes.Contains(out, []byte("--- PASS: "+t.Name())) {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	if got := parkedStack(t); got > 2500 {
		t.Errorf("%d bytes of stack per parked goroutine, want 2 kB", got)
	}
}

// parkedStack parks goroutines in Receive and returns the stack of one.
func parkedStack(t *testing.T) int {
	t.Helper()
	const n = 300
	var received, ended sync.WaitGroup
	received.Add(n)
	conns := make([]netconn.Conn, n)
	for i := range conns {
		ours, peer := dial(t, "tcp", "127.0.0.1:0")
		t.Cleanup(func() { _ = peer.Close() })
		if _, err := peer.Write(make([]byte, 100)); err != nil {
			t.Fatal(err)
		}
		conns[i] = netconn.New(ours, nil)
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for _, c := range conns {
		ended.Go(func() {
			for first := true; ; first = false {
				b, err := c.Receive()
				if err != nil {
					return
				}
				b.Release()
				if first {
					received.Done()
				}
			}
		})
	}
	received.Wait()
	runtime.GC()
	runtime.ReadMemStats(&after)
	for _, c := range conns {
		_ = c.Close()
	}
	ended.Wait()
	return (int(after.StackInuse) - int(before.StackInuse)) / n
}

func TestReceiveAndTryWriteDoNotAllocate(t *testing.T) { // not parallel: it counts the allocations of the process
	if raceEnabled {
		t.Skip("pools drop objects at random under the race detector")
	}
	ours, peer := dial(t, "tcp", "127.0.0.1:0")
	defer peer.Close()
	c := netconn.New(ours, nil)
	defer c.Close()
	msg := make([]byte, 100)
	if got := testing.AllocsPerRun(1000, func() {
		if _, err := c.TryWrite(msg); err != nil {
			t.Fatal(err)
		}
		if _, err := peer.Read(msg); err != nil {
			t.Fatal(err)
		}
		if _, err := peer.Write(msg); err != nil {
			t.Fatal(err)
		}
		b, err := c.Receive()
		if err != nil {
			t.Fatal(err)
		}
		b.Release()
	}); got != 0 {
		t.Errorf("a round trip allocates %v times", got)
	}
}

func BenchmarkRoundTrip(b *testing.B) {
	for _, k := range kinds {
		b.Run(k.name, func(b *testing.B) {
			b.ReportAllocs()
			ours, peer := k.dial(b)
			defer peer.Close()
			c := netconn.New(ours, nil)
			defer c.Close()
			go func() {
				for {
					m, err := c.Receive()
					if err != nil {
						return
					}
					if write(c, m.Bytes()) != nil {
						return
					}
					m.Release()
				}
			}()
			msg := make([]byte, 100)
			for b.Loop() {
				if _, err := peer.Write(msg); err != nil {
					b.Fatal(err)
				}
				if _, err := peer.Read(msg); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
