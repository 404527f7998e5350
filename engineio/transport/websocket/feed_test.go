package websocket_test

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/sockeye-io/sockeye/engineio/eiowire"
	"github.com/sockeye-io/sockeye/engineio/transport"
)

// header encodes a frame header with a masking key, the length as given.
func header(first byte, length ...byte) []byte {
	return append(append([]byte{first}, length...), mask[:]...)
}

// rules are those of RFC 6455 for what a client sends, with the packets that
// come out and the close code, or the reason, with which it ends. The longest
// message is 1,000 bytes.
var rules = []struct {
	rule    string
	in      []byte
	packets string
	end     string
}{
	// 5.1, 5.2
	{"a masked text frame is a packet", frame(fin|text, "4a"), "4a ", ""},
	{"a masked binary frame is a binary message", frame(fin|binry, "\x00\xff"), "[\x00\xff] ", ""},
	{"an empty binary frame is an empty message", frame(fin|binry, ""), "[] ", ""},
	{"a frame without a mask", []byte{fin | text, 2, '4', 'a'}, "", "1002"},
	{"RSV1 without an extension", frame(fin|0x40|text, "4a"), "", "1002"},
	{"RSV2", frame(fin|0x20|text, "4a"), "", "1002"},
	{"RSV3", frame(fin|0x10|text, "4a"), "", "1002"},
	{"opcode 3 is reserved", frame(fin|0x3, ""), "", "1002"},
	{"opcode 7 is reserved", frame(fin|0x7, ""), "", "1002"},
	{"opcode 11 is reserved", frame(fin|0xb, ""), "", "1002"},
	{"opcode 15 is reserved", frame(fin|0xf, ""), "", "1002"},
	{"a length of 125", frame(fin|text, "4"+strings.Repeat("x", 124)), "4" + strings.Repeat("x", 124) + " ", ""},
	{"a length of 126", frame(fin|text, "4"+strings.Repeat("x", 125)), "4" + strings.Repeat("x", 125) + " ", ""},
	{"a 64-bit length with the high bit set", header(fin|text, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 1), "", "1002"},
	{"a 64-bit length of nothing but ones", header(fin|text, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff), "", "1002"},

	// The limit.
	{"a message as long as the limit", frame(fin|text, "4"+strings.Repeat("x", 999)), "4" + strings.Repeat("x", 999) + " ", ""},
	{"a message one byte longer", frame(fin|text, "4"+strings.Repeat("x", 1000)), "", "1009"},
	{"the largest length there is", header(fin|text, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff), "", "1009"},
	{"fragments as long as the limit", frames(frame(text, "4"+strings.Repeat("x", 499)), frame(fin|cont, strings.Repeat("x", 500))), "4" + strings.Repeat("x", 999) + " ", ""},
	{"fragments one byte longer", frames(frame(text, "4"+strings.Repeat("x", 499)), frame(fin|cont, strings.Repeat("x", 501))), "", "1009"},
	{"a fragment with the largest length there is", frames(frame(text, "4"), header(fin|cont, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)), "", "1009"},
	{"messages together are not limited", frames(frame(fin|text, "4"+strings.Repeat("x", 999)), frame(fin|text, "4"+strings.Repeat("y", 999))), "4" + strings.Repeat("x", 999) + " 4" + strings.Repeat("y", 999) + " ", ""},

	// 5.4
	{"fragments are one message", frames(frame(text, "4a"), frame(cont, "b"), frame(cont, ""), frame(fin|cont, "c")), "4abc ", ""},
	{"binary fragments are one message", frames(frame(binry, ""), frame(cont, "b"), frame(fin|cont, "")), "[b] ", ""},
	{"control frames may stand between fragments", frames(frame(text, "4a"), frame(fin|ping, "p"), frame(cont, "b"), frame(fin|pong, "q"), frame(fin|cont, "c")), "4abc ", ""},
	{"a message may follow a fragmented one", frames(frame(text, "4a"), frame(fin|cont, "b"), frame(fin|binry, "c")), "4ab [c] ", ""},
	{"a continuation of nothing", frame(fin|cont, "x"), "", "1002"},
	{"a continuation of nothing, not the last", frame(cont, "x"), "", "1002"},
	{"a continuation of a message that is complete", frames(frame(text, "4a"), frame(fin|cont, "b"), frame(fin|cont, "c")), "4ab ", "1002"},
	{"text within a fragmented message", frames(frame(text, "4a"), frame(fin|text, "4b")), "", "1002"},
	{"binary within a fragmented message", frames(frame(text, "4a"), frame(binry, "b")), "", "1002"},

	// 5.5
	{"a fragmented ping", frame(ping, ""), "", "1002"},
	{"a fragmented close", frame(closes, ""), "", "1002"},
	{"a ping of 125 bytes", frames(frame(fin|ping, strings.Repeat("p", 125)), frame(fin|text, "4a")), "4a ", ""},
	{"a ping of 126 bytes", frame(fin|ping, strings.Repeat("p", 126)), "", "1002"},
	{"a pong of 126 bytes", frame(fin|pong, strings.Repeat("p", 126)), "", "1002"},
	{"a close of 126 bytes", frame(fin|closes, code(1000, strings.Repeat("p", 124))), "", "1002"},
	{"a pong that nobody asked for", frames(frame(fin|pong, "x"), frame(fin|text, "4a")), "4a ", ""},
	{"nothing is read behind a close", frames(frame(fin|closes, ""), frame(fin|text, "4a")), "", "closed"},
	{"a close within a fragmented message", frames(frame(text, "4a"), frame(fin|closes, code(1000, ""))), "", "closed"},

	// 5.5.1, 7.4
	{"a close without a code", frame(fin|closes, ""), "", "closed"},
	{"a close with half a code", frame(fin|closes, "\x03"), "", "1002"},
	{"1000", frame(fin|closes, code(1000, "bye")), "", "closed"},
	{"1001", frame(fin|closes, code(1001, "")), "", "closed"},
	{"1003", frame(fin|closes, code(1003, "")), "", "closed"},
	{"1007", frame(fin|closes, code(1007, "")), "", "closed"},
	{"1011", frame(fin|closes, code(1011, "")), "", "closed"},
	{"3000", frame(fin|closes, code(3000, "")), "", "closed"},
	{"4999", frame(fin|closes, code(4999, "")), "", "closed"},
	{"0 is no code", frame(fin|closes, code(0, "")), "", "1002"},
	{"999 is no code", frame(fin|closes, code(999, "")), "", "1002"},
	{"1004 is reserved", frame(fin|closes, code(1004, "")), "", "1002"},
	{"1005 is never sent", frame(fin|closes, code(1005, "")), "", "1002"},
	{"1006 is never sent", frame(fin|closes, code(1006, "")), "", "1002"},
	{"1015 is never sent", frame(fin|closes, code(1015, "")), "", "1002"},
	{"1016 is reserved", frame(fin|closes, code(1016, "")), "", "1002"},
	{"2999 is reserved", frame(fin|closes, code(2999, "")), "", "1002"},
	{"5000 is no code", frame(fin|closes, code(5000, "")), "", "1002"},
	{"a reason in UTF-8", frame(fin|closes, code(1000, "ciào")), "", "closed"},
	{"a reason that is not", frame(fin|closes, code(1000, "\xff")), "", "1007"},

	// 8.1
	{"text in UTF-8", frame(fin|text, "4κόσμε\U0001F600"), "4κόσμε\U0001F600 ", ""},
	{"text that is not", frame(fin|text, "4\xc0\xaf"), "", "1007"},
	{"a lone surrogate", frame(fin|text, "4\xed\xa0\x80"), "", "1007"},
	{"a truncated character", frame(fin|text, "4\xf0\x9f\x98"), "", "1007"},
	{"a character split between fragments", frames(frame(text, "4\xf0\x9f"), frame(fin|ping, ""), frame(cont, "\x98"), frame(fin|cont, "\x80")), "4\U0001F600 ", ""},
	{"fragments that together are not UTF-8", frames(frame(text, "4\xf0\x9f"), frame(fin|cont, "x")), "", "1007"},
	{"binary need not be UTF-8", frame(fin|binry, "\xff\xfe"), "[\xff\xfe] ", ""},

	// Engine.IO on top.
	{"text may carry a binary message", frame(fin|text, "bAQID"), "[\x01\x02\x03] ", ""},
	{"an empty text is no packet", frame(fin|text, ""), "", "parse error"},
	{"a text that is no packet", frames(frame(fin|text, "4a"), frame(fin|text, "x"), frame(fin|text, "4b")), "4a ", "parse error"},
	{"what precedes a violation is delivered", frames(frame(fin|text, "4a"), frame(fin|binry, "b"), frame(0x70, "")), "4a [b] ", "1002"},
}

