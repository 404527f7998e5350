package transport_test

import (
	"compress/flate"
	"strings"
	"testing"

	"github.com/sockeye-io/sockeye/engineio/transport"
)

// speaking is newWire for a peer with a dialect.
func speaking(t testing.TB, d transport.Dialect) (*transport.Queue, *wire) {
	t.Helper()
	q, w := newWire(t, 1<<20)
	q.Speak(d)
	return q, w
}

func TestDialects(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 2000) // kept by reference
	for _, test := range []struct {
		rule    string
		dialect transport.Dialect
		want    string
	}{
		{"today's takes the bytes", transport.DialectV4, "4a [\x01\x02\x03] [] 2 "},
		{"today's for text", transport.DialectV4Text, "4a bAQID b 2 "},
		{"version 3 has the type in front", transport.DialectV3, "4a [\x04\x01\x02\x03] [\x04] 2 "},
		{"version 3 for text", transport.DialectV3Text, "4a b4AQID b4 2 "},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			shared := message("a", []byte{1, 2, 3}, nil)
			for name, write := range map[string]func(q *transport.Queue){
				"written": func(q *transport.Queue) { mustWrite(t, q, "a", []byte{1, 2, 3}, nil) },
				"shared":  func(q *transport.Queue) { mustShare(t, q, shared) },
				"fanned out": func(q *transport.Queue) {
					fan := transport.NewFanout(transport.NewFlusher(nil), shared, false)
					if err := fan.Add(q); err != nil {
						t.Error(err)
					}
				},
			} {
				q, w := speaking(t, test.dialect)
				q.Cork()
				write(q)
				q.WritePacket("2")
				equal(t, "bytes queued when "+name, q.Len(), len(take(t, q, 7)))
				write(q)
				q.WritePacket("2")
				q.Uncork()
				equal(t, "frames when "+name, w.String(), test.want)
			}
			q, w := speaking(t, test.dialect)
			mustWrite(t, q, long, []byte(long))
			w.Drain()
			other, v := speaking(t, test.dialect)
			mustShare(t, other, message(long, []byte(long)))
			v.Drain()
			equal(t, "large ones, written or shared", w.String(), v.String())
		})
	}
}

// TestDialectIsEncodedOnce: however many peers a message has, it has one form
// for each dialect, and text is the same for all.
func TestDialectIsEncodedOnce(t *testing.T) { // not parallel: it counts allocations
	m := transport.NewMessage([]byte(strings.Repeat("x", 2000)), [][]byte{make([]byte, 2000)})
	text := transport.NewMessage([]byte(strings.Repeat("x", 2000)), nil)
	q, _ := speaking(t, transport.DialectV3)
	mustShare(t, q, m)
	mustShare(t, q, text)
	equal(t, "allocations for the second time", testing.AllocsPerRun(20, func() {
		mustShare(t, q, m)
		mustShare(t, q, text)
		take(t, q, 1<<20)
	}), testing.AllocsPerRun(20, func() {
		mustShare(t, q, text)
		mustShare(t, q, text)
		take(t, q, 1<<20)
	}))
}

func TestDialectIsCompressed(t *testing.T) {
	t.Parallel()
	d, err := transport.NewDeflate(flate.BestSpeed, 100)
	if err != nil {
		t.Fatal(err)
	}
	f := transport.NewFlusher(nil)
	f.SetDeflate(d)
	data := []byte(strings.Repeat("data", 100))
	m := message("a", data)
	m.Compress(d)
	q := new(transport.Queue)
	q.Init(f, 1<<20)
	q.Speak(transport.DialectV3)
	q.EnableDeflate()
	for range 2 { // shared, then written
		mustShare(t, q, m)
		out := take(t, q, 1<<20)
		text, _, size := transport.NextFrame(out)
		equal(t, "short text is not", string(text), "4a")
		out = out[size:]
		equal(t, "first byte", out[0], 0xc2)
		payload, _, _ := transport.NextFrame(out)
		got, err := d.Inflate(payload, 1000)
		if err != nil || string(got) != "\x04"+string(data) {
			t.Errorf("inflated to %q, %v", got, err)
		}
		if err := q.Write([]byte("a"), [][]byte{data}, false); err != nil {
			t.Fatal(err)
		}
		equal(t, "written", string(take(t, q, 1<<20)[size:]), string(out))
	}
}

