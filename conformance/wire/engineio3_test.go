package wire_test

import (
	"bytes"
	"errors"
	"iter"
	"math/rand/v2"
	"regexp"
	"slices"
	"testing"
	"unicode/utf8"

	"github.com/sockeye-io/sockeye/engineio/eiowire"
)

// engineV3 is a payload of revision 3, as a question to decode it.
type engineV3 struct {
	Ask    string `json:"ask"`
	Body   []byte `json:"body"`
	Binary bool   `json:"binary"`
}

// engineV3Encode is the question to write packets, in a binary payload if one of
// them is binary and the client can.
type engineV3Encode struct {
	Ask            string         `json:"ask"`
	Packets        []enginePacket `json:"packets"`
	SupportsBinary bool           `json:"supportsBinary"`
}

// jsonpPost is the question what a POST in JSONP carries.
type jsonpPost struct {
	Ask  string `json:"ask"`
	Body []byte `json:"body"`
}

// jsonpAnswer is the question how a poll in JSONP is answered.
type jsonpAnswer struct {
	Ask     string `json:"ask"`
	Index   string `json:"index"`
	Payload []byte `json:"payload"`
}

func packetsV3(body []byte, binary bool) iter.Seq2[eiowire.Packet, error] {
	if binary {
		return eiowire.BinaryPayloadV3(body)
	}
	return eiowire.PayloadV3(eiowire.ValidUTF8(body))
}

// decodeEngineV3 reads a payload with our parser. The error is the first fault.
func decodeEngineV3(body []byte, binary bool) (engineAnswer, *eiowire.ParseError) {
	answer := engineAnswer{Packets: []enginePacket{}}
	for p, err := range packetsV3(body, binary) {
		var fault *eiowire.ParseError
		if errors.As(err, &fault) {
			answer.Error = true
			return answer, fault
		}
		answer.Packets = append(answer.Packets, enginePacket{p.Type.String(), p.Binary, append([]byte{}, p.Data...)})
	}
	return answer, nil
}

// agree reports whether the answers are the same. Where both refuse a binary
// payload, theirs has looked at all lengths first and hands out less.
func agree(theirs, ours engineAnswer) string {
	if theirs.Error && ours.Error && len(theirs.Packets) < len(ours.Packets) {
		ours.Packets = ours.Packets[:len(theirs.Packets)]
	}
	return diff(theirs, ours)
}

var plainLength = regexp.MustCompile(`^[0-9]+:`)

// untyped reports whether the part of a payload is a binary packet of a type that does not exist, in base64, behind a
// header that ends in end.
func untyped(part []byte, end byte) bool {
	_, packet, _ := bytes.Cut(part, []byte{end})
	return len(packet) > 1 && packet[0] == 'b' && (packet[1] < '0' || packet[1] > '6')
}

// engineV3Exception reports whether the parsers may differ over a payload that
// ours found the fault in, nil if it found none:
//
//   - theirs takes any spelling of a number for a length, and "" for 0 in a binary payload;
//   - theirs hands out a packet that ends within a surrogate pair before it refuses the rest;
//   - theirs takes a binary packet without a type, or of an unknown one, and its server ignores it;
//   - in a binary payload, theirs takes any first byte but 0 for 1, bytes that are no digits for a length, and a last
//     packet that is shorter than its length;
//   - theirs refuses text in a binary payload that is not UTF-8, which ours replaces as elsewhere;
//   - the exception of revision 4.
func engineV3Exception(body []byte, binary bool, fault *eiowire.ParseError) bool {
	switch {
	case fault == nil:
		return engineV3Lenient(body, binary)
	case errors.Is(fault.Err, eiowire.ErrEmpty):
		return len(body) > 0 // "b" alone, or no byte at all
	}
	if !binary {
		rest := eiowire.ValidUTF8(body)[fault.Offset:]
		return !plainLength.Match(rest) || untyped(rest, ':') || bytes.ContainsFunc(rest, func(r rune) bool { return r > 0xffff })
	}
	rest := body[fault.Offset:]
	return errors.Is(fault.Err, eiowire.ErrHeader) || untyped(rest, 0xff) || rest[0] == 1
}

// engineV3Lenient is engineV3Exception where ours found no fault.
func engineV3Lenient(body []byte, binary bool) bool {
	if !binary {
		return bytes.Contains(body, []byte(":b")) && bytes.ContainsFunc(eiowire.ValidUTF8(body), func(r rune) bool { return r >= 0x100 })
	}
	for p := range eiowire.BinaryPayloadV3(body) {
		if !p.Binary && bytes.ContainsRune(p.Data, utf8.RuneError) {
			return true
		}
	}
	return bytes.Contains(body, []byte("\xffb"))
}

