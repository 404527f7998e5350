package wire_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/tinylib/msgp/msgp"

	"github.com/sockeye-io/sockeye/socketio/siowire"
	"github.com/sockeye-io/sockeye/socketio/siowire/msgpack"
)

type packDecode struct {
	Ask     string `json:"ask"`
	Message []byte `json:"message"`
}

type packAnswer struct {
	Packet *socketPacket `json:"packet"`
	Error  string        `json:"error"`
}

type packEncode struct {
	Ask    string `json:"ask"`
	Packet string `json:"packet"` // JSON, with what parsers.mjs revives
}

type packMessage struct {
	Message []byte `json:"message"`
}

// decodePack reads a message with our parser.
func decodePack(message []byte) (*socketPacket, error) {
	p, _, err := msgpack.New().NewDecoder(siowire.Limits{}).Add(bytes.Clone(message), true)
	if err != nil {
		return nil, err
	}
	flat := &socketPacket{Type: int(p.Type), NSP: bytes.Clone(p.Namespace), ID: "u", Data: "u"}
	if p.HasID {
		flat.ID = canonical(float64(p.ID))
	}
	if p.Data == nil {
		return flat, nil
	}
	var list []string
	if p.Type == siowire.Event {
		list = append(list, canonical(string(p.Name)))
		if f, err := strconv.ParseFloat(string(p.Name), 64); err == nil && !isString(p.Data[1:]) {
			list[0] = canonical(f)
		}
	}
	for i := range p.Args.Len() {
		var v any
		if err := p.Args.Decode(i, &v); err != nil {
			return nil, err
		}
		list = append(list, canonical(v))
	}
	if flat.Data = "[" + strings.Join(list, ",") + "]"; p.Type == siowire.Connect || p.Type == siowire.ConnectError {
		flat.Data = list[0]
	}
	return flat, nil
}

func isString(b []byte) bool { return len(b) > 0 && msgp.NextType(b) == msgp.StrType }

// facts are what a message has that only the reference, or only ours, lets pass.
// They are found with another decoder.
type facts struct {
	key, text, depth bool   // an odd key, text that is not UTF-8, deep nesting
	proto            bool   // a key that changes an object of JavaScript
	data             []byte // the payload
}

func factsOf(message []byte) (f facts) {
	n, b, err := msgp.ReadMapHeaderBytes(message)
	for ; n > 0 && err == nil; n-- {
		var key string
		if isString(b) {
			key, _, _ = msgp.ReadStringBytes(b)
		}
		b, err = f.walk(b, 0, true)
		if key == "data" {
			f.data = b
		}
		if err == nil {
			b, err = f.walk(b, 0, false)
		}
	}
	return f
}

func (f *facts) walk(b []byte, depth int, key bool) (rest []byte, err error) {
	var n uint32
	kind := msgp.NextType(b)
	switch kind {
	case msgp.StrType:
		text, _, err := msgp.ReadStringZC(b)
		f.text = f.text || err == nil && !utf8.Valid(text)
		f.proto = f.proto || key && string(text) == "__proto__"
		return msgp.Skip(b)
	case msgp.ArrayType:
		n, rest, err = msgp.ReadArrayHeaderBytes(b)
	case msgp.MapType:
		n, rest, err = msgp.ReadMapHeaderBytes(b)
	case msgp.IntType, msgp.UintType, msgp.Float32Type, msgp.Float64Type, msgp.BoolType, msgp.NilType:
		return msgp.Skip(b)
	default:
		undefined := len(b) > 1 && b[0] == 0xd4 && b[1] == 0
		f.key = f.key || key && !undefined
		return msgp.Skip(b)
	}
	f.key = f.key || key
	f.depth = f.depth || depth >= 512
	for ; n > 0 && err == nil; n-- {
		if kind == msgp.MapType {
			if rest, err = f.walk(rest, depth+1, true); err != nil {
				return rest, err
			}
		}
		rest, err = f.walk(rest, depth+1, false)
	}
	return rest, err
}

// packException is a documented difference. applies judges by the message and by
// what the reference makes of it.
type packException struct {
	rule    string
	applies func(f facts, theirs *socketPacket) bool
	fault   error // that ours must name; nil if it is the reference that refuses
	shown   []string
}

const (
	packRoot  = "\xa3nsp\xa1/"
	packData  = "\xa4data"
	packEvent = "\x83\xa4type\x02" + packRoot + packData
	packAck   = "\x83\xa4type\x03" + packRoot + packData
)

