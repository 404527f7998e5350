package msgpack_test

import (
	"errors"
	"math"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sockeye-io/sockeye/socketio/siowire"
	"github.com/sockeye-io/sockeye/socketio/siowire/msgpack"
)

// add decodes a message without expecting an error.
func add(t testing.TB, msg string) siowire.Packet {
	t.Helper()
	p, ok, err := msgpack.New().NewDecoder(siowire.Limits{}).Add([]byte(msg), true)
	if !ok || err != nil {
		t.Fatalf("%q: %v, %v", msg, ok, err)
	}
	return p
}

// A packet as a string, put together from its parts.
const (
	typ       = "\xa4type"
	root      = "\xa3nsp\xa1/"
	data      = "\xa4data"
	eventHead = "\x83" + typ + "\x02" + root + data
	ackHead   = "\x83" + typ + "\x03" + root + data
)

func TestDecoderReads(t *testing.T) {
	t.Parallel()
	type packet struct {
		Type            siowire.Type
		Namespace, Name string
		ID              uint64
		HasID           bool
		Data            string
		Args            []any
	}
	for _, test := range []struct {
		rule, msg string
		want      packet
	}{
		{"CONNECT", "\x82" + typ + "\x00" + root, packet{Type: siowire.Connect, Namespace: "/"}},
		{"CONNECT of a JavaScript client without auth", "\x83" + typ + "\x00" + data + "\xd4\x00\x00" + root, packet{Type: siowire.Connect, Namespace: "/"}},
		{"CONNECT of a Python client without auth", "\x83" + typ + "\x00" + data + "\xc0" + root, packet{Type: siowire.Connect, Namespace: "/"}},
		{"CONNECT with auth", "\x83" + typ + "\x00" + data + "\x81\xa1a\x01\xa3nsp\xa2/a", packet{Type: siowire.Connect, Namespace: "/a", Data: "\x81\xa1a\x01", Args: []any{map[string]any{"a": 1.0}}}},
		{"DISCONNECT", "\x82" + typ + "\x01" + root, packet{Type: siowire.Disconnect, Namespace: "/"}},
		{"DISCONNECT of a Python client", "\x83" + typ + "\x01" + data + "\xc0" + root, packet{Type: siowire.Disconnect, Namespace: "/"}},
		{
			"EVENT with options", "\x85" + typ + "\x02" + data + "\x92\xa3foo\x01\xa7options\x81\xa8compress\xc3\xa2id\x03" + root,
			packet{Type: siowire.Event, Namespace: "/", Name: "foo", ID: 3, HasID: true, Data: "\x92\xa3foo\x01", Args: []any{1.0}},
		},
		{"EVENT with a number as its name", eventHead + "\x92\xd1\xff\x00\xa1x", packet{Type: siowire.Event, Namespace: "/", Name: "-256", Data: "\x92\xd1\xff\x00\xa1x", Args: []any{"x"}}},
		{"EVENT with a fraction as its name", eventHead + "\x91\xca\x3f\xc0\x00\x00", packet{Type: siowire.Event, Namespace: "/", Name: "1.5", Data: "\x91\xca\x3f\xc0\x00\x00"}},
		{"EVENT with the empty name", eventHead + "\x91\xa0", packet{Type: siowire.Event, Namespace: "/", Data: "\x91\xa0"}},
		{"ACK", "\x84" + typ + "\x03" + root + "\xa2id\xcf\xff\xff\xff\xff\xff\xff\xff\xff" + data + "\x90", packet{Type: siowire.Ack, Namespace: "/", ID: math.MaxUint64, HasID: true, Data: "\x90"}},
		{"an id that is undefined", "\x84" + typ + "\x03" + root + "\xa2id\xd4\x00\x00" + data + "\x90", packet{Type: siowire.Ack, Namespace: "/", Data: "\x90"}},
		{"integers written as floats", "\x84" + typ + "\xcb\x40\x08\x00\x00\x00\x00\x00\x00" + root + "\xa2id\xca\x3f\x80\x00\x00" + data + "\x90", packet{Type: siowire.Ack, Namespace: "/", ID: 1, HasID: true, Data: "\x90"}},
		{"many arguments", ackHead + "\x9a\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09", packet{Type: siowire.Ack, Namespace: "/", Data: "\x9a\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09", Args: []any{0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0}}},
		{"CONNECT_ERROR with an object", "\x83" + typ + "\x04" + root + data + "\x80", packet{Type: siowire.ConnectError, Namespace: "/", Data: "\x80", Args: []any{map[string]any{}}}},
		{"CONNECT_ERROR with a string", "\x83" + typ + "\x04" + root + data + "\xa2no", packet{Type: siowire.ConnectError, Namespace: "/", Data: "\xa2no", Args: []any{"no"}}},
		{"the last of two like keys", "\x84" + typ + "\x03" + root + data + "\x91\x01" + data + "\x91\x02", packet{Type: siowire.Ack, Namespace: "/", Data: "\x91\x02", Args: []any{2.0}}},
		{"keys of a packet that are not strings", "\x84\x01\x02" + typ + "\x03" + root + data + "\x91\x81\x05\x06", packet{Type: siowire.Ack, Namespace: "/", Data: "\x91\x81\xa15\x06", Args: []any{map[string]any{"5": 6.0}}}},
		{"a long header", "\xde\x00\x03\xd9\x04type\x02\xda\x00\x03nsp\xdb\x00\x00\x00\x01/\xd9\x04data\xdc\x00\x01\xa1x", packet{Type: siowire.Event, Namespace: "/", Name: "x", Data: "\xdc\x00\x01\xa1x"}},
	} {
		p := add(t, test.msg)
		got := packet{Type: p.Type, Namespace: string(p.Namespace), Name: string(p.Name), ID: p.ID, HasID: p.HasID, Data: string(p.Data)}
		for i := range p.Args.Len() {
			var v any
			if err := p.Args.Decode(i, &v); err != nil {
				t.Errorf("%s: argument %d: %v", test.rule, i, err)
			}
			got.Args = append(got.Args, v)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.rule, diff)
		}
		if (p.Data == nil) != (test.want.Data == "") || p.Type == siowire.Event && p.Name == nil {
			t.Errorf("%s: data %v, name %v", test.rule, p.Data, p.Name)
		}
	}
}

