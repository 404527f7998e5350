package conformance

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sockeye-io/sockeye/conformance/internal/mutant"
)

// mutantPatience is how long a case waits for what a mutation never sends.
const mutantPatience = 4 * time.Second

// A recorder runs a case and keeps its failure instead of failing the test.
type recorder struct {
	ctx      context.Context
	failure  string
	cleanups []func()
}

func (r *recorder) Helper()                  {}
func (r *recorder) Logf(string, ...any)      {}
func (r *recorder) Context() context.Context { return r.ctx }
func (r *recorder) Cleanup(fn func())        { r.cleanups = append(r.cleanups, fn) }

// Fatalf ends the case's goroutine, as testing.T does.
func (r *recorder) Fatalf(format string, args ...any) {
	r.failure = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// failure runs the case against a mutation of the servers at urls and returns how it failed, "" if it passed.
func failure(ctx context.Context, t *testing.T, l leaf, urls map[string]string, m mutant.Mutation) string {
	t.Helper()
	proxy, err := mutant.New(urls[l.profile], m)
	if err != nil {
		t.Fatalf("mutant: %v", err)
	}
	defer proxy.Close()
	ctx, cancel := context.WithCancel(ctx)
	r := &recorder{ctx: ctx}
	var wg sync.WaitGroup
	wg.Go(func() {
		defer func() {
			cancel()
			for _, fn := range slices.Backward(r.cleanups) {
				fn()
			}
		}()
		l.run(r, l.env(r, map[string]string{l.profile: proxy.URL()}, false, mutantPatience))
	})
	wg.Wait()
	return r.failure
}

// TestEveryCaseCanFail sees every case pass behind a proxy that changes nothing and fail behind each mutation
// that it names.
func TestEveryCaseCanFail(t *testing.T) {
	t.Parallel()
	urls := sockeye(t)
	mutations := make(map[string]mutant.Mutation)
	for _, m := range mutant.All() {
		mutations[m.Name] = m
	}
	for _, s := range suites() {
		for _, l := range s.leaves() {
			t.Run(strings.Join(l.path, "/"), func(t *testing.T) {
				t.Parallel()
				if got := failure(t.Context(), t, l, urls, mutant.None()); got != "" {
					t.Errorf("behind a proxy that changes nothing: %s", got)
				}
				if len(l.killedBy) == 0 {
					t.Error("names no mutation that it fails under")
				}
				for _, name := range l.killedBy {
					m, ok := mutations[name]
					if !ok {
						t.Errorf("no mutation is called %q", name)
						continue
					}
					if got := failure(t.Context(), t, l, urls, m); got == "" {
						t.Errorf("passes under the mutation %q", name)
					}
				}
			})
		}
	}
}

// TestEveryMutationIsUsed keeps the list of mutations from outliving the cases.
func TestEveryMutationIsUsed(t *testing.T) {
	t.Parallel()
	used := make(map[string]bool)
	for _, s := range suites() {
		for _, l := range s.leaves() {
			for _, name := range l.killedBy {
				used[name] = true
			}
		}
	}
	for _, m := range mutant.All() {
		if !used[m.Name] {
			t.Errorf("no case names the mutation %q", m.Name)
		}
	}
}