// numberOf returns the number that a canonical form stands for.
func numberOf(form string) float64 {
	bits, err := strconv.ParseUint(strings.TrimPrefix(form, "d"), 16, 64)
	if err != nil {
		return math.NaN()
	}
	return math.Float64frombits(bits)
}

var packExceptions = []packException{
	{
		"a nil payload of CONNECT and DISCONNECT, which Python sends, is none",
		func(f facts, _ *socketPacket) bool { return len(f.data) > 0 && f.data[0] == 0xc0 },
		nil,
		[]string{"\x83\xa4type\x00" + packRoot + packData + "\xc0", "\x83\xa4type\x01" + packRoot + packData + "\xc0"},
	},
	{
		"nesting more than 512 deep",
		func(f facts, _ *socketPacket) bool { return f.depth },
		siowire.ErrDepth,
		[]string{packAck + strings.Repeat("\x91", 512) + "\x90"},
	},
	{
		"text that is not UTF-8",
		func(f facts, _ *socketPacket) bool { return f.text },
		siowire.ErrUTF8,
		[]string{packAck + "\x91\xa1\xff", "\x82\xa4type\x00\xa3nsp\xa2/\xff"},
	},
	{
		"keys of maps that are neither strings, numbers, bools nor nil",
		func(f facts, _ *socketPacket) bool { return f.key },
		msgpack.ErrInvalid,
		[]string{packAck + "\x91\x81\xc4\x01a\x00", packAck + "\x91\x81\x90\x00", packAck + "\x91\x81\xd7\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"},
	},
	{
		"a namespace that does not begin with a slash",
		func(_ facts, p *socketPacket) bool { return p != nil && !bytes.HasPrefix(p.NSP, []byte("/")) },
		siowire.ErrNamespace,
		[]string{"\x82\xa4type\x00\xa3nsp\xa0", "\x82\xa4type\x00\xa3nsp\xa1a"},
	},
	{
		"an acknowledgement id that is negative or beyond 64 bits",
		func(_ facts, p *socketPacket) bool {
			return p != nil && (numberOf(p.ID) < 0 || numberOf(p.ID) >= 1<<64)
		},
		siowire.ErrID,
		[]string{"\x84\xa4type\x03" + packRoot + "\xa2id\xff" + packData + "\x90", "\x84\xa4type\x03" + packRoot + "\xa2id\xcb\x47\xf0\x00\x00\x00\x00\x00\x00" + packData + "\x90"},
	},
	{
		"an event without a name",
		func(_ facts, p *socketPacket) bool {
			return p != nil && p.Type == 2 && !strings.HasPrefix(p.Data, "[s") && !strings.HasPrefix(p.Data, "[d")
		},
		siowire.ErrPayload,
		[]string{packEvent + "\x90", packEvent + "\x91\xc0", packEvent + "\x91\x90"},
	},
	{
		"an extension, a list to JavaScript, as the arguments",
		func(f facts, _ *socketPacket) bool { return len(f.data) > 0 && msgp.NextType(f.data) != msgp.ArrayType },
		siowire.ErrPayload,
		[]string{packEvent + "\xd4\x05\x00", packAck + "\xc7\x01\x07a"},
	},
	{
		"a reserved name",
		func(_ facts, p *socketPacket) bool {
			form, _, _ := strings.Cut(strings.TrimPrefix(p.Data, "[s"), ",")
			name, _ := base64.StdEncoding.DecodeString(strings.TrimSuffix(form, "]"))
			return siowire.Reserved(string(name))
		},
		siowire.ErrReserved,
		[]string{packEvent + "\x91\xa7connect", packEvent + "\x92\xaadisconnect\x01"},
	},
	{
		"a name that is NaN or an infinity",
		func(_ facts, p *socketPacket) bool {
			form, _, _ := strings.Cut(strings.Trim(p.Data, "[]"), ",")
			f := numberOf(form)
			return math.IsNaN(f) || math.IsInf(f, 0)
		},
		siowire.ErrPayload,
		[]string{packEvent + "\x91\xcb\x7f\xf0\x00\x00\x00\x00\x00\x00"},
	},
}

func excusePack(message []byte, theirs *socketPacket, fault error) (string, bool) {
	f := factsOf(message)
	for _, e := range packExceptions {
		if (e.fault == nil) != (fault == nil) || e.fault != nil && (theirs == nil || !errors.Is(fault, e.fault)) {
			continue
		}
		if e.applies(f, theirs) {
			return e.rule, true
		}
	}
	return "", false
}

