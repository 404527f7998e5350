package wire_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/sockeye-io/sockeye/socketio/siowire"
)

// message is a message as it travels to and from the process: text or binary.
type message struct {
	Text   *[]byte `json:"text,omitempty"`
	Binary *[]byte `json:"binary,omitempty"`
}

type socketDecode struct {
	Ask      string    `json:"ask"`
	Messages []message `json:"messages"`
}

// socketPacket is a decoded packet, ID and Data in canonical form.
type socketPacket struct {
	Type int    `json:"type"`
	NSP  []byte `json:"nsp"`
	ID   string `json:"id"`
	Data string `json:"data"`
}

type socketAnswer struct {
	Packets []socketPacket `json:"packets"`
	Error   string         `json:"error"`
}

type socketEncode struct {
	Ask    string `json:"ask"`
	Packet string `json:"packet"` // JSON, bytes as {"bytes":"<base64>"}
}

type socketMessages struct {
	Messages []message `json:"messages"`
}

func question(text []byte, attachments ...[]byte) socketDecode {
	q := socketDecode{"socketDecode", []message{{Text: &text}}}
	for _, a := range attachments {
		q.Messages = append(q.Messages, message{Binary: &a})
	}
	return q
}

// decodeSocket reads messages with our parser, up to the first fault.
func decodeSocket(messages []message) (packets []socketPacket, fault error) {
	d := siowire.JSON().NewDecoder(siowire.Limits{})
	packets = []socketPacket{}
	for _, m := range messages {
		var p siowire.Packet
		var ok bool
		if m.Text != nil {
			p, ok, fault = d.Add(bytes.Clone(*m.Text), false)
		} else {
			p, ok, fault = d.Add(bytes.Clone(*m.Binary), true)
		}
		if fault != nil {
			return packets, fault
		}
		if ok {
			packets = append(packets, flatten(p))
		}
	}
	return packets, nil
}

func flatten(p siowire.Packet) socketPacket {
	flat := socketPacket{Type: int(p.Type), NSP: bytes.Clone(p.Namespace), ID: "u", Data: "u"}
	if p.HasID {
		flat.ID = canonical(float64(p.ID))
	}
	if p.Data == nil {
		return flat
	}
	var list []string
	if p.Type == siowire.Event {
		var name any = string(p.Name)
		if text := bytes.TrimLeft(p.Data[1:], " \t\r\n"); text[0] != '"' {
			f, _ := strconv.ParseFloat(string(p.Name), 64) // an infinity is what JavaScript has, too
			name = f
		}
		list = append(list, canonical(name))
	}
	for i := range p.Args.Len() {
		var v any
		if err := p.Args.Decode(i, &v); err != nil {
			return socketPacket{Data: err.Error()}
		}
		list = append(list, canonical(v))
	}
	if flat.Data = "[" + strings.Join(list, ",") + "]"; p.Type == siowire.Connect || p.Type == siowire.ConnectError {
		flat.Data = list[0]
	}
	return flat
}

