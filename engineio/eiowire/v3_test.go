package eiowire_test

import (
	"bytes"
	"errors"
	"iter"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sockeye-io/sockeye/engineio/eiowire"
)

// binaryOf is a binary packet of any type, which revision 3 allows.
func binaryOf(t eiowire.Type, data ...byte) eiowire.Packet {
	return eiowire.Packet{Type: t, Binary: true, Data: append([]byte{}, data...)}
}

func TestDecodeV3(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule, text string
		want       eiowire.Packet
		err        error
	}{
		{"text is as in revision 4", "4b€", text(eiowire.Message, "b€"), nil},
		{"a binary packet names its type", "b4AQIDBA==", binary(1, 2, 3, 4), nil},
		{"base64 may begin with a 4", "b44AAA", binary(0xe0, 0, 0), nil},
		{"any type may be binary", "b3AQ==", binaryOf(eiowire.Pong, 1), nil},
		{"binary data may be empty", "b4", binary(), nil},
		{"a mark without a type", "b", eiowire.Packet{}, eiowire.ErrEmpty},
		{"binary data of no type", "b7AQ==", eiowire.Packet{}, eiowire.ErrType},
		{"revision 4's binary message is none", "bAQIDBA==", eiowire.Packet{}, eiowire.ErrType},
		{"nothing is no packet", "", eiowire.Packet{}, eiowire.ErrEmpty},
		{"an unknown type", "abc", eiowire.Packet{}, eiowire.ErrType},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			got, err := eiowire.DecodeV3([]byte(test.text))
			if !errors.Is(err, test.err) {
				t.Fatalf("DecodeV3(%q): error %v, want %v", test.text, err, test.err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("DecodeV3(%q) (-want +got):\n%s", test.text, diff)
			}
		})
	}
}

func TestDecodeBinaryV3(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule, bytes string
		want        eiowire.Packet
		err         error
	}{
		{"the type comes first", "\x04\x01\x02", binary(1, 2), nil},
		{"data may be missing", "\x04", binary(), nil},
		{"the type is no character", "4\x01", eiowire.Packet{}, eiowire.ErrType},
		{"nothing is no packet", "", eiowire.Packet{}, eiowire.ErrEmpty},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			got, err := eiowire.DecodeBinaryV3([]byte(test.bytes))
			if !errors.Is(err, test.err) {
				t.Fatalf("error %v, want %v", err, test.err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if err == nil && string(eiowire.AppendBinaryV3(nil, got)) != test.bytes {
				t.Errorf("written again: %q", eiowire.AppendBinaryV3(nil, got))
			}
		})
	}
}

// results is what a payload turned out to hold.
type results struct {
	packets []eiowire.Packet
	err     error
	offset  int
}

func collect(t *testing.T, packets iter.Seq2[eiowire.Packet, error]) results {
	t.Helper()
	var r results
	for p, err := range packets {
		if r.err != nil {
			t.Fatal("it went on after an error")
		}
		var parse *eiowire.ParseError
		if errors.As(err, &parse) {
			r.err, r.offset = parse.Err, parse.Offset
			continue
		}
		r.packets = append(r.packets, p)
	}
	return r
}

func (r results) check(t *testing.T, got results) {
	t.Helper()
	if !errors.Is(got.err, r.err) || got.offset != r.offset {
		t.Errorf("error %v at %d, want %v at %d", got.err, got.offset, r.err, r.offset)
	}
	if diff := cmp.Diff(r.packets, got.packets); diff != "" {
		t.Errorf("packets (-want +got):\n%s", diff)
	}
}