// TestMessagePackParserExceptions shows every documented difference: were one gone
// it would fail.
func TestMessagePackParserExceptions(t *testing.T) {
	t.Parallel()
	process := start(t)
	for _, e := range packExceptions {
		for _, message := range e.shown {
			theirs := ask[packAnswer](t, process, []packDecode{{"packDecode", []byte(message)}})[0]
			_, fault := decodePack([]byte(message))
			if rule, ok := excusePack([]byte(message), theirs.Packet, fault); !ok || rule != e.rule {
				t.Errorf("%s: %q\ntheirs: %v %q\nours: %v (%q)", e.rule, message, theirs.Packet, theirs.Error, fault, rule)
			}
		}
	}
}

// anyPackValue is a value as an application makes it, with what only MessagePack
// has a form for.
func anyPackValue(r *rand.Rand, depth int) any {
	if depth == 0 || r.IntN(4) > 0 {
		switch v := anyValue(r, 0).(type) {
		case float64:
			if math.Abs(v) < 1<<63 || v != math.Trunc(v) {
				return v
			}
			return pick(r, math.NaN(), math.Inf(1), math.Inf(-1)) // for what the reference gets wrong
		case nil:
			return pick[any](r, nil, time.UnixMilli(r.Int64N(1<<45)-1<<44).UTC(), time.UnixMilli(0).UTC())
		default:
			return v
		}
	}
	if r.IntN(2) == 0 {
		list := []any{}
		for range r.IntN(20) {
			list = append(list, anyPackValue(r, depth-1))
		}
		return list
	}
	object := map[string]any{}
	if r.IntN(5) > 0 {
		object[pick(r, "a", "key\n", "é", "", "7", strings.Repeat("long", 20))] = anyPackValue(r, depth-1)
	}
	return object
}

// anyPack is a generated packet.
func anyPack(r *rand.Rand) (h siowire.Header, name string, args []any) {
	h, name, _ = anyPacket(r)
	for range r.IntN(12) {
		args = append(args, anyPackValue(r, 3))
	}
	return h, name, args
}

func oursPack(t *testing.T, h siowire.Header, name string, args []any) []byte {
	t.Helper()
	head, _, err := msgpack.New().AppendArgs(nil, h, name, args)
	if err != nil {
		t.Fatalf("%v %q %v: %v", h, name, args, err)
	}
	return head
}

// portablePack replaces what JSON has not by what parsers.mjs revives.
func portablePack(v any) any {
	switch v := v.(type) {
	case []byte:
		return map[string]string{"bytes": base64.StdEncoding.EncodeToString(v)}
	case time.Time:
		return map[string]int64{"time": v.UnixMilli()}
	case float64:
		if math.IsNaN(v) {
			return map[string]string{"number": "NaN"}
		}
		if math.IsInf(v, 0) {
			return map[string]string{"number": strings.TrimPrefix(strconv.FormatFloat(v, 'f', -1, 64), "+") + "inity"}
		}
	case []any:
		list := []any{}
		for i := range v {
			list = append(list, portablePack(v[i]))
		}
		return list
	case map[string]any:
		object := map[string]any{}
		for key := range v {
			object[key] = portablePack(v[key])
		}
		return object
	}
	return v
}

// theirsPack returns the question that has the reference encode a packet. The keys
// stand in the order in which ours writes them.
func theirsPack(t *testing.T, h siowire.Header, data any) packEncode {
	t.Helper()
	packet := struct {
		Type int     `json:"type"`
		NSP  string  `json:"nsp"`
		ID   *uint64 `json:"id,omitempty"`
		Data any     `json:"data,omitempty"`
	}{Type: int(h.Type), NSP: h.Namespace, Data: portablePack(data)}
	if h.HasID {
		packet.ID = &h.ID
	}
	text, err := json.Marshal(packet)
	if err != nil {
		t.Fatal(err)
	}
	return packEncode{"packEncode", string(text)}
}

