package eiowire_test

import (
	"bytes"
	"errors"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/sockeye-io/sockeye/engineio/eiowire"
)

func text(t eiowire.Type, data string) eiowire.Packet {
	return eiowire.Packet{Type: t, Data: []byte(data)}
}

func binary(data ...byte) eiowire.Packet {
	return eiowire.Packet{Type: eiowire.Message, Binary: true, Data: append([]byte{}, data...)}
}

func TestDecode(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule, text string
		want       eiowire.Packet
		err        error
	}{
		{"open carries JSON", `0{"sid":"a"}`, text(eiowire.Open, `{"sid":"a"}`), nil},
		{"close", "1", text(eiowire.Close, ""), nil},
		{"ping with data is a probe", "2probe", text(eiowire.Ping, "probe"), nil},
		{"pong", "3", text(eiowire.Pong, ""), nil},
		{"a message keeps its bytes", "4b€\x00", text(eiowire.Message, "b€\x00"), nil},
		{"upgrade", "5", text(eiowire.Upgrade, ""), nil},
		{"noop", "6", text(eiowire.Noop, ""), nil},
		{"nothing is no packet", "", eiowire.Packet{}, eiowire.ErrEmpty},
		{"7 is no type", "7", eiowire.Packet{}, eiowire.ErrType},
		{"a letter is no type", "abc", eiowire.Packet{}, eiowire.ErrType},
		{"a byte below the digits is no type", "/", eiowire.Packet{}, eiowire.ErrType},
		{"white space is no type", " 4", eiowire.Packet{}, eiowire.ErrType},
		{"b is a binary message", "bAQIDBA==", binary(1, 2, 3, 4), nil},
		{"a binary message may be empty", "b", binary(), nil},
		{"padding may be missing", "bAQIDBA", binary(1, 2, 3, 4), nil},
		{"the URL alphabet counts", "b-_-_", binary(0xfb, 0xff, 0xbf), nil},
		{"both alphabets may be mixed", "b+_-/", binary(0xfb, 0xff, 0xbf), nil},
		{"other characters are skipped", "b!A Q\nI?D é", binary(1, 2, 3), nil},
		{"the first = ends it", "bAQ==AQ==", binary(1), nil},
		{"a = at the start leaves nothing", "b=AQID", binary(), nil},
		{"one character of a group is no byte", "bAQIDB", binary(1, 2, 3), nil},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			got, err := eiowire.Decode([]byte(test.text))
			if !errors.Is(err, test.err) {
				t.Fatalf("Decode(%q): error %v, want %v", test.text, err, test.err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("Decode(%q) (-want +got):\n%s", test.text, diff)
			}
			if got.Binary && got.Data == nil {
				t.Errorf("Decode(%q): binary data is nil", test.text)
			}
		})
	}
}

func TestPayload(t *testing.T) {
	t.Parallel()
	type result struct {
		packets []eiowire.Packet
		err     error
		offset  int
	}
	for _, test := range []struct {
		rule, body string
		want       result
	}{
		{"one packet has no separator", "4a", result{packets: []eiowire.Packet{text(eiowire.Message, "a")}}},
		{
			"order is kept", "2\x1e4a\x1ebAQ==\x1e4",
			result{packets: []eiowire.Packet{text(eiowire.Ping, ""), text(eiowire.Message, "a"), binary(1), text(eiowire.Message, "")}},
		},
		{"an empty body is an empty packet", "", result{err: eiowire.ErrEmpty}},
		{
			"a separator at the end is followed by an empty packet", "4a\x1e",
			result{packets: []eiowire.Packet{text(eiowire.Message, "a")}, err: eiowire.ErrEmpty, offset: 3},
		},
		{
			"an error ends it", "4a\x1ex\x1e4b",
			result{packets: []eiowire.Packet{text(eiowire.Message, "a")}, err: eiowire.ErrType, offset: 3},
		},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			var packets []eiowire.Packet
			var failed error
			for p, err := range eiowire.Payload([]byte(test.body)) {
				if failed != nil {
					t.Fatal("Payload went on after an error")
				}
				if failed = err; err == nil {
					packets = append(packets, p)
				}
			}
			if !errors.Is(failed, test.want.err) {
				t.Fatalf("Payload(%q): error %v, want %v", test.body, failed, test.want.err)
			}
			var parse *eiowire.ParseError
			if errors.As(failed, &parse) && parse.Offset != test.want.offset {
				t.Errorf("Payload(%q): %v, want offset %d", test.body, failed, test.want.offset)
			}
			if diff := cmp.Diff(test.want.packets, packets); diff != "" {
				t.Errorf("Payload(%q) (-want +got):\n%s", test.body, diff)
			}
		})
	}
}

func TestPayloadStopsWhenTheLoopDoes(t *testing.T) {
	t.Parallel()
	n := 0
	for range eiowire.Payload([]byte("4a\x1e4b")) {
		n++
		break
	}
	if n != 1 {
		t.Errorf("%d packets, want 1", n)
	}
}