var engineV3Seeds = []string{
	"", "0:", "1:2", "6:4hello", "6:4hello2:4€", "3:4😀", "2:4😀", "10:b4AQIDBA==", "6:4hello10:b4AQIDBA==1:6", "2:3x1:3", "abc", ":", "1:", "5:4",
	"01:2", "0x1:2", " 1:2", "1.0:2", "1e0:2", "-0:2", "+1:2", "1:b", "2:b4", "2:b7", "2:b44", "6:b4\u0141QID", "9999:4a", "1:7", "1:21:x", "\xff1:2", "2:4\xff",
	"6:b4AQ==", "6:b2AQ==", "4:b4AQ",
}

var engineV3BinarySeeds = []string{
	"", "\x00\x06\xff4hello", "\x00\x06\xff4hello\x00\x04\xff4\xe2\x82\xac\x01\x05\xff\x04\x01\x02\x03\x04\x00\x01\xff3", "\x00\xff", "\x00", "\x01\x01\xff\x07",
	"\x01\x00\xff", "\x00\x00\xff", "\x02\x01\xff\x04", "\x00\x0a\xff4", "\x00\x05\xff4", "\x00\x02\xff4\xff", "\x00\x04\xff4\xed\xa0\x80", "\x00\x06\xffb4AQ==", "\x00\x01\xffb",
	"\x00\x01\xff6", "\x01\x01\xff\x06", "\x00\x01\x01\xff4helloworld",
}

// anyEngineV3Packets returns packets as an application makes them.
func anyEngineV3Packets(r *rand.Rand) []eiowire.Packet {
	packets := anyEnginePackets(r)
	for i, p := range packets {
		if p.Binary && r.IntN(4) == 0 {
			packets[i].Type = eiowire.Type(r.IntN(7))
		}
	}
	return packets
}

func TestEngineIOv3ParserAgrees(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name     string
		binary   bool
		seeds    []string
		alphabet string
		write    func([]byte, ...eiowire.Packet) []byte
	}{
		{"text", false, engineV3Seeds, "0123456789::::b=AQ \xff\xc3\xe2\x82\xac", eiowire.AppendPayloadV3},
		{"binary", true, engineV3BinarySeeds, "\x00\x01\x02\x03\x04\x05\x06\x09\x0a\xff\xff\xff\xfe4b\xe2\x82\xac", eiowire.AppendBinaryPayloadV3},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := random(t)
			process := start(t)
			var questions []engineV3
			for _, body := range test.seeds {
				questions = append(questions, engineV3{"engineV3Decode", []byte(body), test.binary})
			}
			for range *cases {
				body := test.write(nil, anyEngineV3Packets(r)...)
				if r.IntN(3) > 0 {
					body = mutate(r, append(body, pick(r, test.seeds...)...), test.alphabet)
				}
				questions = append(questions, engineV3{"engineV3Decode", body, test.binary})
			}
			refused, differed := 0, 0
			for i, theirs := range ask[engineAnswer](t, process, questions) {
				body := questions[i].Body
				if len(body) == 0 && test.binary {
					continue // theirs: no packet and no error; no client sends it
				}
				ours, fault := decodeEngineV3(body, test.binary)
				d := agree(theirs, ours)
				switch {
				case d != "" && !engineV3Exception(body, test.binary, fault):
					t.Errorf("%q (-theirs +ours, %v):\n%s", body, fault, d)
				case d != "":
					differed++
				case theirs.Error:
					refused++
				}
			}
			t.Logf("%d of %d refused by both, %d differ as documented", refused, len(questions), differed)
			if refused < len(questions)/20 || refused+differed > len(questions)*3/4 {
				t.Errorf("%d of %d refused, %d differ: the inputs do not test both sides", refused, len(questions), differed)
			}
		})
	}
}