func TestTakePayloadV3(t *testing.T) {
	t.Parallel()
	type payload struct {
		body   string
		binary bool
	}
	x := func(n int) string { return strings.Repeat("x", n) }
	for _, test := range []struct {
		rule     string
		dialect  transport.Dialect
		fill     func(t *testing.T, q *transport.Queue)
		packets  int
		size     int
		payloads []payload
	}{
		{
			"text counts UTF-16 code units", transport.DialectV3,
			func(t *testing.T, q *transport.Queue) {
				mustWrite(t, q, "€😀")
				q.WritePacket("3")
				mustShare(t, q, message("b"))
			},
			0, 1000,
			[]payload{{"4:4€😀1:32:4b", false}},
		},
		{
			"one binary packet makes a binary payload", transport.DialectV3,
			func(t *testing.T, q *transport.Queue) {
				q.WritePacket("6")
				mustWrite(t, q, "€", []byte{1})
				mustShare(t, q, message("b", []byte{2}))
			},
			0, 1000,
			[]payload{{"\x00\x01\xff6\x00\x04\xff4€\x01\x02\xff\x04\x01\x00\x02\xff4b\x01\x02\xff\x04\x02", true}},
		},
		{
			"payloads before and behind it are text", transport.DialectV3,
			func(t *testing.T, q *transport.Queue) {
				mustWrite(t, q, "a", []byte{1})
				mustWrite(t, q, "b")
			},
			1, 1000,
			[]payload{{"2:4a", false}, {"\x01\x02\xff\x04\x01", true}, {"2:4b", false}},
		},
		{
			"for text only there is base64", transport.DialectV3Text,
			func(t *testing.T, q *transport.Queue) { mustWrite(t, q, "a", []byte{1, 2, 3, 4}) },
			0, 1000,
			[]payload{{"2:4a10:b4AQIDBA==", false}},
		},
		{
			"a packet that would exceed the size waits whole", transport.DialectV3,
			func(t *testing.T, q *transport.Queue) {
				for range 4 {
					mustShare(t, q, message(x(30)))
				}
			},
			0, 80,
			[]payload{{"31:4" + x(30) + "31:4" + x(30), false}, {"31:4" + x(30) + "31:4" + x(30), false}},
		},
		{
			"a first packet may be larger than the size", transport.DialectV3,
			func(t *testing.T, q *transport.Queue) { mustWrite(t, q, x(3000)); mustWrite(t, q, "b") },
			0, 100,
			[]payload{{"3001:4" + x(3000), false}, {"2:4b", false}},
		},
		{
			"packets lie in several segments", transport.DialectV3,
			func(t *testing.T, q *transport.Queue) {
				for range 3 {
					mustShare(t, q, message(x(1500)))
					mustWrite(t, q, "a")
				}
			},
			0, 1 << 20,
			[]payload{{strings.Repeat("1501:4"+x(1500)+"2:4a", 3), false}},
		},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			q, w := speaking(t, test.dialect)
			q.Cork()
			if body, _ := q.TakePayloadV3(w, 0, 100); body != nil {
				t.Errorf("empty: %q", body)
			}
			test.fill(t, q)
			if body, _ := q.TakePayloadV3(w, 0, 100); body != nil {
				t.Errorf("while corked: %q", body)
			}
			d := &idle{}
			q.SetDrainer(d, false)
			q.Uncork()
			if body, _ := q.TakePayloadV3(w, 0, 100); body != nil {
				t.Errorf("for another transport: %q", body)
			}
			for i, want := range test.payloads {
				body, isBinary := q.TakePayloadV3(d, test.packets, test.size)
				if string(body) != want.body || isBinary != want.binary {
					t.Errorf("payload %d: got %q, %v, want %q, %v", i, body, isBinary, want.body, want.binary)
				}
			}
			equal(t, "bytes left", q.Len(), 0)
		})
	}
}

func BenchmarkTakePayloadV3(b *testing.B) {
	q := newQueue(b, 1<<20)
	q.Speak(transport.DialectV3)
	text := []byte(strings.Repeat("x", 64))
	b.ReportAllocs()
	for b.Loop() {
		for range 16 {
			_ = q.Write(text, nil, false) // there is room
		}
		if body, _ := q.TakePayloadV3(nil, 0, 1<<20); len(body) != 16*(3+65) {
			b.Fatal(len(body))
		}
	}
}