func TestFeed(t *testing.T) {
	t.Parallel()
	for _, test := range rules {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			for _, chunk := range []int{len(test.in), 1, 2, 3, 5} {
				f := feed(1000)
				err := f.in(test.in, chunk)
				equal(t, "packets", packets(f.rec), test.packets)
				equal(t, "end", ending(err), test.end)
				if err == nil && f.Held() != 0 {
					t.Errorf("%d bytes are held with nothing incomplete", f.Held())
				}
			}
		})
	}
}

// everything is a stream with frames of all kinds and sizes.
func everything() []byte {
	return frames(
		frame(fin|text, "4first"),
		frame(fin|ping, "p"),
		frame(fin|text, "4"+strings.Repeat("x", 130)),
		frame(text, "4frag"), frame(fin|ping, ""), frame(cont, "men\xc3"), frame(fin|cont, "\xa9"),
		frame(fin|binry, ""), frame(fin|text, "2probe"),
		frame(binry, "b1"), frame(cont, ""), frame(fin|pong, "q"), frame(fin|cont, "b2"),
		frame(fin|text, "4last"),
	)
}

const everythingPackets = "4first 4" + xs130 + " 4fragmen\u00e9 [] 2probe [b1b2] 4last "

const xs130 = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" +
	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

func TestStreamCutAtEveryOffset(t *testing.T) {
	t.Parallel()
	stream := everything()
	for first := 1; first < len(stream); first++ {
		for _, rest := range []int{len(stream), 7} {
			f := feed(1000)
			if err := f.in(stream, first, rest); err != nil {
				t.Fatalf("cut at %d: %v", first, err)
			}
			equal(t, "packets", packets(f.rec), everythingPackets)
			equal(t, "bytes held", f.Held(), 0)
		}
	}
}

