package socketio_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sockeye-io/sockeye/socketio"
)

// record notes the numbers that an event carries, in the order of handling.
type record struct {
	mu   sync.Mutex
	seen []int
	now  int // handlers running
	most int // at once
}

func (r *record) enter(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen = append(r.seen, n)
	r.now++
	r.most = max(r.most, r.now)
}

func (r *record) exit() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now--
}

func (r *record) check(t *testing.T, n, most int) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	equal(t, "events handled", len(r.seen), n)
	for i, v := range r.seen {
		if i != v {
			t.Errorf("event %d was handled at position %d", v, i)
			break
		}
	}
	equal(t, "handlers at once", r.most, most)
}

func events(n int) []string {
	packets := make([]string, n)
	for i := range packets {
		packets[i] = fmt.Sprintf(`2["n",%d]`, i)
	}
	return packets
}

// sleep waits in virtual time, or until the test ends.
func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

func TestEventsOfASocketAreHandledInOrderOneAtATime(t *testing.T) {
	t.Parallel()
	for _, transport := range []string{"websocket", "polling"} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
				var rec record
				socketio.On(r.srv, "n", func(ctx context.Context, _ *socketio.Socket, n int) error {
					rec.enter(n)
					defer rec.exit()
					if n%3 == 0 {
						sleep(ctx, 5*time.Millisecond) // the reading passes on meanwhile
					}
					return nil
				})
				const n = 60
				if transport == "websocket" {
					c, _ := r.socket()
					for _, p := range events(n) {
						c.send(p)
					}
				} else {
					p := r.poller()
					p.join()
					for i := range 6 {
						equal(t, "POST", p.post("4"+strings.Join(events(n)[10*i:10*i+10], "\x1e4")), "ok")
					}
				}
				<-time.After(time.Minute)
				rec.check(t, n, 1)
			})
		})
	}
}

func TestConcurrencyLetsEventsRunAtOnce(t *testing.T) {
	t.Parallel()
	bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
		var rec record
		r.srv.Concurrency(4)
		socketio.On(r.srv, "n", func(ctx context.Context, _ *socketio.Socket, n int) error {
			rec.enter(n)
			defer rec.exit()
			sleep(ctx, time.Second)
			return nil
		})
		ended := make(chan struct{})
		r.srv.OnDisconnect(func(context.Context, *socketio.Socket, socketio.Disconnect) {
			equal(t, "handlers at the end", rec.now, 0)
			close(ended)
		})
		c, _ := r.socket()
		c.send(events(12)...)
		<-time.After(4 * time.Second)
		rec.check(t, 12, 4)
		c.send(`2["n",12]`)
		synctest.Wait()
		c.leave()
		wait(t, "end", ended)
	})
}

// A handler that is busy or waits does not hold up the sockets that share its
// connection.
func TestNamespacesOfAConnectionDoNotWaitForEachOther(t *testing.T) {
	t.Parallel()
	bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
		release := make(chan struct{})
		socketio.On(r.srv, "hang", func(context.Context, *socketio.Socket, struct{}) error { <-release; return nil })
		custom := r.srv.Of("/custom")
		socketio.Handle(custom, "ping", func(context.Context, *socketio.Socket, struct{}) (string, error) { return "pong", nil })
		c, _ := r.socket()
		c.join("/custom")
		c.send(`2["hang"]`, `2/custom,1["ping"]`)
		c.expect(`3/custom,1["pong"]`)
		c.send(`2/custom,2["ping"]`)
		c.expect(`3/custom,2["pong"]`)

		p := r.poller()
		p.join()
		equal(t, "POST", p.post("40/custom,"), "ok")
		p.get()
		answered := make(chan string, 1)
		go func() { answered <- p.post("42[\"hang\"]\x1e42/custom,1[\"ping\"]") }()
		equal(t, "poll", p.get(), `43/custom,1["pong"]`)
		equal(t, "POST", wait(t, "answer", answered), "ok")

		<-time.After(10 * time.Minute) // pongs are seen
		close(release)
		c.nothing()
	})
}

func TestWhatAHandlerEmitsLeavesWithinAMillisecond(t *testing.T) {
	t.Parallel()
	bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
		socketio.On(r.srv, "work", func(ctx context.Context, s *socketio.Socket, _ struct{}) error {
			must(t, s.Emit("started"))
			sleep(ctx, time.Hour)
			return nil
		})
		c, _ := r.socket()
		c.send(`2["work"]`)
		start := time.Now()
		c.expect(`2["started"]`)
		if d := time.Since(start); d > time.Millisecond {
			t.Errorf("it took %v", d)
		}
		c.leave()
	})
}

// What one goroutine emits arrives in order, with attachments behind their
// packet, whoever else emits.
func TestEmitsArriveInOrderWithTheirAttachments(t *testing.T) {
	t.Parallel()
	bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
		c, s := r.socket()
		const n = 200
		var wg sync.WaitGroup
		for g := range 4 {
			wg.Go(func() {
				for i := range n {
					var err error
					if g%2 == 0 {
						err = s.Emit("bin", g, i, []byte{byte(g), byte(i)})
					} else {
						err = r.srv.Emit("bin", g, i, []byte{byte(g), byte(i)})
					}
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		next := [4]int{}
		for range 4 * n {
			var g, i int
			text := c.next()
			if _, err := fmt.Sscanf(text, `51-["bin",%d,%d,{"_placeholder":true,"num":0}]`, &g, &i); err != nil {
				t.Fatalf("%q: %v", text, err)
			}
			equal(t, "order", i, next[g])
			next[g]++
			c.expectBinary(string([]byte{byte(g), byte(i)}))
		}
		wg.Wait()
	})
}