func TestAppendOpen(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule string
		h    eiowire.Handshake
		want string
	}{
		{
			"the keys stand in the reference's order",
			eiowire.Handshake{
				SID: "lv_VI97HAXpY6yYWAAAC", Upgrades: []string{"websocket"},
				PingInterval: 25 * time.Second, PingTimeout: 20 * time.Second, MaxPayload: 1_000_000,
			},
			`{"sid":"lv_VI97HAXpY6yYWAAAC","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`,
		},
		{
			"no upgrades are an empty list",
			eiowire.Handshake{SID: "x", PingInterval: 1500 * time.Microsecond},
			`{"sid":"x","upgrades":[],"pingInterval":1,"pingTimeout":0,"maxPayload":0}`,
		},
		{
			"a home-made session id is quoted",
			eiowire.Handshake{SID: "a\"b\\c\xff", Upgrades: []string{"websocket", "webtransport"}},
			`{"sid":"a\"b\\c` + "\uFFFD" + `","upgrades":["websocket","webtransport"],"pingInterval":0,"pingTimeout":0,"maxPayload":0}`,
		},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			if got := string(eiowire.AppendOpen(nil, test.h)); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestValidUTF8(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ rule, body, want string }{
		{"a stray byte", "a\xffb", "a\uFFFDb"},
		{"every stray byte counts", "\x80\x80", "\uFFFD\uFFFD"},
		{"a cut character counts once", "\xe2\x82a", "\uFFFDa"},
		{"a cut character at the end", "4\xf0\x9f\x98", "4\uFFFD"},
		{"overlong forms count a byte each", "\xe0\x80\x80", "\uFFFD\uFFFD\uFFFD"},
		{"surrogates count a byte each", "\xed\xa0\x80", "\uFFFD\uFFFD\uFFFD"},
		{"beyond Unicode", "\xf4\x90\x80\x80", "\uFFFD\uFFFD\uFFFD\uFFFD"},
		{"U+FFFD itself is no fault", "\uFFFD\xff", "\uFFFD\uFFFD"},
		{"the separator ends a cut character", "4\xe2\x82\x1e4", "4\uFFFD\x1e4"},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			if got := string(eiowire.ValidUTF8([]byte(test.body))); got != test.want {
				t.Errorf("ValidUTF8(%q) = %q, want %q", test.body, got, test.want)
			}
		})
	}
}

func TestValidUTF8OfValidBody(t *testing.T) { // not parallel: it counts allocations
	valid := []byte("4€ and 😀")
	if n := testing.AllocsPerRun(100, func() { eiowire.ValidUTF8(valid) }); n != 0 {
		t.Errorf("%v allocations for a valid body, want 0", n)
	}
}

func TestTypeString(t *testing.T) {
	t.Parallel()
	if got := eiowire.Message.String() + " " + eiowire.Type(9).String(); got != "message Type(9)" {
		t.Errorf("got %q", got)
	}
}

// FuzzPayload checks that what is accepted survives being written again.
func FuzzPayload(f *testing.F) {
	for _, seed := range []string{"", "4", "4a\x1ebAQ==", "2probe\x1e3probe", "b====\x1e4", "4\xe2\x82\x1e", "0{\"sid\":\"\"}", "b-_ \n+/=\x1eb"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		valid := eiowire.ValidUTF8(body)
		if !utf8.Valid(valid) || len(valid) > 3*len(body) {
			t.Fatalf("ValidUTF8(%q) = %q", body, valid)
		}
		var first []eiowire.Packet
		size := 0
		for p, err := range eiowire.Payload(body) {
			if err != nil {
				return
			}
			size += len(p.Data)
			first = append(first, p)
		}
		if size > len(body) {
			t.Fatalf("%d bytes of data in a body of %d", size, len(body))
		}
		again := eiowire.AppendPayload(nil, first...)
		i := 0
		for p, err := range eiowire.Payload(again) {
			if err != nil || i >= len(first) || p.Type != first[i].Type || p.Binary != first[i].Binary || !bytes.Equal(p.Data, first[i].Data) {
				t.Fatalf("packet %d of %q, written as %q, came back as %v, %v", i, body, again, p, err)
			}
			i++
		}
		if i != len(first) {
			t.Fatalf("%d of %d packets of %q came back", i, len(first), body)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	for _, bench := range []struct{ name, text string }{
		{"text", `42["chat message","hello"]`},
		{"binary", "bAAECAwQFBgcICQoLDA0ODwABAgMEBQYHCAkKCwwNDg8="},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			packet := []byte(bench.text)
			for b.Loop() {
				if _, err := eiowire.Decode(packet); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkPayload(b *testing.B) {
	b.ReportAllocs()
	body := bytes.Repeat([]byte("42[\"chat message\",\"hello\"]\x1e"), 100)
	body = body[:len(body)-1]
	for b.Loop() {
		for _, err := range eiowire.Payload(eiowire.ValidUTF8(body)) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}