func TestPayloadV3(t *testing.T) {
	t.Parallel()
	hello := text(eiowire.Message, "hello")
	for _, test := range []struct {
		rule, body string
		want       results
	}{
		{"a packet behind its length", "6:4hello", results{packets: []eiowire.Packet{hello}}},
		{"several in order", "6:4hello1:23:4€x", results{packets: []eiowire.Packet{hello, text(eiowire.Ping, ""), text(eiowire.Message, "€x")}}},
		{"binary in base64", "6:4hello10:b4AQIDBA==", results{packets: []eiowire.Packet{hello, binary(1, 2, 3, 4)}}},
		{"lengths count UTF-16 code units", "2:4€3:4😀", results{packets: []eiowire.Packet{text(eiowire.Message, "€"), text(eiowire.Message, "😀")}}},
		{"a packet may hold what looks like a header", "6:41:4ab", results{packets: []eiowire.Packet{text(eiowire.Message, "1:4ab")}}},
		{"a length of 0 is nothing", "0:0:1:2", results{packets: []eiowire.Packet{text(eiowire.Ping, "")}}},
		{"a length may begin with zeros", "0001:2", results{packets: []eiowire.Packet{text(eiowire.Ping, "")}}},
		{"an empty body", "", results{err: eiowire.ErrEmpty}},
		{"no length", ":4a", results{err: eiowire.ErrHeader}},
		{"no colon", "6", results{err: eiowire.ErrHeader}},
		{"a length that is none", "abc:4a", results{err: eiowire.ErrHeader}},
		{"only decimal digits are a length", "0x1:2", results{err: eiowire.ErrHeader}},
		{"a negative length", "-1:2", results{err: eiowire.ErrHeader}},
		{"longer than what follows", "1:23:4a", results{packets: []eiowire.Packet{text(eiowire.Ping, "")}, err: eiowire.ErrHeader, offset: 3}},
		{"a length that overflows", strings.Repeat("9", 400) + ":2", results{err: eiowire.ErrHeader}},
		{"half of a surrogate pair", "2:4😀", results{err: eiowire.ErrHeader}},
		{"an error ends it", "1:21:x1:2", results{packets: []eiowire.Packet{text(eiowire.Ping, "")}, err: eiowire.ErrType, offset: 3}},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			test.want.check(t, collect(t, eiowire.PayloadV3([]byte(test.body))))
		})
	}
}

func TestBinaryPayloadV3(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule, body string
		want       results
	}{
		{
			"text and binary, lengths in bytes", "\x00\x06\xff4hello\x00\x04\xff4\xe2\x82\xac\x01\x05\xff\x04\x01\x02\x03\x04\x00\x01\xff3",
			results{packets: []eiowire.Packet{text(eiowire.Message, "hello"), text(eiowire.Message, "€"), binary(1, 2, 3, 4), text(eiowire.Pong, "")}},
		},
		{
			"a length of several digits", "\x01\x01\x02\xff\x04" + strings.Repeat("\xff", 11),
			results{packets: []eiowire.Packet{binary(bytes.Repeat([]byte{255}, 11)...)}},
		},
		{"base64 among the text", "\x00\x06\xffb4AQ==", results{packets: []eiowire.Packet{binary(1)}}},
		{"text that is not UTF-8 is replaced", "\x00\x02\xff4\xe9", results{packets: []eiowire.Packet{text(eiowire.Message, "\ufffd")}}},
		{"an empty body", "", results{err: eiowire.ErrEmpty}},
		{"another mark", "\x02\x01\xff3", results{err: eiowire.ErrHeader}},
		{"no length", "\x00\xff3", results{err: eiowire.ErrHeader}},
		{"no end of the length", "\x00\x01", results{err: eiowire.ErrHeader}},
		{"digits are no characters", "\x0010\xff3", results{err: eiowire.ErrHeader}},
		{"longer than what follows", "\x00\x01\xff3\x00\x02\xff4", results{packets: []eiowire.Packet{text(eiowire.Pong, "")}, err: eiowire.ErrHeader, offset: 4}},
		{"a length that overflows", "\x01" + strings.Repeat("\x09", 400) + "\xff\x04", results{err: eiowire.ErrHeader}},
		{"an empty packet of text", "\x00\x00\xff", results{err: eiowire.ErrEmpty}},
		{"an empty packet of bytes", "\x01\x00\xff", results{err: eiowire.ErrEmpty}},
		{"an unknown type", "\x01\x01\xff\x07", results{err: eiowire.ErrType}},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			test.want.check(t, collect(t, eiowire.BinaryPayloadV3([]byte(test.body))))
		})
	}
}

func TestPayloadV3StopsWhenTheLoopDoes(t *testing.T) {
	t.Parallel()
	for _, packets := range []iter.Seq2[eiowire.Packet, error]{
		eiowire.PayloadV3([]byte("1:21:3")), eiowire.BinaryPayloadV3([]byte("\x00\x01\xff2\x00\x01\xff3")),
	} {
		n := 0
		for range packets {
			n++
			break
		}
		if n != 1 {
			t.Errorf("%d packets, want 1", n)
		}
	}
}