var packSeeds = []string{
	"", "\x80", "\xc0", "\x90", "\x82\xa4type\x00" + packRoot, "\x83\xa4type\x00" + packData + "\xd4\x00\x00" + packRoot, "\x83\xa4type\x00" + packRoot + packData + "\x81\xa1a\x01",
	"\x82\xa4type\x01" + packRoot, "\x83\xa4type\x01" + packRoot + packData + "\x80", "\x83\xa4type\x04" + packRoot + packData + "\xa2no", "\x83\xa4type\x04" + packRoot + packData + "\x81\xa7message\xa2no",
	"\x82\xa4type\x04" + packRoot, "\x82\xa4type\x02" + packRoot, packEvent + "\x92\xa1x\x01", packEvent + "\x92\x07\xa1x", packEvent + "\x91\xca\x3f\xc0\x00\x00", packEvent + "\x80",
	"\x83\xa4type\x05" + packRoot + packData + "\x91\xa1x", "\x83\xa4type\xcb\x40\x00\x00\x00\x00\x00\x00\x00" + packRoot + packData + "\x91\xa1x", "\x83\xa4type\xa12" + packRoot + packData + "\x91\xa1x",
	"\x85\xa4type\x02" + packData + "\x92\xa3foo\x01\xa7options\x81\xa8compress\xc3\xa2id\x03" + packRoot, "\x84\xa4type\x02" + packRoot + "\xa2id\xc0" + packData + "\x91\xa1x",
	"\x84\xa4type\x02" + packRoot + "\xa2id\xd4\x00\x00" + packData + "\x91\xa1x", "\x84\xa4type\x02" + packRoot + "\xa2id\xcf\x00\x20\x00\x00\x00\x00\x00\x01" + packData + "\x91\xa1x",
	packAck + "\x94\xd4\x00\x00\xd7\x00\x00\x00\x01\x1f\x71\xfb\x04\xcb\xc7\x02\x00ab\xd5\x00ab", packAck + "\x95\xd4\x01a\xd5\x02ab\xd6\x03abcd\xd7\x04abcdefgh\xd8\x05abcdefghijklmnop",
	packAck + "\x91\x86\x01\xc0\xc3\x01\xc0\x02\xc2\x03\xca\x3f\xc0\x00\x00\x04\xd4\x00\x00\x05", packAck + "\x91\x82\xa1a\x01\xa1a\x02", packAck + "\xdc\x00\x01\xda\x00\x01a", packAck + "\xdd\x00\x00\x00\x01\xdb\x00\x00\x00\x01a",
	packAck + "\x91\xdf\x00\x00\x00\x01\xd9\x01a\xc5\x00\x01b", packAck + "\xdd\xff\xff\xff\xff", packAck + "\x91\xc6\xff\xff\xff\xff", packAck + "\x91\xdf\xff\xff\xff\xff", packAck + "\x91\xc1", packAck + "\x91\xc9\x00\x00\x00\x01\x00a",
	packAck + "\x93\xcf\xff\xff\xff\xff\xff\xff\xff\xff\xd3\x80\x00\x00\x00\x00\x00\x00\x00\xcb\x7f\xf8\x00\x00\x00\x00\x00\x01", packAck + "\x92\xd7\x00\x7f\xff\xff\xff\xff\xff\xff\xff\xca\x7f\x80\x00\x00", packAck + "\x90\xc0",
	packAck + strings.Repeat("\x91", 511) + "\x90",
}

// stalls reports whether the reference may take seconds for a message: it fills an
// ArrayBuffer of any length that one promises, byte by byte.
func stalls(message []byte) bool {
	for i, b := range message {
		if b == 0xc9 && len(message)-i > 5 && binary.BigEndian.Uint32(message[i+1:]) > 1<<20 {
			return true
		}
	}
	return false
}

func TestMessagePackParserAgrees(t *testing.T) {
	t.Parallel()
	r := random(t)
	process := start(t)
	var questions []packDecode
	for _, seed := range packSeeds {
		questions = append(questions, packDecode{"packDecode", []byte(seed)})
	}
	const alphabet = "\x00\x01\x02\x7f\x80\x81\x82\x90\x91\x92\xa0\xa1\xbf\xc0\xc1\xc2\xc3\xc4\xc5\xc6\xc7\xc8\xc9\xca\xcb\xcc\xcd\xce\xcf\xd0\xd1\xd2\xd3\xd4\xd5\xd6\xd7\xd8\xd9\xda\xdb\xdc\xdd\xde\xdf\xe0\xff/a"
	for range *cases {
		h, name, args := anyPack(r)
		message := oursPack(t, h, name, args)
		if r.IntN(4) == 0 {
			message = []byte(pick(r, packSeeds...))
		}
		if r.IntN(4) > 0 {
			message = mutate(r, message, alphabet)
		}
		if stalls(message) {
			continue
		}
		questions = append(questions, packDecode{"packDecode", message})
	}
	accepted, refused, excused := 0, 0, map[string]int{}
	for i, theirs := range ask[packAnswer](t, process, questions) {
		message := questions[i].Message
		packet, fault := decodePack(message)
		switch {
		case theirs.Packet == nil && fault != nil:
			refused++
		case theirs.Packet != nil && fault == nil && diff(theirs.Packet, packet) == "":
			accepted++
		case factsOf(message).proto: // JavaScript's own trap
			excused["__proto__"]++
		default:
			rule, ok := excusePack(message, theirs.Packet, fault)
			if !ok {
				t.Errorf("%q\ntheirs: %v %q\nours:   %v %v", message, theirs.Packet, theirs.Error, packet, fault)
			}
			excused[rule]++
		}
	}
	t.Logf("%d accepted and %d refused by both; documented differences: %v", accepted, refused, excused)
	if accepted < len(questions)/5 || refused < len(questions)/5 {
		t.Errorf("%d accepted, %d refused of %d: the inputs do not test both sides", accepted, refused, len(questions))
	}
}

