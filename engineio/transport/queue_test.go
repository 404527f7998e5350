package transport_test

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/sockeye-io/sockeye/engineio/transport"
)

func TestQueueKeepsTheOrder(t *testing.T) {
	t.Parallel()
	q, w := newWire(t, 1<<20)
	mustWrite(t, q, "a")
	mustShare(t, q, message("b", []byte("B")))
	q.WritePacket("2")
	q.WriteControl(0x8a, "pong")
	mustWrite(t, q, "c", []byte("C"), nil)
	if err := q.Write(nil, [][]byte{[]byte("D")}, false); err != nil {
		t.Fatal(err)
	}
	mustWrite(t, q, "")
	equal(t, "Len", q.Len(), 4+4+3+3+6+4+3+2+3+3) // with headers of two bytes
	w.Drain()
	equal(t, "written", w.String(), "4a 4b [B] 2 <10pong> 4c [C] [] [D] 4 ")
	equal(t, "Len", q.Len(), 0)
}

// filled returns a queue that holds a segment of every kind, and its bytes.
func filled(t *testing.T, large int) (*transport.Queue, []byte) {
	t.Helper()
	q := newQueue(t, 1<<30)
	var want []byte
	add := func(m *transport.Message, copied bool) {
		t.Helper()
		want = append(want, m.Frames()...)
		if !copied {
			mustShare(t, q, m)
			return
		}
		payload, _, _ := transport.NextFrame(m.Frames())
		mustWrite(t, q, string(payload[1:]))
	}
	add(message("first, in a chunk of the queue's own"), true)
	add(message("shared, copied behind it"), false)
	add(message(strings.Repeat("L", large)), false)
	add(message("shared, by reference"), false)
	add(message("another chunk"), true)
	add(message(strings.Repeat("M", transport.CopySize+1)), true)
	for i := range 5 {
		add(message(fmt.Sprint("tail ", i)), false)
	}
	q.Finish(0x88, "\x03\xe8")
	want = append(want, 0x88, 2, 0x03, 0xe8)
	equal(t, "Len", q.Len(), len(want))
	return q, want
}

func TestPartialWriteAtEveryOffset(t *testing.T) {
	t.Parallel()
	_, want := filled(t, 40)
	for first := 1; first < len(want); first++ {
		q, _ := filled(t, 40)
		if !q.Acquire() {
			t.Fatal("Acquire failed")
		}
		var scratch [transport.GatherSize]byte
		var out []byte
		wrote := 0
		for {
			b, p := q.Advance(wrote, &scratch)
			if p == transport.ProgressFinished {
				break
			}
			if p != transport.ProgressWrite || len(b) == 0 {
				t.Fatalf("first write of %d: progress %d with %d bytes after %d of %d", first, p, len(b), len(out), len(want))
			}
			wrote = len(b)
			if len(out) < first {
				wrote = min(wrote, first-len(out))
			}
			out = append(out, b[:wrote]...)
			equal(t, "Len", q.Len(), len(want)-len(out)+wrote)
		}
		if !bytes.Equal(out, want) {
			t.Fatalf("first write of %d: other bytes than were queued", first)
		}
	}
}

func TestPartialWritesOfEverySize(t *testing.T) {
	t.Parallel()
	for _, step := range []int{61, 1000, transport.DirectSize - 1, transport.DirectSize, transport.GatherSize, 1 << 20} {
		q, want := filled(t, 3*transport.DirectSize)
		if got := take(t, q, step); !bytes.Equal(got, want) {
			t.Errorf("steps of %d: %d bytes, want %d, or other bytes", step, len(got), len(want))
		}
		if !q.Finished() {
			t.Errorf("steps of %d: not finished", step)
		}
	}
}

func TestManySegmentsKeepTheOrder(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 2, 3, 4, transport.BlockSize + 1, transport.BlockSize + 2, transport.BlockSize + 3, 3 * transport.BlockSize} {
		q, _ := newWire(t, 1<<30)
		var want []byte
		for i := range n {
			m := message(strconv.Itoa(i))
			want = append(want, m.Frames()...)
			mustShare(t, q, m)
		}
		if got := take(t, q, 5); !bytes.Equal(got, want) {
			t.Errorf("%d segments: got %q, want %q", n, readable(got), readable(want))
		}
	}
}