func TestAppendPayloadV3(t *testing.T) {
	t.Parallel()
	packets := []eiowire.Packet{
		text(eiowire.Message, "hello"), text(eiowire.Message, "€😀"), binary(1, 2, 3, 4), text(eiowire.Noop, ""),
		text(eiowire.Message, "\xff"),
	}
	if got, want := string(eiowire.AppendPayloadV3(nil, packets...)), "6:4hello4:4€😀10:b4AQIDBA==1:62:4\ufffd"; got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	got := string(eiowire.AppendBinaryPayloadV3(nil, packets[:4]...))
	if want := "\x00\x06\xff4hello\x00\x08\xff4€😀\x01\x05\xff\x04\x01\x02\x03\x04\x00\x01\xff6"; got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	long := eiowire.AppendBinaryPayloadV3(nil, text(eiowire.Message, strings.Repeat("x", 119)))
	if !bytes.HasPrefix(long, []byte("\x00\x01\x02\x00\xff4xxx")) {
		t.Errorf("a length of three digits: %q", long[:8])
	}
}

// FuzzPayloadV3 checks that what is accepted survives being written again.
func FuzzPayloadV3(f *testing.F) {
	for _, seed := range []string{"", "0:", "6:4hello", "2:4€", "2:4😀3:4😀", "10:b4AQIDBA==", "1:21:3", ":", "00000000:", "99999999999999999999:4", "-1:2", "1:b", "3:4\xe2\x82"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		survives(t, eiowire.PayloadV3(eiowire.ValidUTF8(body)), func(packets []eiowire.Packet) iter.Seq2[eiowire.Packet, error] {
			return eiowire.PayloadV3(append(eiowire.AppendPayloadV3(nil, packets...), "0:"...))
		})
	})
}

// FuzzBinaryPayloadV3 is FuzzPayloadV3 for the binary form.
func FuzzBinaryPayloadV3(f *testing.F) {
	for _, seed := range []string{
		"", "\x00\x06\xff4hello", "\x01\x05\xff\x04\x01\x02\x03\x04", "\x00\xff", "\x00\x00\xff", "\x01\x01\xff\x07", "\x00\x01\xff6",
		"\x00" + strings.Repeat("\x09", 311) + "\xff4", strings.Repeat("\x00", 400), strings.Repeat("\xff", 20), "\x00\x02\xff4\xed", "\x00\x04\xffb4AQ",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		survives(t, eiowire.BinaryPayloadV3(body), func(packets []eiowire.Packet) iter.Seq2[eiowire.Packet, error] {
			return eiowire.BinaryPayloadV3(eiowire.AppendBinaryPayloadV3(nil, packets...))
		})
	})
}

// survives checks that the packets of an accepted payload come back from again.
func survives(t *testing.T, first iter.Seq2[eiowire.Packet, error], again func([]eiowire.Packet) iter.Seq2[eiowire.Packet, error]) {
	t.Helper()
	var packets []eiowire.Packet
	for p, err := range first {
		if err != nil {
			return
		}
		packets = append(packets, p)
	}
	if len(packets) == 0 {
		return
	}
	i := 0
	for p, err := range again(packets) {
		if err != nil || i >= len(packets) || p.Type != packets[i].Type || p.Binary != packets[i].Binary || !bytes.Equal(p.Data, packets[i].Data) {
			t.Fatalf("packet %d of %v came back as %v, %v", i, packets, p, err)
		}
		i++
	}
	if i != len(packets) {
		t.Fatalf("%d of %d packets came back", i, len(packets))
	}
}

func BenchmarkPayloadV3(b *testing.B) {
	message := text(eiowire.Message, `2["chat message","héllo"]`)
	for _, bench := range []struct {
		name string
		body []byte
		read func([]byte) iter.Seq2[eiowire.Packet, error]
	}{
		{"text", eiowire.AppendPayloadV3(nil, message, message), eiowire.PayloadV3},
		{"binary", eiowire.AppendBinaryPayloadV3(nil, message, binary(1, 2, 3, 4)), eiowire.BinaryPayloadV3},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				for _, err := range bench.read(bench.body) {
					if err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}
