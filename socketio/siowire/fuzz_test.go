package siowire_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/sockeye-io/sockeye/socketio/siowire"
)

// messages splits fuzz input into a text message and attachments.
func messages(in []byte) (text []byte, attachments [][]byte) {
	parts := bytes.Split(in, []byte{0})
	return parts[0], parts[1:]
}

// FuzzDecoder checks that no input panics or costs more memory than its length
// allows, and that what is accepted can be decoded, sent on and read again.
func FuzzDecoder(f *testing.F) {
	for _, seed := range []string{
		`0`, `0{"token":"x"}`, `0/admin,{"a":1}`, `1`, `1/a,`, `2`, `2["x"]`, `2/a,12["x",{"b":[1,-2.5e3,"\u00e9\ud800"]}]`, `2[1,2]`,
		`37[null,true,false]`, `4{"message":"no"}`, `4"no"`, `2["connect"]`, `2 ["x"]`, `218446744073709551616["x"]`, `511-[]`, `50-["x"]`,
		"51-[\"x\",{\"_placeholder\":true,\"num\":0}]\x00abc", "62-3[{\"num\":1,\"_placeholder\":true},{\"_placeholder\":true,\"num\":0}]\x00\x00b",
		"51-[\"x\",{\"\\u005fplaceholder\":true,\"num\":0}]\x00a", `2["x",` + strings.Repeat("[", 600),
		`2["x",[[],{},[[]],{"a":{"b":[]}}],1,2,3,4,5,6]`,
	} {
		f.Add([]byte(seed))
	}
	parser := siowire.JSON()
	f.Fuzz(func(t *testing.T, in []byte) {
		text, attachments := messages(in)
		before := allocated()
		p, ok := decode(parser, bytes.Clone(text), attachments)
		if used := allocated() - before; used > 64*uint64(len(in))+32<<10 {
			t.Fatalf("%d bytes allocated for a packet of %d: %q", used, len(in), in)
		}
		if !ok {
			return
		}
		if !utf8.Valid(p.Data) || p.Data != nil && !json.Valid(p.Data) {
			t.Fatalf("payload %q was let pass", p.Data)
		}
		if p.Data == nil && (p.Type == siowire.Event || p.Type == siowire.Ack) {
			return // such a packet can be read, but no Parser writes it
		}
		again, sent, err := encodePacket(parser, p)
		if err != nil {
			t.Fatalf("%q cannot be sent on: %v", in, err)
		}
		second, ok := decode(parser, again, sent)
		if !ok {
			t.Fatalf("%q was sent on as %q, which nobody reads", in, again)
		}
		if first, second := value(t, p), value(t, second); !reflect.DeepEqual(first, second) {
			t.Fatalf("%q is %v, was sent on as %q and is now %v", in, first, again, second)
		}
	})
}

func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

// decode reads one packet; all of the attachments must be used.
func decode(parser siowire.Parser, text []byte, attachments [][]byte) (siowire.Packet, bool) {
	d := parser.NewDecoder(siowire.Limits{})
	p, ok, err := d.Add(text, false)
	for _, a := range attachments {
		if err != nil || ok {
			return p, false
		}
		p, ok, err = d.Add(a, true)
	}
	return p, ok && err == nil
}

// encodePacket writes a decoded packet again without decoding its values.
func encodePacket(parser siowire.Parser, p siowire.Packet) (head []byte, attachments [][]byte, err error) {
	h := siowire.Header{Type: p.Type, Namespace: string(p.Namespace), ID: p.ID, HasID: p.HasID}
	args := make([]any, p.Args.Len())
	for i := range args {
		args[i] = p.Args.Raw(i)
	}
	switch {
	case p.Type == siowire.Event, p.Type == siowire.Ack:
		return parser.AppendArgs(nil, h, string(p.Name), args)
	case len(args) > 0:
		head, err = parser.AppendValue(nil, h, args[0])
	default:
		head, err = parser.AppendValue(nil, h, nil)
	}
	return head, nil, err
}

// value returns what a handler would see of a packet.
func value(t *testing.T, p siowire.Packet) []any {
	t.Helper()
	seen := []any{p.Type, string(p.Name)}
	for i := range p.Args.Len() {
		var v any
		if err := p.Args.Decode(i, &v); err != nil {
			t.Fatalf("argument %d, %q, cannot be decoded: %v", i, p.Args.Raw(i).Bytes(), err)
		}
		seen = append(seen, v)
	}
	return seen
}