func TestBusyQueueKeepsNoMemoryOfWhatIsGone(t *testing.T) {
	t.Parallel()
	q, _ := newWire(t, 1<<20)
	m := message("x")
	const waiting = 70 // never fewer: the queue is never empty
	for range waiting {
		mustShare(t, q, m)
	}
	if !q.Acquire() {
		t.Fatal("Acquire failed")
	}
	var scratch [transport.GatherSize]byte
	for range 20_000 {
		mustShare(t, q, m)
		if b, _ := q.Advance(m.Size(), &scratch); len(b) != waiting*m.Size() {
			t.Fatalf("%d bytes wait, want %d", len(b), waiting*m.Size())
		}
	}
	if room := q.Room(); room > 8*waiting {
		t.Errorf("the queue has room for %d segments while %d wait", room, waiting)
	}
}

func TestSharedMessageIsNotCopied(t *testing.T) {
	t.Parallel()
	var scratch [transport.GatherSize]byte
	for _, test := range []struct {
		rule  string
		m     *transport.Message
		first string // what is written before it
	}{
		{"a small one, alone", message("x"), ""},
		{"a large one, alone", message(strings.Repeat("x", 1<<20)), ""},
		{"a large one, behind others", message(strings.Repeat("x", 1<<20)), "first"},
	} {
		q, _ := newWire(t, 1<<30)
		if test.first != "" {
			mustWrite(t, q, test.first)
		}
		mustShare(t, q, test.m)
		if !q.Acquire() {
			t.Fatal("Acquire failed")
		}
		b, _ := q.Advance(0, &scratch)
		if test.first != "" {
			b, _ = q.Advance(len(b), &scratch)
		}
		if &b[0] != &test.m.Frames()[0] {
			t.Errorf("%s: written from a copy", test.rule)
		}
	}
}

func TestWriteCopiesWhatItIsGiven(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, transport.CopySize - 8, transport.CopySize, transport.CopySize + 1, 1 << 20} {
		q, w := newWire(t, 1<<30)
		text, attachment := bytes.Repeat([]byte("t"), n), bytes.Repeat([]byte("a"), n)
		if err := q.Write(text, [][]byte{attachment}, false); err != nil {
			t.Fatal(err)
		}
		want := "4" + string(text) + " [" + string(attachment) + "] "
		clear(text)
		clear(attachment)
		w.Drain()
		if w.String() != want {
			t.Errorf("%d bytes: changed after Write", n)
		}
	}
}

func TestEmptyMessageIsNothing(t *testing.T) {
	t.Parallel()
	q, w := newWire(t, 1<<20)
	if err := q.Write(nil, nil, false); err != nil {
		t.Errorf("Write: %v", err)
	}
	mustShare(t, q, transport.NewMessage(nil, nil))
	if payload := q.TakePayload(w, 0, 1<<20); payload != nil {
		t.Errorf("TakePayload returned %q", payload)
	}
	mustShare(t, q, message(strings.Repeat("x", transport.DirectSize)))
	mustShare(t, q, transport.NewMessage(nil, nil))
	if got := take(t, q, 1<<20); len(got) != transport.DirectSize+5 {
		t.Errorf("%d bytes, want those of the one message", len(got))
	}
	q.Finish(0, "")
	if err := q.Write(nil, nil, false); !errors.Is(err, transport.ErrClosed) {
		t.Errorf("Write after Finish: %v", err)
	}
}

func TestFinish(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule     string
		before   []string
		first    byte
		payload  string
		want     string
		finished int
	}{
		{"a last frame leaves behind what is queued", []string{"a", "b"}, 0x88, "\x03\xe8", "4a 4b <8\x03\xe8> ", 1},
		{"an empty queue needs no frame to end", nil, 0, "", "", 1},
		{"what is queued leaves without a last frame too", []string{"a"}, 0, "", "4a ", 1},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			q, w := newWire(t, 1<<20)
			q.Cork() // a turn does not hold the end back
			for _, text := range test.before {
				mustWrite(t, q, text)
			}
			q.Finish(test.first, test.payload)
			equal(t, "written", w.String(), test.want)
			q.Finish(0x88, "again")
			q.WritePacket("2")
			q.WriteControl(0x8a, "")
			if err := q.Write([]byte("late"), nil, false); !errors.Is(err, transport.ErrClosed) {
				t.Errorf("Write: %v, want ErrClosed", err)
			}
			if err := q.WriteMessage(message("late"), true); !errors.Is(err, transport.ErrClosed) {
				t.Errorf("WriteMessage: %v, want ErrClosed", err)
			}
			q.Uncork()
			w.Drain()
			equal(t, "written", w.String(), test.want)
			equal(t, "ends told", w.finished, test.finished)
			equal(t, "Finished", q.Finished(), true)
		})
	}
}

