package fastjson_test

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sockeye-io/sockeye/socketio/siowire"
	"github.com/sockeye-io/sockeye/socketio/siowire/fastjson"
)

type tag struct {
	Name  string  `json:"name"`
	Score float64 `json:"score"`
}

type chat struct {
	ID   int               `json:"id"`
	User string            `json:"user"`
	Text string            `json:"text"`
	Tags []tag             `json:"tags"`
	More map[string]string `json:"more,omitempty"`
	At   time.Time         `json:"at"`
	Next *chat             `json:"next"`
}

func aChat() chat {
	return chat{
		ID: 1234567, User: "älice", Text: "<hello> & \"welcome\"\u2028\x00", Tags: []tag{{"a", 0.5}, {"b", 1e21}}, More: map[string]string{"k": "v"},
		At: time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC), Next: &chat{Tags: []tag{}},
	}
}

func fast() siowire.Parser {
	return siowire.JSONWith(siowire.JSONOptions{Library: fastjson.Library()})
}

func encode(t testing.TB, p siowire.Parser, args ...any) string {
	t.Helper()
	head, _, err := p.AppendArgs(nil, siowire.Header{Type: siowire.Event}, "x", args)
	if err != nil {
		t.Fatal(err)
	}
	return string(head)
}

func decode(t testing.TB, p siowire.Parser, text string) siowire.Args {
	t.Helper()
	packet, ok, err := p.NewDecoder(siowire.Limits{}).Add([]byte(text), false)
	if !ok || err != nil {
		t.Fatal(ok, err)
	}
	return packet.Args
}

// TestSameValues writes with one library and reads with the other.
func TestSameValues(t *testing.T) {
	t.Parallel()
	want := []any{aChat(), []chat{aChat()}, map[string]tag{"a": {"n", -1}}, &tag{}}
	for _, pair := range [][2]siowire.Parser{{fast(), siowire.JSON()}, {siowire.JSON(), fast()}, {fast(), fast()}} {
		args := decode(t, pair[1], encode(t, pair[0], want...))
		var one chat
		var list []chat
		var tags map[string]tag
		var pointer *tag
		if err := errors.Join(args.Decode(0, &one), args.Decode(1, &list), args.Decode(2, &tags), args.Decode(3, &pointer)); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, []any{one, list, tags, pointer}); diff != "" {
			t.Errorf("%T to %T (-sent +got):\n%s", pair[0], pair[1], diff)
		}
	}
}

// TestLibraryIsUsed sees what only this library does.
func TestLibraryIsUsed(t *testing.T) {
	t.Parallel()
	type lists struct{ A []int }
	if got := encode(t, fast(), lists{}); got != `2["x",{"A":null}]` {
		t.Errorf("wrote %s", got)
	}
	kept := tag{Name: "kept"}
	if err := decode(t, fast(), `2["x",{"name":null}]`).Decode(0, &kept); err != nil || kept.Name != "kept" {
		t.Errorf("read %+v, %v", kept, err)
	}
	_, _, err := fast().AppendArgs(nil, siowire.Header{Type: siowire.Event}, "x", []any{tag{Score: math.NaN()}})
	if failed := new(siowire.EncodeError); !errors.As(err, &failed) || failed.Arg != 0 {
		t.Errorf("wrote NaN: %v", err)
	}
	if got := encode(t, fast(), tag{Name: "<&>\u2028"}); strings.Contains(got, `\u003c`) {
		t.Errorf("wrote %s", got)
	}
}

func TestConcurrently(t *testing.T) {
	t.Parallel()
	parser := fast()
	var wg sync.WaitGroup
	for n := range 4 {
		wg.Go(func() {
			for i := range 100 {
				want := chat{ID: i, User: strconv.Itoa(n), Tags: []tag{{"t", float64(i)}}}
				head, _, err := parser.AppendArgs(nil, siowire.Header{Type: siowire.Event}, "x", []any{want})
				if err != nil {
					t.Error(err)
					return
				}
				p, _, err := parser.NewDecoder(siowire.Limits{}).Add(head, false)
				var got chat
				if err = errors.Join(err, p.Args.Decode(0, &got)); err != nil || !cmp.Equal(want, got) {
					t.Errorf("got %+v, want %+v, %v", got, want, err)
				}
			}
		})
	}
	wg.Wait()
}

func BenchmarkAppendArgs(b *testing.B) {
	for name, parser := range map[string]siowire.Parser{"builtin": siowire.JSON(), "fast": fast()} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			var dst []byte
			args := []any{aChat()}
			for b.Loop() {
				var err error
				if dst, _, err = parser.AppendArgs(dst[:0], siowire.Header{Type: siowire.Event}, "x", args); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkDecode(b *testing.B) {
	for name, parser := range map[string]siowire.Parser{"builtin": siowire.JSON(), "fast": fast()} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			args := decode(b, parser, encode(b, siowire.JSON(), aChat()))
			for b.Loop() {
				var c chat
				if err := args.Decode(0, &c); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