// FuzzJSON checks the scanner against the standard library's: both accept the
// same text, and decode it to the same values.
func FuzzJSON(f *testing.F) {
	for _, seed := range []string{
		`null`, `"a\u00e9\ud83d\ude00\ud800"`, `[1,[2,{"a":[]}],-0.5e-3]`, "{\"a\" : \t1 ,\r\n\"b\":{}}", `01`, `1.`, `"\x"`, `{"a":1,}`, `[[[[[[[[]]]]]]]]`,
		"\"aaaaaaaaaaaaaaaaaaaaaaaa\\\\\"", "\"aaaaaaa\x1f\"", `1e999`, "\"\xff\"", `tru`, `{"_placeholder":true,"num":0}`, "\u00a01", `{"a":"b"}x`, `-`,
	} {
		f.Add([]byte(seed))
	}
	parser := siowire.JSON()
	f.Fuzz(func(t *testing.T, text []byte) {
		packet := append(append([]byte("3["), text...), ']')
		p, ok := decode(parser, packet, nil)
		list := packet[1:]
		depth := bytes.Count(text, []byte("[")) + bytes.Count(text, []byte("{"))
		if want := json.Valid(list) && utf8.Valid(list); ok != want && (ok || depth < 511) {
			t.Fatalf("%q: accepted %v, want %v", packet, ok, want)
		}
		var want []any
		if !ok || json.Unmarshal(list, &want) != nil { // the standard library refuses 1e999
			return
		}
		if got := value(t, p)[2:]; !reflect.DeepEqual(want, got) {
			t.Fatalf("%q is %v, want %v", packet, got, want)
		}
	})
}

// FuzzString checks that every string comes through, and as encoding/json has it.
func FuzzString(f *testing.F) {
	for _, seed := range []string{"", "plain", "\"\\/\b\f\n\r\t\x00\x1f\x7f", "é€😀\u2028\uFFFD", "\xff\xc3\xe2\x82\xed\xa0\x80", strings.Repeat("a", 100) + "\n"} {
		f.Add(seed)
	}
	parser := siowire.JSON()
	f.Fuzz(func(t *testing.T, s string) {
		head, _, err := parser.AppendArgs(nil, siowire.Header{Type: siowire.Event}, "a"+s, []any{s, []string{s}})
		if err != nil {
			t.Fatal(err)
		}
		p, ok := decode(parser, head, nil)
		if !ok {
			t.Fatalf("%q is written as %q, which nobody reads", s, head)
		}
		want := strings.ToValidUTF8(s, "\uFFFD")
		if !utf8.ValidString(s) { // a rune for each broken byte, not for each run of them
			want = string([]rune(s))
		}
		var plain string
		var nested []string
		if err := p.Args.Decode(0, &plain); err != nil || plain != want || string(p.Name) != "a"+want {
			t.Fatalf("%q came back as %q, and %q in the name: %v", s, plain, p.Name, err)
		}
		if err := p.Args.Decode(1, &nested); err != nil || nested[0] != want {
			t.Fatalf("%q came back as %q within a list: %v", s, nested, err)
		}
	})
}

// FuzzBytes checks that bytes come through wherever they stand.
func FuzzBytes(f *testing.F) {
	f.Add([]byte{}, []byte{0}, "key")
	f.Add([]byte("{\"_placeholder\":true,\"num\":0}"), []byte{0xff, 0x1e}, "_placeholder")
	parser := siowire.JSON()
	f.Fuzz(func(t *testing.T, a, b []byte, key string) {
		a, b, key = append([]byte{}, a...), append([]byte{}, b...), string([]rune(key)) // not nil, valid
		in := map[string]any{key: []any{a, blob(b)}}
		head, attachments, err := parser.AppendArgs(nil, siowire.Header{Type: siowire.Ack}, "", []any{a, in})
		if err != nil {
			t.Fatal(err)
		}
		p, ok := decode(parser, head, attachments)
		if !ok {
			t.Fatalf("%q and %q are written as %q, which nobody reads", a, b, head)
		}
		want := []any{siowire.Ack, "", a, map[string]any{key: []any{a, b}}}
		if got := value(t, p); !reflect.DeepEqual(want, got) {
			t.Fatalf("%q is %v, want %v", head, got, want)
		}
	})
}