func TestDiscard(t *testing.T) {
	t.Parallel()
	q, w := newWire(t, 1<<20)
	mustWrite(t, q, "a")
	q.Discard()
	equal(t, "Len", q.Len(), 0)
	equal(t, "Finished", q.Finished(), true)
	w.Drain()
	equal(t, "written", w.String(), "")
	equal(t, "ends told", w.finished, 0)
	if err := q.Write([]byte("late"), nil, false); !errors.Is(err, transport.ErrClosed) {
		t.Errorf("Write: %v, want ErrClosed", err)
	}
	equal(t, "TakePayload", string(q.TakePayload(w, 0, 100)), "")
}

func TestDiscardLeavesTheWritersBytesAlone(t *testing.T) {
	t.Parallel()
	q, _ := newWire(t, 1<<20)
	mustWrite(t, q, "in a chunk")
	var scratch [transport.GatherSize]byte
	if !q.Acquire() {
		t.Fatal("Acquire failed")
	}
	b, _ := q.Advance(0, &scratch)
	q.Discard()
	for range 100 { // whoever got the chunk now would write over it
		other, _ := newWire(t, 1<<20)
		mustWrite(t, other, "somebody else's")
	}
	equal(t, "the writer's bytes", readable(b), "4in a chunk ")
	if _, p := q.Advance(3, &scratch); p != transport.ProgressEmpty {
		t.Errorf("progress %d, want empty", p)
	}
	equal(t, "Len", q.Len(), 0)
}

func TestWriterThatMakesRoomLetsGoOfADiscardedQueue(t *testing.T) {
	t.Parallel()
	q, _ := newWire(t, 1<<20)
	mustWrite(t, q, "a")
	if !q.Acquire() {
		t.Fatal("Acquire failed")
	}
	var scratch [transport.GatherSize]byte
	q.Advance(0, &scratch)
	q.Discard()
	q.Requeue()
	equal(t, "Len", q.Len(), 0)
}

func TestOneWriterAtATime(t *testing.T) {
	t.Parallel()
	q, w := newWire(t, 1<<20)
	equal(t, "Acquire of an empty queue", q.Acquire(), false)
	mustWrite(t, q, "a")
	equal(t, "Acquire", q.Acquire(), true)
	equal(t, "second Acquire", q.Acquire(), false)
	equal(t, "payload while a writer is at work", string(q.TakePayload(w, 0, 100)), "")
	var scratch [transport.GatherSize]byte
	b, _ := q.Advance(0, &scratch)
	if _, p := q.Advance(len(b), &scratch); p != transport.ProgressEmpty {
		t.Errorf("progress %d, want empty", p)
	}
	mustWrite(t, q, "b")
	equal(t, "Acquire after the role was given up", q.Acquire(), true)
}

