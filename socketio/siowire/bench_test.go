package siowire_test

import (
	"strings"
	"testing"

	"github.com/sockeye-io/sockeye/socketio/siowire"
)

const (
	textEvent   = `2["chat message","`
	objectEvent = `2["chat message",{"id":1234567,"user":"alice","text":"hello world, this is a message","tags":["a","b","c"],"ok":true}]`
	binaryEvent = `51-["image",{"_placeholder":true,"num":0},"name"]`
)

type chat struct {
	ID   int      `json:"id"`
	User string   `json:"user"`
	Text string   `json:"text"`
	Tags []string `json:"tags"`
	OK   bool     `json:"ok"`
}

// text130 is an event of 130 bytes with one string.
func text130() string { return textEvent + strings.Repeat("a", 130-len(textEvent)-2) + `"]` }

func BenchmarkAdd(b *testing.B) {
	for _, bench := range []struct {
		name, text  string
		attachments int
	}{
		{"text130", text130(), 0},
		{"object", objectEvent, 0},
		{"binary", binaryEvent, 1},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			d, text, data := decoder(), []byte(bench.text), make([]byte, 1000)
			for b.Loop() {
				_, ok, err := d.Add(text, false)
				for range bench.attachments {
					_, ok, err = d.Add(data, true)
				}
				if !ok || err != nil {
					b.Fatal(ok, err)
				}
			}
		})
	}
}

func BenchmarkDecode(b *testing.B) {
	b.Run("string", func(b *testing.B) {
		b.ReportAllocs()
		p, _, _ := decoder().Add([]byte(text130()), false)
		for b.Loop() {
			var s string
			if err := p.Args.Decode(0, &s); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("struct", func(b *testing.B) {
		b.ReportAllocs()
		p, _, _ := decoder().Add([]byte(objectEvent), false)
		for b.Loop() {
			var c chat
			if err := p.Args.Decode(0, &c); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("any", func(b *testing.B) {
		b.ReportAllocs()
		p, _, _ := decoder().Add([]byte(objectEvent), false)
		for b.Loop() {
			var v any
			if err := p.Args.Decode(0, &v); err != nil {
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
		{"struct", chat{1234567, "alice", "hello world, this is a message", []string{"a", "b", "c"}, true}},
		{"map", map[string]any{"id": 1234567, "user": "alice", "tags": []any{"a", "b", "c"}, "ok": true}},
		{"bytes", make([]byte, 1000)},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			parser, args := siowire.JSON(), []any{bench.arg}
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

// TestAllocations holds what the benchmarks show: a plain text event of up to
// four arguments costs none.
func TestAllocations(t *testing.T) { // not parallel: it counts
	parser := siowire.JSON()
	d := parser.NewDecoder(siowire.Limits{})
	for _, text := range []string{text130(), objectEvent, `2/admin,12["x",1,"2",[3],{"4":4}]`, `37["é"]`} {
		packet := []byte(text)
		if n := testing.AllocsPerRun(100, func() { _, _, _ = d.Add(packet, false) }); n != 0 {
			t.Errorf("%v allocations for %s, want 0", n, text)
		}
	}
	dst, args := make([]byte, 0, 1000), []any{"text", 1, true, 1.5, nil}
	if n := testing.AllocsPerRun(100, func() {
		_, _, _ = parser.AppendArgs(dst, siowire.Header{Type: siowire.Event, Namespace: "/a"}, "x", args)
	}); n != 0 {
		t.Errorf("%v allocations to encode plain arguments, want 0", n)
	}
}