func nested(depth int) string { return strings.Repeat("\x91", depth-1) + "\x90" }

func TestDecoderRefuses(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule, msg string
		want      error
	}{
		{"an empty message", "", siowire.ErrEmpty},
		{"what is no map", "\x93\x02\xa1/\x90", siowire.ErrType},
		{"an empty map", "\x80", siowire.ErrType},
		{"a type above 4", "\x83" + typ + "\x05" + root + data + "\x91\xa1x", siowire.ErrType},
		{"a negative type", "\x82" + typ + "\xff" + root, siowire.ErrType},
		{"a type with a fraction", "\x82" + typ + "\xca\x3f\xc0\x00\x00" + root, siowire.ErrType},
		{"a type that is a string", "\x82" + typ + "\xa10" + root, siowire.ErrType},
		{"no namespace", "\x81" + typ + "\x00", siowire.ErrNamespace},
		{"a namespace that is no string", "\x82" + typ + "\x00\xa3nsp\xc0", siowire.ErrNamespace},
		{"an empty namespace", "\x82" + typ + "\x00\xa3nsp\xa0", siowire.ErrNamespace},
		{"a namespace without a slash", "\x82" + typ + "\x00\xa3nsp\xa1a", siowire.ErrNamespace},
		{"an id that is nil", "\x84" + typ + "\x02" + root + "\xa2id\xc0" + data + "\x91\xa1x", siowire.ErrID},
		{"a negative id", "\x84" + typ + "\x02" + root + "\xa2id\xff" + data + "\x91\xa1x", siowire.ErrID},
		{"an id with a fraction", "\x84" + typ + "\x02" + root + "\xa2id\xca\x3f\xc0\x00\x00" + data + "\x91\xa1x", siowire.ErrID},
		{"an id that is not finite", "\x84" + typ + "\x02" + root + "\xa2id\xcb\x7f\xf0\x00\x00\x00\x00\x00\x00" + data + "\x91\xa1x", siowire.ErrID},
		{"CONNECT with a list", "\x83" + typ + "\x00" + root + data + "\x90", siowire.ErrPayload},
		{"CONNECT with a string", "\x83" + typ + "\x00" + root + data + "\xa0", siowire.ErrPayload},
		{"DISCONNECT with a payload", "\x83" + typ + "\x01" + root + data + "\x80", siowire.ErrPayload},
		{"CONNECT_ERROR without a payload", "\x82" + typ + "\x04" + root, siowire.ErrPayload},
		{"CONNECT_ERROR with nil", "\x83" + typ + "\x04" + root + data + "\xc0", siowire.ErrPayload},
		{"EVENT without a payload", "\x82" + typ + "\x02" + root, siowire.ErrPayload},
		{"EVENT with a map", eventHead + "\x80", siowire.ErrPayload},
		{"EVENT with an extension", eventHead + "\xd4\x05\x00", siowire.ErrPayload},
		{"EVENT without a name", eventHead + "\x90", siowire.ErrPayload},
		{"EVENT with a name that is neither string nor number", eventHead + "\x91\xc0", siowire.ErrPayload},
		{"EVENT with a name that is not finite", eventHead + "\x91\xcb\x7f\xf0\x00\x00\x00\x00\x00\x00", siowire.ErrPayload},
		{"EVENT with a reserved name", eventHead + "\x91\xaadisconnect", siowire.ErrReserved},
		{"ACK without a payload", "\x82" + typ + "\x03" + root, siowire.ErrPayload},
		{"more behind the packet", "\x82" + typ + "\x00" + root + "\xc0", msgpack.ErrInvalid},
		{"the byte that is nothing", ackHead + "\x91\xc1", msgpack.ErrInvalid},
		{"a key that is binary", ackHead + "\x91\x81\xc4\x01a\x00", msgpack.ErrInvalid},
		{"a key that is a list", ackHead + "\x91\x81\x90\x00", msgpack.ErrInvalid},
		{"text with broken UTF-8", ackHead + "\x91\xa1\xff", siowire.ErrUTF8},
		{"a surrogate", ackHead + "\x91\xa3\xed\xa0\x80", siowire.ErrUTF8},
		{"a key with broken UTF-8", ackHead + "\x91\x81\xa1\xff\x00", siowire.ErrUTF8},
		{"nesting beyond the limit", ackHead + nested(513), siowire.ErrDepth},
		{"nesting beyond the limit beside the packet", "\x84\xa1x" + nested(513) + typ + "\x03" + root + data + "\x90", siowire.ErrDepth},
	} {
		p, ok, err := msgpack.New().NewDecoder(siowire.Limits{}).Add([]byte(test.msg), true)
		var failed *siowire.ParseError
		if ok || !errors.As(err, &failed) || !errors.Is(err, test.want) || p.Namespace != nil {
			t.Errorf("%s: %v, %v", test.rule, ok, err)
		}
	}
	if _, _, err := msgpack.New().NewDecoder(siowire.Limits{}).Add([]byte("0"), false); !errors.Is(err, msgpack.ErrText) {
		t.Errorf("text: %v", err)
	}
}

