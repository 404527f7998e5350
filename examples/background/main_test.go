package main

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/sockeye-io/sockeye/examples/internal/sioclient"
	"github.com/sockeye-io/sockeye/internal/leak"
)

func TestMain(m *testing.M) { leak.Main(m) }

func start(t *testing.T) (*app, sioclient.DialFunc) {
	t.Helper()
	a, err := newApp(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return a, sioclient.Serve(t, a.srv)
}

func TestTaskOfASocketReportsUntilItIsDone(t *testing.T) {
	t.Parallel()
	for _, polling := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			_, dial := start(t)
			c, status := sioclient.Open(t, dial, sioclient.Options{Polling: polling})
			if c == nil {
				t.Fatalf("connect: status %d", status)
			}
			c.Join(nil)
			c.ExpectConnected()
			began := time.Now()
			c.Emit("work")
			c.Expect(`2["progress",25]`, `2["progress",50]`, `2["progress",75]`, `2["progress",100]`)
			if took := time.Since(began); took != steps*stepTakes {
				t.Errorf("the work took %v, want %v", took, steps*stepTakes)
			}
		})
	}
}

func TestTaskEndsWithItsSocket(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, dial := start(t)
		c := sioclient.Dial(t, dial, nil)
		c.Emit("work")
		c.Expect(`2["progress",25]`)
		began := time.Now()
		c.Vanish()
		a.stop()
		a.tasks.Wait()
		if took := time.Since(began); took != 0 {
			t.Errorf("the task went on for %v", took)
		}
	})
}

func TestTaskOfTheServer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, dial := start(t)
		c := sioclient.Dial(t, dial, nil)
		c.Expect(`2["uptime",10]`, `2["uptime",20]`)
		if err := a.shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		c.ExpectEnd()
	})
}
