package msgpack_test

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sockeye-io/sockeye/socketio/siowire"
	"github.com/sockeye-io/sockeye/socketio/siowire/msgpack"
)

// appendArgs encodes without expecting an error.
func appendArgs(t testing.TB, h siowire.Header, name string, args ...any) []byte {
	t.Helper()
	head, attachments, err := msgpack.New().AppendArgs([]byte("ahead"), h, name, args)
	if err != nil || attachments != nil {
		t.Fatalf("%d attachments, error %v", len(attachments), err)
	}
	return head[len("ahead"):]
}

func TestParserIsBinary(t *testing.T) {
	t.Parallel()
	if !msgpack.New().Binary() {
		t.Error("MessagePack was called text")
	}
}

// The messages are what notepack.io 2.2.0, the encoder of
// socket.io-msgpack-parser 3.0.2, writes for the same packets.
func TestAppendArgsWritesWhatTheReferenceWrites(t *testing.T) {
	t.Parallel()
	event, ack := siowire.Header{Type: siowire.Event}, siowire.Header{Type: siowire.Ack, HasID: true}
	plain := siowire.Header{Type: siowire.Ack}
	for _, test := range []struct {
		rule string
		h    siowire.Header
		args []any
		want string
	}{
		{"an event", event, []any{1, "2", []any{nil, true, false, -1.5}}, "83a47479706502a36e7370a12fa46461746194a3666f6f01a13294c0c3c2cbbff8000000000000"},
		{
			"a namespace and an id",
			siowire.Header{Type: siowire.Event, Namespace: "/a", ID: 70000, HasID: true},
			nil,
			"84a47479706502a36e7370a22f61a26964ce00011170a46461746191a3666f6f",
		},
		{
			"bytes and a time in an acknowledgement", ack,
			[]any{[]byte{1, 2}, map[string]any{"a": time.UnixMilli(1234567890123)}},
			"84a47479706503a36e7370a12fa2696400a46461746192c402010281a161d7000000011f71fb04cb",
		},
		{
			"integers", plain,
			[]any{
				0, int32(127), int64(128), uint(255), uint32(256), uint64(65535), 65536, uint32(4294967295), 4294967296, 9007199254740991.0,
				-1, int32(-32), int64(-33), -128, -129.0, -32768, -32769, -2147483648, -2147483649, -9007199254740991,
			},
			"83a47479706503a36e7370a12fa464617461dc0014007fcc80ccffcd0100cdffffce00010000ceffffffffcf0000000100000000cf001fffffffffffff" +
				"ffe0d0dfd080d1ff7fd18000d2ffff7fffd280000000d3ffffffff7fffffffd3ffe0000000000001",
		},
		{
			"floats", plain,
			[]any{float32(0.1), math.Copysign(0, -1), 1e10, math.NaN(), math.Inf(1), math.Inf(-1), 3.0},
			"83a47479706503a36e7370a12fa46461746197cb3fb999999999999a00cf00000002540be400cb7ff8000000000000cb7ff0000000000000cbfff000000000000003",
		},
		{
			"strings", plain,
			[]any{"é€😀", strings.Repeat("x", 32)},
			"83a47479706503a36e7370a12fa46461746192a9c3a9e282acf09f9880d920" + strings.Repeat("78", 32),
		},
		{
			"times", plain,
			[]any{time.UnixMilli(0), time.UnixMilli(-1), time.UnixMilli(253402300800000)},
			"83a47479706503a36e7370a12fa46461746193d7000000000000000000d700ffffffffffffffffd7000000e677d21fdc00",
		},
	} {
		if diff := cmp.Diff(test.want, hex.EncodeToString(appendArgs(t, test.h, "foo", test.args...))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.rule, diff)
		}
	}
}

