package msgpack_test

import (
	"strings"
	"testing"

	"github.com/sockeye-io/sockeye/socketio/siowire"
	"github.com/sockeye-io/sockeye/socketio/siowire/msgpack"
)

type chat struct {
	ID   int      `json:"id"`
	User string   `json:"user"`
	Text string   `json:"text"`
	Tags []string `json:"tags"`
	OK   bool     `json:"ok"`
}

func aChat() chat {
	return chat{1234567, "alice", "hello world, this is a message", []string{"a", "b", "c"}, true}
}

func BenchmarkAdd(b *testing.B) {
	for _, bench := range []struct {
		name string
		arg  any
	}{{"text110", strings.Repeat("a", 110)}, {"object", aChat()}, {"bytes", make([]byte, 1000)}} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			d, msg := msgpack.New().NewDecoder(siowire.Limits{}), appendArgs(b, siowire.Header{Type: siowire.Event}, "chat message", bench.arg)
			for b.Loop() {
				if _, ok, err := d.Add(msg, true); !ok || err != nil {
					b.Fatal(ok, err)
				}
			}
		})
	}
}

func BenchmarkDecode(b *testing.B) {
	args := through(b, msgpack.New(), "text", aChat())
	b.Run("string", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var s string
			if err := args.Decode(0, &s); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("struct", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var c chat
			if err := args.Decode(1, &c); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("any", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var v any
			if err := args.Decode(1, &v); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkAppendArgs(b *testing.B) {
	for _, bench := range []struct {
		name string
		arg  any
	}{
		{"string", strings.Repeat("a", 110)},
		{"struct", aChat()},
		{"map", map[string]any{"id": 1234567, "user": "alice", "tags": []any{"a", "b", "c"}, "ok": true}},
		{"bytes", make([]byte, 1000)},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			parser, args := msgpack.New(), []any{bench.arg}
			var dst []byte
			for b.Loop() {
				var err error
				if dst, _, err = parser.AppendArgs(dst[:0], siowire.Header{Type: siowire.Event}, "chat message", args); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// TestAllocations holds what the benchmarks show.
func TestAllocations(t *testing.T) { // not parallel: it counts
	parser := msgpack.New()
	d := parser.NewDecoder(siowire.Limits{})
	args := []any{"text", 1, true, 1.5}
	msg := appendArgs(t, siowire.Header{Type: siowire.Event, Namespace: "/a", ID: 7, HasID: true}, "x", args...)
	if n := testing.AllocsPerRun(100, func() { _, _, _ = d.Add(msg, true) }); n != 0 {
		t.Errorf("%v allocations to decode a packet, want 0", n)
	}
	dst := make([]byte, 0, 1000)
	if n := testing.AllocsPerRun(100, func() {
		_, _, _ = parser.AppendArgs(dst, siowire.Header{Type: siowire.Event, Namespace: "/a"}, "x", args)
	}); n != 0 {
		t.Errorf("%v allocations to encode plain arguments, want 0", n)
	}
}