// The limits, with a limit of 1,000 bytes.
func TestLimits(t *testing.T) {
	t.Parallel()
	const limit = 1000
	text := func(n int) []byte { return bytes.Repeat([]byte("x"), n-5) } // n bytes as a frame of 126 or more
	type step struct {
		size     int
		volatile bool
		err      error
		queued   int // Len afterwards
	}
	for _, test := range []struct {
		rule  string
		prep  func(q *transport.Queue)
		steps []step
	}{
		{
			"one message may be larger than the limit if nothing waits",
			func(q *transport.Queue) { q.SetStalled(nil, true) },
			[]step{{5 * limit, false, nil, 5 * limit}, {200, false, transport.ErrSlowConsumer, 5 * limit}},
		},
		{
			"the limit itself is allowed, one byte more is not, while the peer is behind",
			func(q *transport.Queue) { q.SetStalled(nil, true) },
			[]step{{500, false, nil, 500}, {501, false, transport.ErrSlowConsumer, 500}, {500, false, nil, limit}, {200, false, transport.ErrSlowConsumer, limit}},
		},
		{
			"a unit is not held against the limit",
			func(q *transport.Queue) {
				q.SetStalled(nil, true)
				_ = q.WriteUnit([]*transport.Message{transport.NewMessage(text(3*limit), nil), transport.NewMessage(text(2*limit), nil)})
			},
			[]step{{500, false, nil, 5*limit + 500}, {501, false, transport.ErrSlowConsumer, 5*limit + 500}, {500, false, nil, 6 * limit}, {200, false, transport.ErrSlowConsumer, 6 * limit}},
		},
		{
			"twice the limit is allowed while the peer keeps up",
			func(*transport.Queue) {},
			[]step{{900, false, nil, 900}, {1100, false, nil, 2 * limit}, {200, false, transport.ErrSlowConsumer, 2 * limit}},
		},
		{
			"twice the limit is allowed while a writer is at work",
			func(q *transport.Queue) {
				q.WritePacket("2")
				q.Acquire()
			},
			[]step{{900, false, nil, 903}, {1097, false, nil, 2 * limit}, {200, false, transport.ErrSlowConsumer, 2 * limit}},
		},
		{
			"a volatile message that finds the queue full is dropped",
			func(*transport.Queue) {},
			[]step{{900, false, nil, 900}, {1101, true, nil, 900}, {1100, true, nil, 2 * limit}},
		},
		{
			"a volatile message is dropped while the peer is behind, even if nothing waits",
			func(q *transport.Queue) { q.SetStalled(nil, true) },
			[]step{{200, true, nil, 0}, {200, false, nil, 200}, {200, true, nil, 200}},
		},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			for _, shared := range []bool{false, true} {
				q := newQueue(t, limit)
				test.prep(q)
				for i, s := range test.steps {
					var err error
					if shared {
						err = q.WriteMessage(transport.NewMessage(text(s.size), nil), s.volatile)
					} else {
						err = q.Write(text(s.size), nil, s.volatile)
					}
					if !errors.Is(err, s.err) {
						t.Errorf("shared %v, step %d: error %v, want %v", shared, i, err, s.err)
					}
					equal(t, fmt.Sprintf("shared %v, step %d: Len", shared, i), q.Len(), s.queued)
				}
			}
		})
	}
}

func TestFullQueueIsWrittenBeforeThePeerIsGivenUp(t *testing.T) {
	t.Parallel()
	q, w := newWire(t, 1000)
	q.Cork()
	for range 10 { // a handler that writes much at once to a peer that reads
		mustWrite(t, q, strings.Repeat("x", 900))
	}
	q.Uncork()
	equal(t, "messages", strings.Count(w.String(), "4x"), 10)
}

func TestProtocolPacketsPassAFullQueue(t *testing.T) {
	t.Parallel()
	q, w := newWire(t, 100)
	q.SetStalled(w, true)
	mustWrite(t, q, strings.Repeat("x", 500))
	before := q.Len()
	q.WritePacket("2")
	equal(t, "Len with a ping", q.Len(), before+3)
	q.WriteControl(0x8a, "answer")
	equal(t, "Len with a control frame", q.Len(), before+3)
	q.Finish(0x88, "")
	w.Drain()
	if got := w.String(); !strings.HasSuffix(got, "x 2 <8> ") {
		t.Errorf("the queue ends with %q", got[len(got)-10:])
	}
}

func TestStalledEndsWhenTheQueueIsEmpty(t *testing.T) {
	t.Parallel()
	q, w := newWire(t, 1000)
	mustWrite(t, q, "a")
	q.SetStalled(w, true)
	if err := q.Write([]byte("dropped"), [][]byte{[]byte("whole")}, true); err != nil {
		t.Fatal(err)
	}
	w.Drain()
	if err := q.Write([]byte("b"), nil, true); err != nil {
		t.Fatal(err)
	}
	w.Drain()
	equal(t, "written", w.String(), "4a 4b ")
}

func TestOnlyTheDrainerSpeaksForThePeer(t *testing.T) {
	t.Parallel()
	q, w := newWire(t, 1000)
	before := &wire{q: q} // the transport before an upgrade
	q.SetStalled(before, true)
	if err := q.Write([]byte("a"), nil, true); err != nil {
		t.Fatal(err)
	}
	equal(t, "payload for another transport", string(q.TakePayload(before, 0, 100)), "")
	w.Drain()
	equal(t, "written", w.String(), "4a ")
}