func TestDecoderRefusesEveryTruncation(t *testing.T) {
	t.Parallel()
	d := msgpack.New().NewDecoder(siowire.Limits{})
	whole := appendArgs(t, siowire.Header{Type: siowire.Event, ID: 1 << 40, HasID: true}, "name", anOuter(), math.NaN(), strings.Repeat("x", 300))
	for n := range whole {
		if _, ok, err := d.Add(whole[:n:n], true); ok || err == nil {
			t.Errorf("the first %d of %d bytes were let pass", n, len(whole))
		}
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	parser := msgpack.New()
	for _, test := range []struct {
		limit, depth int
		ok           bool
	}{{0, 512, true}, {-1, 512, true}, {1, 1, true}, {1, 2, false}, {3, 3, true}, {3, 4, false}, {math.MaxInt32, 5000, true}} {
		d := parser.NewDecoder(siowire.Limits{Depth: test.limit})
		if _, ok, err := d.Add([]byte(ackHead+nested(test.depth)), true); ok != test.ok {
			t.Errorf("depth %d under a limit of %d: %v", test.depth, test.limit, err)
		}
		if d.Buffered() != 0 {
			t.Errorf("%d bytes buffered", d.Buffered())
		}
	}
	if parser.NewDecoder(siowire.Limits{}) != parser.NewDecoder(siowire.Limits{}) {
		t.Error("an idle connection costs a decoder of its own")
	}
}

// TestHostileMessagesCostLittle sends lengths that promise far more than there
// is, and the shapes that make decoders allocate most.
func TestHostileMessagesCostLittle(t *testing.T) { // not parallel: it counts
	const most = 64 << 10
	d := msgpack.New().NewDecoder(siowire.Limits{})
	for _, test := range []struct{ rule, msg string }{
		{"list", ackHead + "\xdd\xff\xff\xff\xff"},
		{"list in a list", ackHead + "\x91\xdd\xff\xff\xff\xff"},
		{"map", ackHead + "\x91\xdf\xff\xff\xff\xff"},
		{"packet", "\xdf\xff\xff\xff\xff"},
		{"bytes", ackHead + "\x91\xc6\xff\xff\xff\xff"},
		{"string", ackHead + "\x91\xdb\xff\xff\xff\xff"},
		{"extension", ackHead + "\x91\xc9\xff\xff\xff\xff\x00"},
		{"nested lists", ackHead + strings.Repeat("\x91", 1_000_000)},
		{"nested maps", ackHead + strings.Repeat("\x81\xa0", 500_000)},
		{"lists that promise more each", ackHead + strings.Repeat("\xdd\xff\xff\xff\xff", 200_000)},
		{"keys that are not strings", ackHead + "\x91" + strings.Repeat("\xdf\xff\xff\xff\xff\x01", 200_000)},
	} {
		msg := []byte(test.msg)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, ok, err := d.Add(msg, true)
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; ok || err == nil || n > most {
			t.Errorf("%s: %d bytes allocated, %v", test.rule, n, err)
		}
	}
	// A million arguments: eight bytes for each, twice.
	msg := []byte(ackHead + "\xdd\x00\x0f\x42\x40" + strings.Repeat("\xc0", 1_000_000))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	p, _, err := d.Add(msg, true)
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; err != nil || p.Args.Len() != 1_000_000 || n > 20<<20 {
		t.Errorf("a million arguments: %d bytes, %v", n, err)
	}
	// Duplicate keys must not make a large map.
	p, _, err = d.Add([]byte(ackHead+"\x91\xdf\x00\x07\xa1\x20"+strings.Repeat("\xa0\xc0", 500_000)), true)
	runtime.ReadMemStats(&before)
	var v any
	err = errors.Join(err, p.Args.Decode(0, &v))
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; err != nil || n > most {
		t.Errorf("duplicate keys: %d bytes, %v", n, err)
	}
}
