package wire_test

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/sockeye-io/sockeye/engineio/eiowire"
)

// enginePacket is a packet as it travels to and from the process.
type enginePacket struct {
	Type   string `json:"type"`
	Binary bool   `json:"binary"`
	Data   []byte `json:"data"`
}

type engineAnswer struct {
	Packets []enginePacket `json:"packets"`
	Error   bool           `json:"error"`
}

type engineDecode struct {
	Ask  string `json:"ask"`
	Body []byte `json:"body"`
}

type engineEncode struct {
	Ask     string         `json:"ask"`
	Packets []enginePacket `json:"packets"`
}

type engineBody struct {
	Body []byte `json:"body"`
}

// decodeEngine reads a payload with our parser.
func decodeEngine(body []byte) engineAnswer {
	answer := engineAnswer{Packets: []enginePacket{}}
	for p, err := range eiowire.Payload(eiowire.ValidUTF8(body)) {
		if err != nil {
			answer.Error = true
			break
		}
		answer.Packets = append(answer.Packets, enginePacket{p.Type.String(), p.Binary, append([]byte{}, p.Data...)})
	}
	return answer
}

// engineException reports whether the parsers may differ. Node takes the low byte
// of a character beyond ASCII in base64, so that U+0141 counts as "A"; ours skips
// such characters like all others that are not base64.
func engineException(body []byte) bool {
	for part := range bytes.SplitSeq(eiowire.ValidUTF8(body), []byte{0x1e}) {
		if bytes.HasPrefix(part, []byte("b")) && bytes.ContainsFunc(part, func(r rune) bool { return r >= 0x100 }) {
			return true
		}
	}
	return false
}

var engineSeeds = []string{
	"", "0", `0{"sid":"x"}`, "1", "2", "2probe", "3", "3probe", "4", "4hello", "5", "6", "7", "abc", " 4", "4€😀", "\x1e", "4\x1e", "\x1e4",
	"4a\x1e4b", "4a\x1ebAQIDBA==", "4a\x1ex\x1e4b", "b", "b=", "b====AQID", "bA", "bAQ", "bAQI", "bAQ==", "bAQ=", "bAQ==AQ==", "bAQI=z", "b-_-_", "b+/-_",
	"bAQIDB", "bAQIDBA", "b A\nQ\tI\rD", "bA!Q\"I€D", "bAQ = =", "b!!!", "4\xff", "4\xe2\x82", "4\xe2\x82\x1e4", "4\xed\xa0\x80", "4\xf0\x9f\x98\x80\xf0\x9f", "\xff4",
	"\xef\xbb\xbf4", "4\xf4\x90\x80\x80", "b\xff\xfeAQID", "4\xc0\x80",
}

// anyEnginePackets returns packets as an application makes them.
func anyEnginePackets(r *rand.Rand) []eiowire.Packet {
	packets := make([]eiowire.Packet, 1+r.IntN(4))
	for i := range packets {
		if r.IntN(3) == 0 {
			data := make([]byte, r.IntN(40))
			for j := range data {
				data[j] = byte(r.Uint32())
			}
			packets[i] = eiowire.Packet{Type: eiowire.Message, Binary: true, Data: data}
			continue
		}
		text := pick(r, "", "probe", `2["x",1]`, "€ and 😀", "a\nb\x00", "b", "\u2028")
		packets[i] = eiowire.Packet{Type: eiowire.Type(r.IntN(7)), Data: []byte(text)}
	}
	return packets
}

func TestEngineIOParserAgrees(t *testing.T) {
	t.Parallel()
	r := random(t)
	process := start(t)

	var questions []engineDecode
	for _, body := range engineSeeds {
		questions = append(questions, engineDecode{"engineDecode", []byte(body)})
	}
	for range *cases {
		body := eiowire.AppendPayload(nil, anyEnginePackets(r)...)
		if r.IntN(4) > 0 {
			body = mutate(r, append(body, pick(r, engineSeeds...)...), "0123456b=-_+/ \n\x1e!AQz\xff\xc3\xe2\x82\xac")
		}
		questions = append(questions, engineDecode{"engineDecode", body})
	}
	refused, differed := 0, 0
	for i, theirs := range ask[engineAnswer](t, process, questions) {
		body := questions[i].Body
		d := diff(theirs, decodeEngine(body))
		switch {
		case d != "" && !engineException(body):
			t.Errorf("%q (-theirs +ours):\n%s", body, d)
		case d != "":
			differed++
		case theirs.Error:
			refused++
		}
	}
	t.Logf("%d of %d refused by both, %d differ as documented", refused, len(questions), differed)
	if refused < len(questions)/20 || refused > len(questions)*3/4 {
		t.Errorf("%d of %d refused: the inputs do not test both sides", refused, len(questions))
	}
}

func TestEngineIOParserReadsOurs(t *testing.T) {
	t.Parallel()
	r := random(t)
	process := start(t)

	sent := make([][]eiowire.Packet, *cases)
	decodes, encodes := make([]engineDecode, *cases), make([]engineEncode, *cases)
	for i := range sent {
		sent[i] = anyEnginePackets(r)
		decodes[i] = engineDecode{"engineDecode", eiowire.AppendPayload(nil, sent[i]...)}
		encodes[i].Ask = "engineEncode"
		for _, p := range sent[i] {
			encodes[i].Packets = append(encodes[i].Packets, enginePacket{p.Type.String(), p.Binary, append([]byte{}, p.Data...)})
		}
	}
	for i, read := range ask[engineAnswer](t, process, decodes) {
		if d := diff(engineAnswer{Packets: encodes[i].Packets}, read); d != "" {
			t.Errorf("%q (-sent +read by theirs):\n%s", decodes[i].Body, d)
		}
	}
	for i, written := range ask[engineBody](t, process, encodes) {
		if !slices.Equal(written.Body, decodes[i].Body) {
			t.Errorf("they write %q, we %q", written.Body, decodes[i].Body)
		}
	}
}

// TestEngineIOParserException shows the one documented difference.
func TestEngineIOParserException(t *testing.T) {
	t.Parallel()
	body := []byte("b\u0141QID") // U+0141 ends in the byte of "A"
	theirs := ask[engineAnswer](t, start(t), []engineDecode{{"engineDecode", body}})[0]
	ours := decodeEngine(body)
	if !engineException(body) || !bytes.Equal(theirs.Packets[0].Data, []byte{1, 2, 3}) || !bytes.Equal(ours.Packets[0].Data, []byte{0x40, 0x80}) {
		t.Errorf("theirs %v, ours %v", theirs, ours)
	}
}