var socketSeeds = []string{
	`0`, `0{"a":1}`, `01`, `0/admin,`, `0/admin`, `0/a?b=c,{"d":1}`, `0[]`, `0null`, `0"x"`, `0{}`, `0{"a":1}x`, `1`, `1/a,`, `1{}`, `1[]`, `1 `,
	`2`, `2["x"]`, `2["x",1`, `2{}`, `2[]`, `2"x"`, `2[null]`, `2[1,2]`, `2[-0]`, `2[1e999]`, `2[true]`, `2[["x"]]`, `2["connect"]`, `2["connect_error"]`,
	`2["disconnect"]`, `2["disconnecting"]`, `2["newListener"]`, `2["removeListener"]`, `2["\u0063onnect"]`, `2["error"]`, `2["__proto__",{"__proto__":1}]`,
	`2/,["x"]`, `2/["x"]`, `2 ["x"]`, `2-1["x"]`, `212.5["x"]`, `29007199254740993["x"]`, `218446744073709551615["x"]`, `218446744073709551616["x"]`,
	`3[1]`, `31[1]`, `3`, `37`, `31{}`, `31[]`, `4`, `4"no"`, `4{"message":"no"}`, `4[]`, `4null`, `7`, `abc`, ``, ` `, `8["x"]`, `-1`,
	`50-["x"]`, `5-["x"]`, `52["x"]`, `5["x"]`, `511-["x"]`, `51-["x"]`, `51-`, `5999999999-["x"]`, `51-["x",{"_placeholder":true,"num":0}]`,
	`51-["x",{"num":0,"_placeholder":true}]`, `51-["x",{"_placeholder":true,"num":1}]`, `51-["x",{"_placeholder":true,"num":-1}]`, `51-["x",{"_placeholder":true,"num":"splice"}]`,
	`51-["x",{"_placeholder":true,"num":0},{"_placeholder":true,"num":0}]`, `52-["x",{"_placeholder":true,"num":1},[{"_placeholder":true,"num":0}]]`,
	`51-["x",{"_placeholder":false,"num":0},{"_placeholder":1},{"_placeholder":true,"num":0}]`, `61-3[{"a":{"_placeholder":true,"num":0}}]`, `51-[{"_placeholder":true,"num":0}]`,
	`2["x",{"_placeholder":true,"num":0}]`, "2[\"x\",\"\u2028\x7f€😀\"]", `2["x","\ud800","\udc00\ud800","\ud83d\ude00"]`, `2["x",{"a":1,"a":2}]`,
	"2[ \"x\" ,\t{ \"a\" : [ ] , \"b\":{ } }\r\n, 1 ] \n", `2["x",01]`, `2["x",1.]`, `2["x",.5]`, `2["x",+1]`, `2["x",-]`, `2["x",1e]`, `2["x",1E+5,-0,0.1e-7,123456789012345678901234567890]`,
	`2["x","\x41"]`, `2["x","\u12g4"]`, "2[\"x\",\"a\nb\"]", "2[\"x\",\"aaaaaaaa\x1f\"]", `2["x",tru]`, `2["x",nullx]`, `2["x",NaN]`, `2["x",'a']`, `2["x",]`, `2["x",,1]`, `2["x",{"a":1,}]`,
	`2["x",{"a"}]`, `2["x",{:1}]`, `2["x",{"a":[1}]]`, "2[\"x\",\u00a01]", `2["x"]]`, `2["x"] 1`, "2[\"\u0000\"]", `2["x","` + strings.Repeat("a", 300) + `\"é"]`,
	`3` + strings.Repeat("[", 512) + strings.Repeat("]", 512), "2[\"x\",\"aaaaaaaa\x1faaaaaaaaaaaa\"]",
}

// anyValue returns a value as an application makes it. Objects have at most one
// member, so that all JSON text of it is the same.
func anyValue(r *rand.Rand, depth int) any {
	if depth == 0 || r.IntN(3) > 0 {
		return pick[any](r, nil, true, false, "", "plain", "\"\\/\b\f\n\r\t\x00\x1f\x7f<>&", "é€😀\u2028\uFFFD", 0.0, 1.0, -1.5, 1e21, 1e-7, 123456789012345680000.0,
			0.1+0.2, math.MaxFloat64, 5e-324, float64(r.Int64N(1<<53)), r.NormFloat64(), []byte{}, []byte{0, 0xff}, []byte("bytes"), strings.Repeat("long ", r.IntN(20)))
	}
	if r.IntN(2) == 0 {
		list := []any{}
		for range r.IntN(4) {
			list = append(list, anyValue(r, depth-1))
		}
		return list
	}
	object := map[string]any{}
	if r.IntN(5) > 0 {
		object[pick(r, "a", "key\n", "é", "", "7", "num")] = anyValue(r, depth-1)
	}
	return object
}

// anyPacket returns a header, a name and arguments.
func anyPacket(r *rand.Rand) (h siowire.Header, name string, args []any) {
	h = siowire.Header{
		Type: pick(r, siowire.Event, siowire.Ack), Namespace: pick(r, "/", "/a", "/é?b=c"),
		ID: r.Uint64N(1 << uint(1+r.IntN(53))), HasID: r.IntN(2) == 0,
	}
	for range r.IntN(6) {
		args = append(args, anyValue(r, 4))
	}
	return h, pick(r, "x", "chat message", "é\n", "", "connected"), args
}