func TestAppendValueWritesWhatTheReferenceWrites(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule string
		h    siowire.Header
		v    any
		want string
	}{
		{"no payload", siowire.Header{Type: siowire.Connect}, nil, "82a47479706500a36e7370a12f"},
		{"an id", siowire.Header{Type: siowire.Connect}, map[string]string{"sid": "abc"}, "83a47479706500a36e7370a12fa46461746181a3736964a3616263"},
		{"the end", siowire.Header{Type: siowire.Disconnect, Namespace: "/admin"}, nil, "82a47479706501a36e7370a62f61646d696e"},
		{"a refusal", siowire.Header{Type: siowire.ConnectError}, struct {
			Message string `json:"message"`
			Data    any    `json:"data,omitempty"`
		}{Message: "no"}, "83a47479706504a36e7370a12fa46461746181a76d657373616765a26e6f"},
		{"a refusal with a string", siowire.Header{Type: siowire.ConnectError}, "no", "83a47479706504a36e7370a12fa464617461a26e6f"},
	} {
		got, err := msgpack.New().AppendValue([]byte("ahead"), test.h, test.v)
		if diff := cmp.Diff("ahead"+test.want, string(got[:5])+hex.EncodeToString(got[5:])); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", test.rule, err, diff)
		}
	}
}

type refusing struct{}

func (refusing) MarshalJSON() ([]byte, error) { return nil, errRefusing }

var errRefusing = errors.New("refusing")

func TestAppendRefuses(t *testing.T) {
	t.Parallel()
	var loop []any
	loop = append(loop, &loop)
	loop[0] = loop
	ring := map[string]any{}
	ring["ring"] = ring
	event := siowire.Header{Type: siowire.Event}
	for _, test := range []struct {
		rule string
		h    siowire.Header
		name string
		args []any
		arg  int
		want error // nil: any
	}{
		{"a reserved name", event, "disconnect", nil, -1, siowire.ErrReserved},
		{"another type", siowire.Header{Type: siowire.Connect}, "x", nil, -1, siowire.ErrPayload},
		{"a namespace without a slash", siowire.Header{Type: siowire.Event, Namespace: "a"}, "x", nil, -1, siowire.ErrNamespace},
		{"a namespace with broken UTF-8", siowire.Header{Type: siowire.Event, Namespace: "/\xff"}, "x", nil, -1, siowire.ErrNamespace},
		{"what cannot be written", event, "x", []any{1, make(chan int)}, 1, nil},
		{"what refuses", event, "x", []any{refusing{}}, 0, errRefusing},
		{"a list that contains itself", event, "x", []any{loop}, 0, nil},
		{"a map that contains itself", event, "x", []any{ring}, 0, nil},
		{"text that is no JSON", event, "x", []any{json.RawMessage("{")}, 0, nil},
		{"text with broken UTF-8", event, "x", []any{json.RawMessage("\"\xff\"")}, 0, siowire.ErrUTF8},
	} {
		head, _, err := msgpack.New().AppendArgs([]byte("ahead"), test.h, test.name, test.args)
		var failed *siowire.EncodeError
		if string(head) != "ahead" || !errors.As(err, &failed) || failed.Arg != test.arg || test.want != nil && !errors.Is(err, test.want) {
			t.Errorf("%s: wrote %q, %v", test.rule, head, err)
		}
	}
	for _, test := range []struct {
		rule string
		h    siowire.Header
		v    any
		want error // nil: any
	}{
		{"CONNECT with a list", siowire.Header{Type: siowire.Connect}, []int{1}, siowire.ErrPayload},
		{"DISCONNECT with a payload", siowire.Header{Type: siowire.Disconnect}, map[string]any{}, siowire.ErrPayload},
		{"CONNECT_ERROR without a payload", siowire.Header{Type: siowire.ConnectError}, nil, siowire.ErrPayload},
		{"an event", siowire.Header{Type: siowire.Event}, nil, siowire.ErrPayload},
		{"a namespace without a slash", siowire.Header{Type: siowire.Connect, Namespace: "a"}, nil, siowire.ErrNamespace},
		{"what cannot be written", siowire.Header{Type: siowire.Connect}, make(chan int), nil},
	} {
		head, err := msgpack.New().AppendValue([]byte("ahead"), test.h, test.v)
		var failed *siowire.EncodeError
		if string(head) != "ahead" || !errors.As(err, &failed) || test.want != nil && !errors.Is(err, test.want) {
			t.Errorf("%s: wrote %q, %v", test.rule, head, err)
		}
	}
}