// TestMessagePackParserReadsOurs has both sides encode the same packets: the
// messages are equal to the byte, and each side reads back what was meant.
func TestMessagePackParserReadsOurs(t *testing.T) {
	t.Parallel()
	r := random(t)
	process := start(t)
	var decodes []packDecode
	var encodes []packEncode
	var meant []*socketPacket
	for range *cases {
		h, name, args := anyPack(r)
		data := append([]any{}, args...)
		if h.Type == siowire.Event {
			data = slices.Insert(data, 0, any(name))
		}
		p := &socketPacket{Type: int(h.Type), NSP: []byte(h.Namespace), ID: "u", Data: canonical(data)}
		if h.HasID {
			p.ID = canonical(float64(h.ID))
		}
		decodes, encodes, meant = append(decodes, packDecode{"packDecode", oursPack(t, h, name, args)}), append(encodes, theirsPack(t, h, data)), append(meant, p)
	}
	for _, test := range []struct {
		h    siowire.Header
		v    any
		data string
	}{
		{siowire.Header{Type: siowire.Connect, Namespace: "/"}, nil, "u"},
		{siowire.Header{Type: siowire.Connect, Namespace: "/a"}, map[string]any{"sid": "x"}, canonical(map[string]any{"sid": "x"})},
		{siowire.Header{Type: siowire.Disconnect, Namespace: "/a"}, nil, "u"},
		{siowire.Header{Type: siowire.ConnectError, Namespace: "/"}, map[string]any{"message": "no"}, canonical(map[string]any{"message": "no"})},
		{siowire.Header{Type: siowire.ConnectError, Namespace: "/"}, "no", canonical("no")},
	} {
		message, err := msgpack.New().AppendValue(nil, test.h, test.v)
		if err != nil {
			t.Fatal(err)
		}
		p := &socketPacket{Type: int(test.h.Type), NSP: []byte(test.h.Namespace), ID: "u", Data: test.data}
		decodes, encodes, meant = append(decodes, packDecode{"packDecode", message}), append(encodes, theirsPack(t, test.h, test.v)), append(meant, p)
	}
	for i, read := range ask[packAnswer](t, process, decodes) {
		if diff := diff(packAnswer{Packet: meant[i]}, read); diff != "" {
			t.Errorf("%q (-meant +read by theirs):\n%s", decodes[i].Message, diff)
		}
	}
	written := ask[packMessage](t, process, encodes)
	total := 0
	for i := range written {
		if diff := diff(hex.EncodeToString(written[i].Message), hex.EncodeToString(decodes[i].Message)); diff != "" {
			t.Errorf("%s (-theirs +ours):\n%s", encodes[i].Packet, diff)
		}
		packet, fault := decodePack(written[i].Message)
		if diff := diff(meant[i], packet); diff != "" || fault != nil {
			t.Errorf("%s: %v (-meant +read by ours):\n%s", encodes[i].Packet, fault, diff)
		}
		total += len(written[i].Message)
	}
	t.Logf("%d packets of %d bytes", len(written), total)
}

// TestMessagePackParserKeepsLargeNumbers shows why floats from 2^64 on are written
// as floats: the reference writes another number.
func TestMessagePackParserKeepsLargeNumbers(t *testing.T) {
	t.Parallel()
	h := siowire.Header{Type: siowire.Ack, Namespace: "/"}
	process := start(t)
	for _, f := range []float64{1 << 64, -1 << 65, 1e21, math.MaxFloat64} {
		want := canonical([]any{f})
		read := ask[packAnswer](t, process, []packDecode{{"packDecode", oursPack(t, h, "", []any{f})}})[0]
		if read.Packet == nil || read.Packet.Data != want {
			t.Errorf("theirs reads our %g as %v", f, read)
		}
		theirs := ask[packMessage](t, process, []packEncode{theirsPack(t, h, []any{f})})[0]
		if packet, err := decodePack(theirs.Message); err != nil || packet.Data == want {
			t.Errorf("the reference has learned to write %g: let ours write the same (%v)", f, err)
		}
	}
}
