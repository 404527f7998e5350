package msgpack_test

import (
	"encoding/json"
	"maps"
	"math"
	"slices"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/sockeye-io/sockeye/socketio/siowire"
	"github.com/sockeye-io/sockeye/socketio/siowire/msgpack"
)

// FuzzDecoder: what is let pass can be decoded, is the same after it was sent on,
// undecoded or decoded, and can be sent to JSON clients too.
func FuzzDecoder(f *testing.F) {
	for _, seed := range []string{
		"\x82" + typ + "\x00" + root, "\x83" + typ + "\x01" + data + "\xc0" + root, "\x83" + typ + "\x04" + root + data + "\xa2no",
		eventHead + "\x92\xa1x\x85\xa1a\xd7\x00\x00\x00\x01\x1f\x71\xfb\x04\xcb\xa1b\xc4\x01\x00\xa1c\xd4\x00\x00\xa1d\xc7\x01\x07a\xa1e\xcb\x7f\xf8\x00\x00\x00\x00\x00\x01",
		ackHead + "\x91\x83\x01\xc0\xc3\xcd\xff\xff\xca\x3f\xc0\x00\x00\xd3\x80\x00\x00\x00\x00\x00\x00\x00", ackHead + "\xdd\xff\xff\xff\xff", ackHead + nested(20),
		"\x85" + typ + "\x02" + data + "\x92\xa3foo\x01\xa7options\x81\xa8compress\xc3\xa2id\x03" + root, ackHead + "\x94\xd9\x03abc\xda\x00\x01\xc3\xbf\xdc\x00\x01\xde\x00\x00",
	} {
		f.Add([]byte(seed))
	}
	parser := msgpack.New()
	d := parser.NewDecoder(siowire.Limits{Depth: 100})
	f.Fuzz(func(t *testing.T, msg []byte) {
		p, ok, err := d.Add(msg, true)
		if err != nil {
			return
		}
		if !ok || len(p.Namespace) == 0 || p.Namespace[0] != '/' || !utf8.Valid(p.Namespace) || p.Type > siowire.ConnectError {
			t.Fatalf("%v, %+v", ok, p)
		}
		raws, values := make([]any, p.Args.Len()), make([]any, p.Args.Len())
		for i := range raws {
			raws[i] = p.Args.Raw(i)
			if err := p.Args.Decode(i, &values[i]); err != nil {
				t.Fatal(err)
			}
			_ = p.Args.Decode(i, new(outer)) // must not panic
			var text json.RawMessage
			if err := p.Args.Decode(i, &text); err != nil || !json.Valid(text) {
				t.Fatalf("text %s, %v", text, err)
			}
		}
		for _, args := range []siowire.Args{through(t, parser, raws...), through(t, parser, values...)} {
			for i, want := range values {
				var got any
				if err := args.Decode(i, &got); err != nil {
					t.Fatal(err)
				}
				if !same(want, got) {
					t.Errorf("sent on: %v became %v", want, got)
				}
			}
		}
		args, attachments, err := siowire.JSON().AppendArgs(nil, siowire.Header{Type: siowire.Ack}, "", raws)
		if slices.ContainsFunc(values, special) {
			return
		}
		if err != nil || !utf8.Valid(args) || attachments == nil && !json.Valid(args[1:]) {
			t.Errorf("to JSON clients: %s, %v", args, err)
		}
	})
}

// same compares decoded values. It takes the time that their size asks for: a
// comparison that looks for the smallest difference takes twice as long for each
// level of nesting.
func same(a, b any) bool {
	switch a := a.(type) {
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, same)
	case map[string]any:
		b, ok := b.(map[string]any)
		return ok && maps.EqualFunc(a, b, same)
	case float64:
		b, ok := b.(float64)
		return ok && (a == b || math.IsNaN(a) && math.IsNaN(b))
	default:
		return cmp.Equal(a, b, cmpValues)
	}
}

// special reports whether JSON may refuse v: it has something like a placeholder,
// which may stand beside an attachment, or a time without a text.
func special(v any) bool {
	switch v := v.(type) {
	case []any:
		return slices.ContainsFunc(v, special)
	case map[string]any:
		return v["_placeholder"] == true || slices.ContainsFunc(slices.Collect(maps.Values(v)), special)
	case time.Time:
		return v.Year() > 9999 || v.Year() < 0
	}
	return false
}

// FuzzText: JSON text that a program writes by itself is read as what it says.
func FuzzText(f *testing.F) {
	for _, seed := range []string{
		`{}`, `[]`, ` [ { "a" : [ ] , "b\n" : "\u00e9\ud83d\ude00\\" } , -1.5e3 ,18446744073709551615] `, `"\ud800"`, `[[[[]],{"a":{}}],"]}{[,:"]`, `1e999`, `-0`, `{"a":1,"a":2}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !json.Valid([]byte(text)) || !utf8.ValidString(text) {
			return
		}
		head, _, err := msgpack.New().AppendArgs(nil, siowire.Header{Type: siowire.Ack}, "", []any{json.RawMessage(text), struct{ A json.RawMessage }{json.RawMessage(text)}})
		if err != nil {
			t.Fatal(err)
		}
		p, _, err := msgpack.New().NewDecoder(siowire.Limits{Depth: math.MaxInt32}).Add(head, true)
		if err != nil {
			t.Fatal(err)
		}
		var want, got any
		var in struct{ A any }
		if err := through(t, siowire.JSON(), json.RawMessage(text)).Decode(0, &want); err != nil {
			t.Fatal(err)
		}
		if err := p.Args.Decode(0, &got); err != nil {
			t.Fatal(err)
		}
		if err := p.Args.Decode(1, &in); err != nil {
			t.Fatal(err)
		}
		if !same(want, got) || !same(want, in.A) {
			t.Errorf("%s: got %v and %v, want %v", text, got, in.A, want)
		}
	})
}
