package transport_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/sockeye-io/sockeye/engineio/eiowire"
	"github.com/sockeye-io/sockeye/engineio/transport"
	"github.com/sockeye-io/sockeye/internal/worker"
)

// poll is a drainer that takes payloads, as a client that always has a GET open.
type poll struct {
	q *transport.Queue

	mu  sync.Mutex
	out []string
}

func (p *poll) Drain() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		b := p.q.TakePayload(p, 7, 300)
		if b == nil {
			return
		}
		p.out = append(p.out, strings.Split(string(b), "\x1e")...)
	}
}

// appendAll has many goroutines append to q in every way there is, under turns
// and without, and returns when all has been appended.
func appendAll(t *testing.T, f *transport.Flusher, q *transport.Queue, appenders, each int) {
	t.Helper()
	var wg sync.WaitGroup
	for a := range appenders {
		wg.Go(func() {
			for i := range each {
				text := fmt.Sprintf("%d/%d", a, i)
				tail := []byte(text)
				var err error
				switch i % 4 {
				case 0:
					err = q.Write([]byte(text), [][]byte{tail}, false)
				case 1:
					err = q.WriteMessage(message(text, tail), false)
				case 2:
					fan := transport.NewFanout(f, message(text, tail), false)
					err = fan.Add(q)
					fan.Done()
				default:
					q.Cork()
					err = q.Write([]byte(text), [][]byte{tail}, false)
					q.Uncork()
				}
				if err != nil {
					t.Errorf("append %s: %v", text, err)
				}
			}
		})
	}
	wg.Wait()
}

// checkAdjacent checks that texts are followed by their attachments and that
// each appender's messages are in order.
func checkAdjacent(t *testing.T, packets []string, appenders, each int) {
	t.Helper()
	next := make([]int, appenders)
	for i := 0; i < len(packets); i += 2 {
		text := packets[i]
		if i+1 == len(packets) || packets[i+1] != "["+text[1:]+"]" {
			t.Fatalf("packet %d, %q, is not followed by its attachment", i, text)
		}
		who, number, _ := strings.Cut(text[1:], "/")
		a, _ := strconv.Atoi(who)
		if n, _ := strconv.Atoi(number); n != next[a] {
			t.Fatalf("appender %d: message %d, want %d", a, n, next[a])
		}
		next[a]++
	}
	for a, n := range next {
		if n != each {
			t.Errorf("appender %d: %d messages arrived, want %d", a, n, each)
		}
	}
}

func TestManyAppendersOneWriter(t *testing.T) {
	t.Parallel()
	const appenders, each = 8, 500
	var group worker.Group
	f := transport.NewFlusher(&group)
	var q transport.Queue
	q.Init(f, 1<<30)
	w := &wire{q: &q}
	q.SetDrainer(w, false)
	appendAll(t, f, &q, appenders, each)
	waitIdle(t, &group)
	checkAdjacent(t, strings.Fields(w.String()), appenders, each)
}

func TestManyAppendersOnePoller(t *testing.T) {
	t.Parallel()
	const appenders, each = 8, 500
	var group worker.Group
	f := transport.NewFlusher(&group)
	var q transport.Queue
	q.Init(f, 1<<30)
	p := &poll{q: &q}
	q.SetDrainer(p, false)
	appendAll(t, f, &q, appenders, each)
	waitIdle(t, &group)
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, packet := range p.out {
		if base64, ok := strings.CutPrefix(packet, "b"); ok {
			p.out[i] = "[" + decode(t, base64) + "]"
		}
	}
	checkAdjacent(t, p.out, appenders, each)
}

// TestUpgradeUnderLoad gives the queue to a WebSocket while a poll takes from
// it: each byte leaves once, by one way or the other.
func TestUpgradeUnderLoad(t *testing.T) {
	t.Parallel()
	const appenders, each = 4, 200
	for range 20 {
		var group worker.Group
		f := transport.NewFlusher(&group)
		var q transport.Queue
		q.Init(f, 1<<30)
		p := &poll{q: &q}
		q.SetDrainer(p, false)
		w := &wire{q: &q}
		stop := make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() { // a GET that has not heard of the upgrade
			for {
				select {
				case <-stop:
					return
				default:
					p.Drain()
				}
			}
		})
		wg.Go(func() {
			q.SetDrainer(w, false)
			w.Drain()
		})
		appendAll(t, f, &q, appenders, each)
		close(stop)
		wg.Wait()
		waitIdle(t, &group)
		w.Drain()
		packets := p.out
		for i, packet := range packets {
			if base64, ok := strings.CutPrefix(packet, "b"); ok {
				packets[i] = "[" + decode(t, base64) + "]"
			}
		}
		checkAdjacent(t, append(packets, strings.Fields(w.String())...), appenders, each)
	}
}

// TestDiscardRace discards while others append and write.
func TestDiscardRace(t *testing.T) {
	t.Parallel()
	for range 50 {
		var group worker.Group
		f := transport.NewFlusher(&group)
		var q transport.Queue
		q.Init(f, 1<<30)
		w := &wire{q: &q}
		q.SetDrainer(w, false)
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range 50 {
					_ = q.Write([]byte("x"), nil, false) // ErrClosed at some point
				}
			})
		}
		wg.Go(func() { q.Discard() })
		wg.Wait()
		waitIdle(t, &group)
		equal(t, "Len", q.Len(), 0)
		for packet := range strings.FieldsSeq(w.String()) {
			equal(t, "packet", packet, "4x")
		}
	}
}

func waitIdle(t *testing.T, group *worker.Group) {
	t.Helper()
	if err := group.Wait(context.Background()); err != nil {
		t.Fatal(err)
	}
}

func decode(t *testing.T, base64 string) string {
	t.Helper()
	p, err := eiowire.Decode([]byte("b" + base64))
	if err != nil {
		t.Fatal(err)
	}
	return string(p.Data)
}
