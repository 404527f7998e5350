package socketio_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sockeye-io/sockeye/socketio"
)

// flapper is a client whose connections do not last.
type flapper struct {
	*returner
	rnd  *rand.Rand
	got  []int // the numbers of the events that have come
	lost int   // connections
	err  error // that it did not recover
}

// run comes back again and again until calm is closed, and then once more, and
// reads until the event with number last.
func (f *flapper) run(calm <-chan struct{}, last int) {
	for {
		select {
		case <-calm:
			f.lastConnection(last)
			return
		default:
			f.connection()
			f.lost++
		}
	}
}

// connection comes back, reads for a while and goes away in one of many ways.
func (f *flapper) connection() {
	old := f.client
	before := f.rnd.IntN(4) == 0 // the old connection ends behind the new one's begin
	if !before {
		old.leave()
	}
	f.client = f.r.dial()
	f.ask()
	if f.rnd.IntN(4) > 0 { // else it goes before it has read anything
		f.read(time.After(time.Duration(f.rnd.IntN(20_000))*time.Millisecond), nil)
	}
	if before {
		old.leave()
	}
}

// read takes what comes until there is a reason not to. What has been sent by then
// and is not taken is lost.
func (f *flapper) read(stop <-chan time.Time, until func() bool) {
	for until == nil || !until() {
		select {
		case <-stop:
			return
		case m, ok := <-f.in:
			if !ok || m.end {
				return
			}
			f.take(m.text)
		}
	}
}

// take takes a message.
func (f *flapper) take(text string) {
	if body, ok := strings.CutPrefix(text, "0"); ok {
		var reply struct{ SID, PID string }
		if err := json.Unmarshal([]byte(body), &reply); err != nil || reply.PID != f.pid || reply.SID != f.sid {
			f.err = fmt.Errorf("CONNECT %q, want pid %q (%w)", body, f.pid, err)
		}
		return
	}
	var args []any
	if text[0] != '2' || json.Unmarshal([]byte(text[1:]), &args) != nil || len(args) < 3 {
		f.err = fmt.Errorf("got %q", text)
		return
	}
	offset, _ := args[len(args)-1].(string)
	if before, _ := f.offset.(string); offset < before {
		f.err = fmt.Errorf("got %q behind the offset %q", text, before)
	}
	f.offset = offset
	if args[0] == "v" {
		return
	}
	f.got = append(f.got, int(args[1].(float64)))
}

// lastConnection comes back for good. A connection before may have overtaken it, so
// it may need a second try.
func (f *flapper) lastConnection(last int) {
	done := func() bool { return len(f.got) > 0 && f.got[len(f.got)-1] == last }
	for range 3 {
		f.leave()
		f.client = f.r.dial()
		f.ask()
		if f.read(time.After(time.Minute), done); done() {
			return
		}
	}
}

// TestFlappingConnections has 200 clients lose their connections at random over
// 1,000 broadcasts in 5 minutes: nothing may be lost, doubled or out of order.
func TestFlappingConnections(t *testing.T) {
	t.Parallel()
	const clients, broadcasts, rooms = 200, 1000, 3
	bubble(t, recovering(socketio.Recovery{}), func(t *testing.T, r *rig) {
		next := 0
		r.srv.Use(func(_ context.Context, s *socketio.Socket) error {
			if !s.Recovered() {
				s.Join(fmt.Sprint("room", next%rooms))
				next++
			}
			return nil
		})
		all := make([]*flapper, clients)
		for i := range all {
			all[i] = &flapper{returner: r.returner(), rnd: rand.New(rand.NewPCG(1, uint64(i)))}
		}
		calm := make(chan struct{})
		var running sync.WaitGroup
		for _, f := range all {
			running.Go(func() { f.run(calm, broadcasts) })
		}

		want := make([][]int, clients)
		for n := 1; n <= broadcasts; n++ {
			only := n % rooms
			var err error
			switch kind := n % 7; {
			case n == broadcasts || kind < 3:
				err = r.srv.Emit("n", n)
				only = -1
			case kind < 5:
				err = r.srv.To(fmt.Sprint("room", only), "room of nobody").Emit("n", n)
			case kind < 6:
				err = r.srv.Except(fmt.Sprint("room", (only+1)%rooms), fmt.Sprint("room", (only+2)%rooms)).Emit("n", n)
			default:
				one := n % clients
				err = r.srv.To(all[one].sid).Emit("n", n)
				want[one] = append(want[one], n)
				only = rooms
			}
			must(t, err)
			for i := range want {
				if only < 0 || i%rooms == only {
					want[i] = append(want[i], n)
				}
			}
			after(300 * time.Millisecond)
		}
		close(calm)
		running.Wait()

		lost := 0
		for i, f := range all {
			lost += f.lost
			if f.err != nil {
				t.Errorf("client %d: %v", i, f.err)
			}
			if got, want := fmt.Sprint(f.got), fmt.Sprint(want[i]); got != want {
				t.Errorf("client %d got %s, want %s", i, got, want)
			}
			f.leave()
		}
		synctest.Wait()
		t.Logf("%d connections lost", lost)
		if lost < 10*clients {
			t.Errorf("only %d connections were lost", lost)
		}
	})
}

// TestConcurrentEmitsAreInOneOrder has many goroutines emit at once, to everyone, to
// rooms and to single sockets, while clients lose their connections: an event that
// overtook another with a lower number would be lost or doubled.
func TestConcurrentEmitsAreInOneOrder(t *testing.T) {
	t.Parallel()
	const clients, emitters, each = 10, 8, 100
	bubble(t, recovering(socketio.Recovery{}), func(t *testing.T, r *rig) {
		all := make([]*flapper, clients)
		for i := range all {
			all[i] = &flapper{returner: r.returner(), rnd: rand.New(rand.NewPCG(2, uint64(i)))}
			r.srv.Socket(all[i].sid).Join("room")
		}
		ids := make([]string, clients)
		for i, f := range all {
			ids[i] = f.sid
		}
		calm := make(chan struct{})
		var running, emitting sync.WaitGroup
		for _, f := range all {
			running.Go(func() { f.run(calm, emitters*each) })
		}
		for e := range emitters {
			emitting.Go(func() {
				for i := range each {
					to := []socketio.Broadcast{r.srv.To(), r.srv.To("room"), r.srv.To(ids...)}[i%3]
					must(t, to.Emit("n", e*each+i))
					for _, id := range ids {
						if s := r.srv.Socket(id); s != nil && i%10 == 0 {
							_ = s.Volatile().Emit("v", -1, -1) // carries an offset, too
						}
					}
					if i%20 == 0 {
						after(time.Duration(e+1) * 100 * time.Millisecond)
					}
				}
			})
		}
		emitting.Wait()
		must(t, r.srv.Emit("n", emitters*each))
		close(calm)
		running.Wait()
		for i, f := range all {
			var next [emitters + 1]int
			if f.err != nil {
				t.Errorf("client %d: %v", i, f.err)
			}
			for _, n := range f.got {
				if e := n / each; n%each != next[e] {
					t.Fatalf("client %d: event %d of emitter %d, want %d", i, n%each, e, next[e])
				}
				next[n/each]++
			}
			equal(t, "events", len(f.got), emitters*each+1)
			f.leave()
		}
		synctest.Wait()
	})
}