func TestCork(t *testing.T) {
	t.Parallel()
	q, w := newWire(t, 1<<20)
	q.Cork()
	q.Cork()
	mustWrite(t, q, "a")
	mustShare(t, q, message("b"))
	q.Uncork()
	equal(t, "written while one cork is left", w.String(), "")
	equal(t, "payload while corked", string(q.TakePayload(w, 0, 100)), "")
	q.Uncork()
	equal(t, "written", w.String(), "4a 4b ")
	q.Uncork() // one too many
	q.Cork()
	mustWrite(t, q, "c")
	equal(t, "written while corked again", w.String(), "4a 4b ")
	q.Uncork()
	equal(t, "written in the end", w.String(), "4a 4b 4c ")
}

func TestTakePayload(t *testing.T) {
	t.Parallel()
	x := func(n int) string { return strings.Repeat("x", n) }
	for _, test := range []struct {
		rule     string
		fill     func(t *testing.T, q *transport.Queue)
		packets  int
		size     int
		payloads []string
	}{
		{
			"packets stand in order with a separator between them",
			func(t *testing.T, q *transport.Queue) {
				mustWrite(t, q, "a")
				q.WritePacket("2")
				mustShare(t, q, message("b"))
			},
			0, 100,
			[]string{"4a\x1e2\x1e4b"},
		},
		{
			"binary is base64 behind its text",
			func(t *testing.T, q *transport.Queue) { mustWrite(t, q, "a", []byte{1, 2, 3}, []byte{4}, nil) },
			0, 100,
			[]string{"4a\x1ebAQID\x1ebBA==\x1eb"},
		},
		{
			"no more packets than asked for",
			func(t *testing.T, q *transport.Queue) {
				mustWrite(t, q, "a", []byte{1}, []byte{2})
				mustWrite(t, q, "b")
			},
			2, 100,
			[]string{"4a\x1ebAQ==", "bAg==\x1e4b"},
		},
		{
			"a packet that would exceed the size waits whole",
			func(t *testing.T, q *transport.Queue) {
				for range 4 {
					mustShare(t, q, message(x(30)))
				}
			},
			0, 63,
			[]string{"4" + x(30) + "\x1e4" + x(30), "4" + x(30) + "\x1e4" + x(30)},
		},
		{
			"a first packet may be larger than the size",
			func(t *testing.T, q *transport.Queue) { mustWrite(t, q, x(3000)); mustWrite(t, q, "b") },
			0, 100,
			[]string{"4" + x(3000), "4b"},
		},
		{
			"the size counts base64, not bytes",
			func(t *testing.T, q *transport.Queue) { mustWrite(t, q, "a", make([]byte, 60)); mustWrite(t, q, "b") },
			0, 80,
			[]string{"4a", "b" + x(80), "4b"},
		},
		{
			"headers of every length are read",
			func(t *testing.T, q *transport.Queue) {
				for _, n := range []int{124, 125, 65534, 65535} {
					mustShare(t, q, message(x(n)))
				}
			},
			1, 1 << 20,
			[]string{"4" + x(124), "4" + x(125), "4" + x(65534), "4" + x(65535)},
		},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			q, w := newWire(t, 1<<20)
			test.fill(t, q)
			for i, want := range test.payloads {
				got := string(q.TakePayload(w, test.packets, test.size))
				if len(want) == 81 { // base64 of zeros
					want = "b" + strings.Repeat("A", 80)
				}
				if got != want {
					t.Errorf("payload %d: %.100q, want %.100q", i, got, want)
				}
			}
			if rest := q.TakePayload(w, test.packets, test.size); rest != nil {
				t.Errorf("%.100q is left", rest)
			}
			equal(t, "Len", q.Len(), 0)
		})
	}
}

func TestLargePayloadIsTakenFromUnderACork(t *testing.T) {
	t.Parallel()
	q, w := newWire(t, 1<<20)
	q.Cork()
	mustWrite(t, q, strings.Repeat("x", transport.CorkSize-6))
	equal(t, "payload below the cork's size", len(q.TakePayload(w, 0, 1<<20)), 0)
	mustWrite(t, q, "y")
	if got := len(q.TakePayload(w, 0, 1<<20)); got != transport.CorkSize-5+1+2 {
		t.Errorf("payload of %d bytes at the cork's size", got)
	}
}