func TestStreamInRandomChunks(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	stream := bytes.Repeat(everything(), 20)
	want := strings.Repeat(everythingPackets, 20)
	for range 200 {
		chunks := make([]int, 2000)
		most := 1 + r.IntN(300)
		for i := range chunks {
			chunks[i] = 1 + r.IntN(most)
		}
		f := feed(1000)
		if err := f.in(stream, chunks...); err != nil {
			t.Fatal(err)
		}
		equal(t, "packets", packets(f.rec), want)
	}
}

func TestPacketsDoNotShareWhatTheyCanAppendTo(t *testing.T) {
	t.Parallel()
	f := feed(1000)
	var datas [][]byte
	f.rec.OnPacket = func(p eiowire.Packet) error {
		datas = append(datas, p.Data)
		return nil
	}
	if err := f.in(frames(frame(fin|text, "4a"), frame(fin|text, "4b"), frame(fin|binry, "c")), 1000); err != nil {
		t.Fatal(err)
	}
	for _, data := range datas {
		_ = append(data, "overwritten"...) // whoever owns the bytes may append
	}
	equal(t, "packets", packets(f.rec), "4a 4b [c] ")
}

func TestDeclaredLengthReservesNothing(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule string
		in   []byte
		most int
	}{
		{"a header without payload", header(fin|binry, 0xff, 0, 0, 0, 0, 0x3f, 0, 0, 0), 0},
		{"a header with a few bytes", append(header(fin|binry, 0xff, 0, 0, 0, 0, 0x3f, 0, 0, 0), "abc"...), 8},
		{"half a header", header(fin|binry, 0xff, 0, 0, 0, 0, 0x3f, 0, 0, 0)[:9], 16},
	} {
		f := feed(1 << 30)
		if err := f.in(test.in, 1000); err != nil {
			t.Fatal(err)
		}
		if f.Held() > test.most {
			t.Errorf("%s: %d bytes are held, want at most %d", test.rule, f.Held(), test.most)
		}
	}
}