// ours encodes with our parser; it never has to refuse.
func ours(t *testing.T, h siowire.Header, name string, args []any) socketDecode {
	t.Helper()
	head, attachments, err := siowire.JSON().AppendArgs(nil, h, name, args)
	if err != nil {
		t.Fatalf("%v %q %v: %v", h, name, args, err)
	}
	return question(head, attachments...)
}

// anyOurs is a generated packet, encoded with our parser.
func anyOurs(t *testing.T, r *rand.Rand) socketDecode {
	t.Helper()
	h, name, args := anyPacket(r)
	return ours(t, h, name, args)
}

// tooMany reports whether a packet has more attachments than decoders accept.
func tooMany(q socketDecode) bool { return len(q.Messages) > 11 }

func TestSocketIOParserAgrees(t *testing.T) {
	t.Parallel()
	r := random(t)
	process := start(t)

	var questions []socketDecode
	for _, text := range socketSeeds {
		for _, attachments := range [][][]byte{nil, {{}}, {{1}, []byte("two")}} {
			questions = append(questions, question([]byte(text), attachments...))
		}
	}
	questions = append(questions, ours(t, siowire.Header{Type: siowire.Event}, "x", []any{make([]any, 0), slices.Repeat([]any{[]byte("ten")}, 10)}))
	const alphabet = "0123456789-/,[]{}\":\\ \n\tabefnrtu.+Ee_x'"
	for range *cases {
		q := anyOurs(t, r)
		text := *q.Messages[0].Text
		if r.IntN(4) == 0 {
			text = []byte(pick(r, socketSeeds...))
		}
		if r.IntN(4) > 0 {
			text = bytes.ToValidUTF8(mutate(r, text, alphabet), []byte("\uFFFD"))
		}
		q.Messages[0].Text = &text
		if r.IntN(10) == 0 { // a message out of turn
			other := anyOurs(t, r)
			q.Messages = append(q.Messages, other.Messages...)
		}
		questions = append(questions, q)
	}

	accepted, refused, excused := 0, 0, map[string]int{}
	for i, theirs := range ask[socketAnswer](t, process, questions) {
		packets, fault := decodeSocket(questions[i].Messages)
		switch {
		case reflect.DeepEqual(theirs.Packets, packets) && (theirs.Error != "") == (fault != nil):
			if fault != nil {
				refused++
			} else {
				accepted++
			}
		case fault != nil && len(packets) <= len(theirs.Packets) && reflect.DeepEqual(theirs.Packets[:len(packets)], packets):
			// Ours stopped earlier: at the text that comes after its packets.
			e, ok := excuseAny(questions[i].Messages, fault)
			if !ok {
				t.Errorf("%s\ntheirs: %q %v\nours: %v", show(questions[i]), theirs.Error, theirs.Packets, fault)
			}
			excused[e.rule]++
		default:
			t.Errorf("%s\ntheirs: %q %v\nours:   %v %v", show(questions[i]), theirs.Error, theirs.Packets, fault, packets)
		}
	}
	t.Logf("%d accepted and %d refused by both; documented differences: %v", accepted, refused, excused)
	if accepted < len(questions)/5 || refused < len(questions)/5 {
		t.Errorf("%d accepted, %d refused of %d: the inputs do not test both sides", accepted, refused, len(questions))
	}
}

// excuseAny returns the exception that explains why ours fails on one of the messages.
func excuseAny(messages []message, fault error) (exception, bool) {
	for _, m := range messages {
		if m.Text == nil {
			continue
		}
		if e, ok := excuse(string(*m.Text), fault); ok {
			return e, true
		}
	}
	return exception{}, false
}

func show(q socketDecode) string {
	var parts []string
	for _, m := range q.Messages {
		if m.Text != nil {
			parts = append(parts, strconv.Quote(string(*m.Text)))
		} else {
			parts = append(parts, "+"+strconv.Quote(string(*m.Binary)))
		}
	}
	return strings.Join(parts, " ")
}

// theirsOf returns the question that has the reference encode a packet.
func theirsOf(t *testing.T, h siowire.Header, name string, args []any) socketEncode {
	t.Helper()
	data := make([]any, 0, len(args)+1)
	if h.Type == siowire.Event {
		data = append(data, name)
	}
	for _, v := range args {
		data = append(data, portable(v))
	}
	packet := map[string]any{"type": int(h.Type), "nsp": h.Namespace, "data": data}
	if h.HasID {
		packet["id"] = h.ID
	}
	text, err := json.Marshal(packet)
	if err != nil {
		t.Fatal(err)
	}
	return socketEncode{"socketEncode", string(text)}
}

