package transport_test

import (
	"bytes"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/sockeye-io/sockeye/engineio/transport"
	"github.com/sockeye-io/sockeye/internal/worker"
)

// idle is a drainer that leaves everything in the queue and counts the calls.
type idle struct {
	mu     sync.Mutex
	drains int
}

func (d *idle) Drain() {
	d.mu.Lock()
	d.drains++
	d.mu.Unlock()
}

func (d *idle) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.drains
}

// wire is a drainer that writes what the queue holds into memory, as a
// transport with an endless window does.
type wire struct {
	q *transport.Queue

	mu       sync.Mutex
	out      bytes.Buffer
	finished int // how often the queue has told the end
}

func (w *wire) Drain() {
	if !w.q.Acquire() {
		return
	}
	scratch := transport.GatherBuffer()
	defer transport.PutGatherBuffer(scratch)
	w.mu.Lock()
	defer w.mu.Unlock()
	wrote := 0
	for {
		b, p := w.q.Advance(wrote, scratch)
		if p == transport.ProgressFinished {
			w.finished++
		}
		if p != transport.ProgressWrite {
			return
		}
		w.out.Write(b)
		wrote = len(b)
	}
}

// String returns what has been written, readable.
func (w *wire) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return readable(w.out.Bytes())
}

// readable renders whole frames: text as it is, binary as [bytes], control
// frames as <opcode payload>, each followed by a space.
func readable(b []byte) string {
	var s strings.Builder
	for len(b) > 0 {
		payload, _, size := transport.NextFrame(b)
		switch b[0] {
		case 0x81:
			s.Write(payload)
		case 0x82:
			s.WriteString("[" + string(payload) + "]")
		default:
			s.WriteString("<" + strconv.Itoa(int(b[0]&0x0f)) + string(payload) + ">")
		}
		s.WriteByte(' ')
		b = b[size:]
	}
	return s.String()
}

// newQueue returns a queue that nobody empties.
func newQueue(t testing.TB, limit int) *transport.Queue {
	t.Helper()
	var group worker.Group
	q := new(transport.Queue)
	q.Init(transport.NewFlusher(&group), limit)
	return q
}

// newWire returns a queue that is emptied into memory when told to: no flusher
// goroutine ever runs.
func newWire(t testing.TB, limit int) (*transport.Queue, *wire) {
	t.Helper()
	var group worker.Group
	group.Close()
	q := new(transport.Queue)
	q.Init(transport.NewFlusher(&group), limit)
	w := &wire{q: q}
	q.SetDrainer(w, false)
	return q, w
}

// take empties a queue in steps of at most step bytes and returns them.
func take(t testing.TB, q *transport.Queue, step int) []byte {
	t.Helper()
	if !q.Acquire() {
		return nil
	}
	var out []byte
	var scratch [transport.GatherSize]byte
	wrote := 0
	for {
		b, p := q.Advance(wrote, &scratch)
		if p != transport.ProgressWrite {
			return out
		}
		if len(b) == 0 {
			t.Fatal("Advance has nothing to write but wants to go on")
		}
		wrote = min(step, len(b))
		out = append(out, b[:wrote]...)
	}
}

func mustWrite(t testing.TB, q *transport.Queue, text string, attachments ...[]byte) {
	t.Helper()
	if err := q.Write([]byte(text), attachments, false); err != nil {
		t.Fatalf("Write: %v", err)
	}
}

func mustShare(t testing.TB, q *transport.Queue, m *transport.Message) {
	t.Helper()
	if err := q.WriteMessage(m, false); err != nil {
		t.Fatalf("WriteMessage: %v", err)
	}
}

func message(text string, attachments ...[]byte) *transport.Message {
	return transport.NewMessage([]byte(text), attachments)
}

func equal[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}