func TestOversizeIsRefusedBeforeItIsKept(t *testing.T) {
	t.Parallel()
	f := feed(1000)
	err := f.in(append(header(fin|binry, 0xfe, 0x10, 0), make([]byte, 4096)...), 10_000)
	equal(t, "end", ending(err), "1009")
	equal(t, "bytes held", f.Held(), 0)
	f = feed(1000)
	err = f.in(frames(frame(binry, strings.Repeat("x", 600)), frame(cont, strings.Repeat("x", 600))), 10_000)
	equal(t, "end", ending(err), "1009")
	if f.Held() > 2000 {
		t.Errorf("%d bytes are held", f.Held())
	}
}

func TestTinyFragmentsTakeWhatTheyCarry(t *testing.T) {
	t.Parallel()
	const n = 500_000 // and as many without a byte
	f := feed(n)
	if err := f.in(frame(binry, ""), 100); err != nil {
		t.Fatal(err)
	}
	one := bytes.Repeat(frame(cont, "x"), 1000)
	none := bytes.Repeat(frame(cont, ""), 1000)
	for sent := 0; sent < n; sent += 1000 {
		if err := f.in(one, 64<<10); err != nil {
			t.Fatal(err)
		}
		if err := f.in(none, 64<<10); err != nil {
			t.Fatal(err)
		}
		if held, most := f.Held(), 2*(sent+1000)+64; held > most {
			t.Fatalf("%d bytes held after fragments of %d bytes", held, sent+1000)
		}
	}
	equal(t, "end", ending(f.in(frame(cont, "x"), 100)), "1009")
}

// discard is a session that takes everything and keeps nothing.
type discard struct{}

func (discard) Packet(eiowire.Packet) error { return nil }
func (discard) Turn(*transport.Turn)        {}
func (discard) Lost(transport.Close)        {}

func TestAllocationsOfARead(t *testing.T) {
	// Not parallel: it counts allocations.
	c := newFeeder(1000, discard{})
	var read []byte
	for range 16 {
		f := frame(fin|text, strings.Repeat("\x00", 64))
		copy(f[2:6], []byte{0, 0, 0, 0}) // a mask that changes nothing, as Feed works in place
		f[6] = '4'
		for i := range f[7:] {
			f[7+i] = 'x'
		}
		read = append(read, f...)
	}
	allocs := testing.AllocsPerRun(100, func() {
		if err := c.Feed(read); err != nil {
			t.Fatal(err)
		}
	})
	if allocs > 2 {
		t.Errorf("%v allocations for 16 messages in one read, want at most 2", allocs)
	}
}

func BenchmarkFeed(b *testing.B) {
	c := newFeeder(1000, discard{})
	f := frame(fin|text, "4"+strings.Repeat("x", 63))
	read := bytes.Repeat(f, 16)
	work := make([]byte, len(read))
	b.SetBytes(int64(len(read)))
	b.ReportAllocs()
	for b.Loop() {
		copy(work, read)
		if err := c.Feed(work); err != nil {
			b.Fatal(err)
		}
	}
}