// portable replaces bytes by what parsers.mjs revives.
func portable(v any) any {
	switch v := v.(type) {
	case []byte:
		return map[string]string{"bytes": base64.StdEncoding.EncodeToString(v)}
	case []any:
		list := []any{}
		for i := range v {
			list = append(list, portable(v[i]))
		}
		return list
	case map[string]any:
		object := map[string]any{}
		for key := range v {
			object[key] = portable(v[key])
		}
		return object
	}
	return v
}

// TestSocketIOParserReadsOurs has both sides encode the same packets: the messages
// are equal to the byte, and each side reads back what was meant.
func TestSocketIOParserReadsOurs(t *testing.T) {
	t.Parallel()
	r := random(t)
	process := start(t)

	var decodes []socketDecode
	var encodes []socketEncode
	var meant []socketPacket
	attached := 0
	for len(decodes) < *cases {
		h, name, args := anyPacket(r)
		q := ours(t, h, name, args)
		if tooMany(q) {
			continue
		}
		data := args
		if h.Type == siowire.Event {
			data = append([]any{name}, args...)
		}
		p := socketPacket{Type: int(h.Type), NSP: []byte(h.Namespace), ID: "u", Data: canonical(append([]any{}, data...))}
		if h.HasID {
			p.ID = canonical(float64(h.ID))
		}
		decodes, encodes, meant = append(decodes, q), append(encodes, theirsOf(t, h, name, args)), append(meant, p)
		attached += len(q.Messages) - 1
	}
	for i, read := range ask[socketAnswer](t, process, decodes) {
		if d := diff(socketAnswer{Packets: meant[i : i+1]}, read); d != "" {
			t.Errorf("%s (-meant +read by theirs):\n%s", show(decodes[i]), d)
		}
	}
	for i, written := range ask[socketMessages](t, process, encodes) {
		if d := diff(written.Messages, decodes[i].Messages); d != "" {
			t.Errorf("%s (-theirs +ours):\n%s", encodes[i].Packet, d)
		}
		packets, fault := decodeSocket(written.Messages)
		if d := diff(meant[i:i+1], packets); d != "" || fault != nil {
			t.Errorf("%s: %v (-meant +read by ours):\n%s", encodes[i].Packet, fault, d)
		}
	}
	t.Logf("%d packets with %d attachments", len(decodes), attached)
	if attached < *cases/4 {
		t.Errorf("only %d attachments in %d packets", attached, len(decodes))
	}
}

// TestSocketIOParserReadsOurOthers does the same for the packets that are no events.
func TestSocketIOParserReadsOurOthers(t *testing.T) {
	t.Parallel()
	var decodes []socketDecode
	var meant []socketPacket
	for _, test := range []struct {
		h    siowire.Header
		v    any
		data string
	}{
		{siowire.Header{Type: siowire.Connect}, nil, "u"},
		{siowire.Header{Type: siowire.Connect, Namespace: "/a"}, map[string]any{"sid": "x"}, canonical(map[string]any{"sid": "x"})},
		{siowire.Header{Type: siowire.Disconnect, Namespace: "/a"}, nil, "u"},
		{siowire.Header{Type: siowire.ConnectError}, map[string]any{"message": "no", "data": []any{1.0}}, canonical(map[string]any{"message": "no", "data": []any{1.0}})},
		{siowire.Header{Type: siowire.ConnectError, Namespace: "/a"}, "no", canonical("no")},
	} {
		text, err := siowire.JSON().AppendValue(nil, test.h, test.v)
		if err != nil {
			t.Fatal(err)
		}
		nsp := test.h.Namespace
		if nsp == "" {
			nsp = "/"
		}
		decodes = append(decodes, question(text))
		meant = append(meant, socketPacket{Type: int(test.h.Type), NSP: []byte(nsp), ID: "u", Data: test.data})
	}
	for i, read := range ask[socketAnswer](t, start(t), decodes) {
		if d := diff(socketAnswer{Packets: meant[i : i+1]}, read); d != "" {
			t.Errorf("%s (-meant +read by theirs):\n%s", show(decodes[i]), d)
		}
	}
}