func TestEngineIOv3ParserReadsOurs(t *testing.T) {
	t.Parallel()
	r := random(t)
	process := start(t)

	decodes, encodes := make([]engineV3, *cases), make([]engineV3Encode, *cases)
	for i := range decodes {
		packets := anyEngineV3Packets(r)
		supports := r.IntN(2) == 0
		binary := supports && slices.ContainsFunc(packets, func(p eiowire.Packet) bool { return p.Binary })
		write := eiowire.AppendPayloadV3
		if binary {
			write = eiowire.AppendBinaryPayloadV3
		}
		decodes[i] = engineV3{"engineV3Decode", write(nil, packets...), binary}
		encodes[i] = engineV3Encode{Ask: "engineV3Encode", SupportsBinary: supports}
		for _, p := range packets {
			encodes[i].Packets = append(encodes[i].Packets, enginePacket{p.Type.String(), p.Binary, append([]byte{}, p.Data...)})
		}
	}
	for i, read := range ask[engineAnswer](t, process, decodes) {
		if d := diff(engineAnswer{Packets: encodes[i].Packets}, read); d != "" {
			t.Errorf("%q (-sent +read by theirs):\n%s", decodes[i].Body, d)
		}
	}
	for i, written := range ask[engineBody](t, process, encodes) {
		if !bytes.Equal(written.Body, decodes[i].Body) {
			t.Errorf("they write %q, we %q", written.Body, decodes[i].Body)
		}
	}
}

// TestEngineIOv3ParserExceptions shows the documented differences.
func TestEngineIOv3ParserExceptions(t *testing.T) {
	t.Parallel()
	questions := []engineV3{
		{Body: []byte("0x1:2")},
		{Body: []byte(" 1:2")},
		{Body: []byte("1.0:2")},
		{Body: []byte("1:b")},
		{Body: []byte("2:b7")},
		{Body: []byte("6:b4\u0141QID")},
		{Body: []byte("2:4😀")},
		{Body: []byte("\x02\x02\xff\x04a"), Binary: true},
		{Body: []byte("\x00\x05\xff4"), Binary: true},
		{Body: []byte("\x00\x02\xff4\xff"), Binary: true},
		{Body: []byte("\x01\x00\xff"), Binary: true},
		{Body: []byte("\x01\x01\xff\x07"), Binary: true},
	}
	for i := range questions {
		questions[i].Ask = "engineV3Decode"
	}
	for i, theirs := range ask[engineAnswer](t, start(t), questions) {
		q := questions[i]
		ours, fault := decodeEngineV3(q.Body, q.Binary)
		if agree(theirs, ours) == "" || !engineV3Exception(q.Body, q.Binary, fault) {
			t.Errorf("%q: theirs %v, ours %v: no difference, or no exception for it", q.Body, theirs, ours)
		}
	}
}

func TestJSONPAgrees(t *testing.T) {
	t.Parallel()
	r := random(t)
	process := start(t)
	// A form is ASCII: Node garbles other characters if a % stands alone besides.
	form := []string{`\n`, `\\n`, "\n", `\`, `"`, "n", "d=", "&", "+", "%0A", "%5C", "%", "%4", "%e2%82%ac", "%F0%9f%98%80", "%ff", "2:4a", "<"}
	payload := []string{`\n`, "\n", `\`, `"`, "n", "€", "😀", "\u2028", "\u2029", "\x1e", "\x00", "\x7f", "2:4a", "<", "'"}
	text := func(pieces []string) string {
		var b []byte
		for range r.IntN(8) {
			b = append(b, pick(r, pieces...)...)
		}
		return string(b)
	}
	posts, answers := make([]jsonpPost, *cases), make([]jsonpAnswer, *cases)
	for i := range posts {
		posts[i] = jsonpPost{"jsonpPost", []byte("d=" + text(form))}
		answers[i] = jsonpAnswer{"jsonpAnswer", pick(r, "0", "12", "1);alert(2", "x"), []byte(text(payload))}
	}
	for i, theirs := range ask[engineBody](t, process, posts) {
		body := posts[i].Body
		ours, err := eiowire.JSONPBody(bytes.Clone(body))
		if bytes.Contains(body, []byte("&d=")) {
			continue // theirs drops what has two fields d; ours takes the first
		}
		if err != nil || !bytes.Equal(eiowire.ValidUTF8(ours), theirs.Body) {
			t.Errorf("%q: theirs %q, ours %q, %v", body, theirs.Body, ours, err)
		}
	}
	for i, theirs := range ask[engineBody](t, process, answers) {
		ours := eiowire.AppendJSONP(nil, eiowire.JSONPIndex(answers[i].Index), answers[i].Payload)
		if !bytes.Equal(ours, theirs.Body) {
			t.Errorf("%q: theirs %q, ours %q", answers[i].Payload, theirs.Body, ours)
		}
	}
}
