package siowire_test

import (
	"encoding/json"
	"errors"
	"math"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/sockeye-io/sockeye/socketio/siowire"
)

type (
	blob  []byte
	score float64
	level int

	inner struct {
		B    []byte
		Blob blob `json:"blob"`
	}
	outer struct {
		inner
		Name    string            `json:"name"`
		Ptr     *[]byte           `json:"ptr,omitempty"`
		Omitted []byte            `json:"omitted,omitempty"`
		Map     map[string][]byte `json:"map,omitempty"`
		List    [][]byte          `json:"list,omitempty"`
		Any     any               `json:"any,omitempty"`
		Raw     siowire.Raw       `json:"raw,omitzero"`
	}
	words struct {
		Off   bool          `json:"off,omitempty"`
		Zero  int           `json:"zero,omitempty"`
		Wait  time.Duration `json:"wait"`
		Array [3]byte       `json:"array"`
		Count int           `json:"count,string"`
		Nums  []int         `json:"nums"`
		Map   map[string]int
		Skip  string `json:"-"`
	}
	shouting string
)

func (s shouting) MarshalText() ([]byte, error) { return []byte(strings.ToUpper(string(s))), nil }

type broken struct{}

func (broken) MarshalJSON() ([]byte, error) { return nil, errBroken }

var errBroken = errors.New("broken")

func encode(t *testing.T, h siowire.Header, name string, args ...any) (string, [][]byte) {
	t.Helper()
	head, attachments, err := siowire.JSON().AppendArgs(nil, h, name, args)
	if err != nil {
		t.Fatalf("AppendArgs: %v", err)
	}
	return string(head), attachments
}

// rawArgs returns the arguments of an event as they came in.
func rawArgs(t *testing.T, text string, attachments ...[]byte) []siowire.Raw {
	t.Helper()
	args := add(t, decoder(), text, attachments...).Args
	var raws []siowire.Raw
	for i := range args.Len() {
		raws = append(raws, args.Raw(i))
	}
	return raws
}

func TestAppendArgsHeader(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule string
		h    siowire.Header
		name string
		args []any
		want string
	}{
		{"an event without arguments", siowire.Header{Type: siowire.Event}, "x", nil, `2["x"]`},
		{"the main namespace is not written", siowire.Header{Type: siowire.Event, Namespace: "/"}, "x", nil, `2["x"]`},
		{"another one is", siowire.Header{Type: siowire.Event, Namespace: "/a"}, "x", nil, `2/a,["x"]`},
		{"an id", siowire.Header{Type: siowire.Event, Namespace: "/a", ID: 0, HasID: true}, "x", []any{1}, `2/a,0["x",1]`},
		{"the highest id", siowire.Header{Type: siowire.Event, ID: math.MaxUint64, HasID: true}, "x", nil, `218446744073709551615["x"]`},
		{"an id that does not count", siowire.Header{Type: siowire.Event, ID: 7}, "x", nil, `2["x"]`},
		{"an acknowledgement has no name", siowire.Header{Type: siowire.Ack, ID: 7, HasID: true}, "connect", []any{1, "2"}, `37[1,"2"]`},
		{"an acknowledgement of nothing", siowire.Header{Type: siowire.Ack, ID: 7, HasID: true}, "", nil, `37[]`},
		{"a binary event", siowire.Header{Type: siowire.Event, Namespace: "/a", ID: 7, HasID: true}, "x", []any{[]byte{1}}, `51-/a,7["x",{"_placeholder":true,"num":0}]`},
		{"a binary acknowledgement", siowire.Header{Type: siowire.Ack, ID: 7, HasID: true}, "", []any{[]byte{1}}, `61-7[{"_placeholder":true,"num":0}]`},
		{"a name is escaped", siowire.Header{Type: siowire.Event}, "a\"\n", nil, `2["a\"\n"]`},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			prefix := []byte("prefix")
			head, _, err := siowire.JSON().AppendArgs(prefix, test.h, test.name, test.args)
			if err != nil || string(head) != "prefix"+test.want {
				t.Errorf("got %q, %v; want the prefix and %q", head, err, test.want)
			}
		})
	}
}

func TestAppendArgsValues(t *testing.T) {
	t.Parallel()
	const p0, p1, p2 = `{"_placeholder":true,"num":0}`, `{"_placeholder":true,"num":1}`, `{"_placeholder":true,"num":2}`
	bytes1 := []byte{1}
	for _, test := range []struct {
		rule        string
		value       any
		want        string
		attachments [][]byte
	}{
		{"nil", nil, "null", nil},
		{"a string is escaped as JavaScript does it", "\"\\/\b\f\n\r\t\x00\x1f\x7f<>&é\u2028😀", `"\"\\/\b\f\n\r\t\u0000\u001f` + "\x7f<>&é\u2028😀\"", nil},
		{"the same within a value", []string{"\"\\/\b\f\n\r\t\x00\x1f\x7f<>&é\u2028😀"}, `["\"\\/\b\f\n\r\t\u0000\u001f` + "\x7f<>&é\u2028😀\"]", nil},
		{"a string with broken UTF-8", "a\xff\xe2\x82b", "\"a\uFFFD\uFFFD\uFFFDb\"", nil},
		{"the same within a value", []string{"a\xff\xe2\x82b"}, "[\"a\uFFFD\uFFFD\uFFFDb\"]", nil},
		{"true", true, "true", nil},
		{"integers", []any{int(-1), int8(2), int16(3), int32(4), int64(math.MinInt64), uint8(5), uint16(6), uint32(7), uint64(math.MaxUint64)}, "[-1,2,3,4,-9223372036854775808,5,6,7,18446744073709551615]", nil},
		{"an int", -12, "-12", nil},
		{"an int32", int32(-12), "-12", nil},
		{"an int64", int64(math.MinInt64), "-9223372036854775808", nil},
		{"a uint", uint(12), "12", nil},
		{"a uint32", uint32(12), "12", nil},
		{"a uint64", uint64(math.MaxUint64), "18446744073709551615", nil},
		{"a named integer", level(3), "3", nil},
		{"a float", 0.1, "0.1", nil},
		{"a whole float", 3.0, "3", nil},
		{"a large float", 1e21, "1e+21", nil},
		{"a float just below that", 123456789012345680000.0, "123456789012345680000", nil},
		{"a small float", 1e-7, "1e-7", nil},
		{"a float just above that", 0.000001, "0.000001", nil},
		{"a very small float", 5e-324, "5e-324", nil},
		{"a float32", float32(0.1), "0.1", nil},
		{"floats within a value", []float64{0.1, 1e21, 1e-7, 1e20}, "[0.1,1e+21,1e-7,100000000000000000000]", nil},
		{"NaN", math.NaN(), "null", nil},
		{"infinity", float32(math.Inf(-1)), "null", nil},
		{"NaN and the infinities within a value", []any{math.NaN(), score(math.Inf(1)), map[string]float32{"a": float32(math.Inf(-1))}}, `[null,null,{"a":null}]`, nil},
		{"bytes", bytes1, p0, [][]byte{{1}}},
		{"no bytes", []byte{}, p0, [][]byte{{}}},
		{"nil bytes are empty ones", []byte(nil), p0, [][]byte{{}}},
		{"bytes of a named type", blob{2}, p0, [][]byte{{2}}},
		{"bytes in a list", [][]byte{{1}, {}, {3}}, "[" + p0 + "," + p1 + "," + p2 + "]", [][]byte{{1}, {}, {3}}},
		{"bytes behind a pointer", &bytes1, p0, [][]byte{{1}}},
		{"bytes in a map", map[string]any{"a": map[string]blob{"b": {1}}}, `{"a":{"b":` + p0 + `}}`, [][]byte{{1}}},
		{
			"bytes everywhere in a struct",
			&outer{inner: inner{B: []byte{1}, Blob: blob{2}}, Name: "n", Ptr: &bytes1},
			`{"B":` + p0 + `,"blob":` + p1 + `,"name":"n","ptr":` + p2 + `}`,
			[][]byte{{1}, {2}, {1}},
		},
		{
			"bytes within any",
			outer{inner: inner{B: []byte{1}, Blob: nil}, Any: []any{blob{3}}},
			`{"B":` + p0 + `,"blob":` + p1 + `,"name":"","any":[` + p2 + `]}`,
			[][]byte{{1}, {}, {3}},
		},
		{"a type with a text of its own keeps it", []any{net.IPv4(127, 0, 0, 1), shouting("hi")}, `["127.0.0.1","HI"]`, nil},
		{"the rules of encoding/json for structs", words{Wait: time.Second, Array: [3]byte{1, 2, 3}, Count: 4, Skip: "x"}, `{"wait":1000000000,"array":[1,2,3],"count":"4","nums":[],"Map":{}}`, nil},
		{"a time", time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC), `"2026-01-02T03:04:05.000006Z"`, nil},
		{"JSON text", json.RawMessage("\n{\"a\": [1, \"\\ud800\"]} "), `{"a": [1, "\ud800"]}`, nil},
		{"JSON text of the other package", jsontext.Value(`[1,{}]`), `[1,{}]`, nil},
		{"no JSON text", json.RawMessage(nil), "null", nil},
		{"JSON text within a value", []any{json.RawMessage(`{"a":1,"a":"\ud800"}`)}, `[{"a":1,"a":"\ud800"}]`, nil},
		{"a placeholder among text is data", map[string]any{"_placeholder": true}, `{"_placeholder":true}`, nil},
		{"a nil pointer", (*outer)(nil), "null", nil},
		{"the zero Raw", siowire.Raw{}, "null", nil},
		{"the zero Raw within a value", []siowire.Raw{{}}, "[null]", nil},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			got, attachments := encode(t, siowire.Header{Type: siowire.Ack}, "", test.value)
			_, list, _ := strings.Cut(got, "[")
			if list = "[" + list; list != "["+test.want+"]" {
				t.Errorf("got  %s\nwant [%s]", list, test.want)
			}
			if diff := cmp.Diff(test.attachments, attachments); diff != "" {
				t.Errorf("attachments (-want +got):\n%s", diff)
			}
			add(t, decoder(), got, attachments...)
		})
	}
}

func TestAppendArgsRelaysRaw(t *testing.T) {
	t.Parallel()
	const in = `53-["x", {"b":[{"num":2,"_placeholder":true},{"_placeholder":true,"num":0}], "s":"\ud800" }, {"_placeholder":true,"num":1}, {"a":1,"a":2}]`
	raws := rawArgs(t, in, []byte("zero"), []byte("one"), []byte("two"))
	for _, test := range []struct {
		rule        string
		args        []any
		want        string
		attachments []string
	}{
		{
			"all of them",
			[]any{raws[0], raws[1], raws[2]},
			`3-[{"b":[{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}], "s":"\ud800" },{"_placeholder":true,"num":2},{"a":1,"a":2}]`,
			[]string{"two", "zero", "one"},
		},
		{"one of them", []any{raws[1]}, `1-[{"_placeholder":true,"num":0}]`, []string{"one"}},
		{"one twice", []any{raws[1], raws[1]}, `2-[{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`, []string{"one", "one"}},
		{"one without attachments", []any{raws[2]}, `[{"a":1,"a":2}]`, nil},
		{"among others", []any{[]byte("own"), raws[1]}, `2-[{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`, []string{"own", "one"}},
		{"within a value", []any{map[string]any{"a": []siowire.Raw{raws[1]}}}, `1-[{"a":[{"_placeholder":true,"num":0}]}]`, []string{"one"}},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			got, attachments := encode(t, siowire.Header{Type: siowire.Ack}, "", test.args...)
			var texts []string
			for _, a := range attachments {
				texts = append(texts, string(a))
			}
			if got[1:] != test.want {
				t.Errorf("got  %s\nwant ?%s", got, test.want)
			}
			if diff := cmp.Diff(test.attachments, texts); diff != "" {
				t.Errorf("attachments (-want +got):\n%s", diff)
			}
			add(t, decoder(), got, attachments...)
		})
	}
}

// TestAppendArgsCopies checks that an argument may be changed as soon as it is encoded.
func TestAppendArgsCopies(t *testing.T) {
	t.Parallel()
	data := []byte("abc")
	_, attachments := encode(t, siowire.Header{Type: siowire.Event}, "x", data, map[string]any{"b": data})
	copy(data, "xyz")
	for i, a := range attachments {
		if string(a) != "abc" {
			t.Errorf("attachment %d is %q", i, a)
		}
	}
}

func TestAppendArgsRefuses(t *testing.T) {
	t.Parallel()
	literal := rawArgs(t, `2["x",{"_placeholder":true,"num":0}]`)[0]
	loop := map[string]any{}
	loop["loop"] = loop
	event := siowire.Header{Type: siowire.Event}
	for _, test := range []struct {
		rule string
		h    siowire.Header
		name string
		args []any
		arg  int
		want error // nil if the JSON library names the fault
	}{
		{"a reserved name", event, "disconnect", nil, -1, siowire.ErrReserved},
		{"a packet of another type", siowire.Header{Type: siowire.Connect}, "x", nil, -1, siowire.ErrPayload},
		{"a namespace without a slash", siowire.Header{Type: siowire.Event, Namespace: "a"}, "x", nil, -1, siowire.ErrNamespace},
		{"a namespace with a comma", siowire.Header{Type: siowire.Event, Namespace: "/a,b"}, "x", nil, -1, siowire.ErrNamespace},
		{"a namespace of broken UTF-8", siowire.Header{Type: siowire.Event, Namespace: "/\xff"}, "x", nil, -1, siowire.ErrNamespace},
		{"a channel", event, "x", []any{1, make(chan int)}, 1, nil},
		{"a function deep inside", event, "x", []any{map[string]any{"f": func() {}}}, 0, nil},
		{"a value that contains itself", event, "x", []any{loop}, 0, nil},
		{"a type that fails", event, "x", []any{broken{}}, 0, errBroken},
		{"text that is no JSON", event, "x", []any{json.RawMessage("{")}, 0, siowire.ErrSyntax},
		{"text with more behind it", event, "x", []any{json.RawMessage("1 2")}, 0, siowire.ErrSyntax},
		{"text of nothing but white space", event, "x", []any{json.RawMessage(" ")}, 0, siowire.ErrSyntax},
		{"text with broken UTF-8", event, "x", []any{json.RawMessage("\"\xff\"")}, 0, siowire.ErrUTF8},
		{"text with broken UTF-8 within a value", event, "x", []any{1, struct{ A json.RawMessage }{json.RawMessage("\"\xff\"")}}, 1, siowire.ErrUTF8},
		{"text of the other package with broken UTF-8", event, "x", []any{jsontext.Value("\"\xff\"")}, 0, siowire.ErrUTF8},
		{"what looks like a placeholder beside one", event, "x", []any{literal, []byte{1}}, -1, siowire.ErrPlaceholder},
		{"the same in a map", event, "x", []any{[]byte{1}, map[string]any{"_placeholder": true}}, -1, siowire.ErrPlaceholder},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			head, attachments, err := siowire.JSON().AppendArgs([]byte("prefix"), test.h, test.name, test.args)
			var failed *siowire.EncodeError
			if !errors.As(err, &failed) {
				t.Fatalf("got %q, error %v", head, err)
			}
			if failed.Arg != test.arg || test.want != nil && !errors.Is(err, test.want) {
				t.Errorf("error %v, want one of argument %d about %v", err, test.arg, test.want)
			}
			if string(head) != "prefix" || attachments != nil {
				t.Errorf("got %q and %v with the error", head, attachments)
			}
		})
	}
}

func TestAppendValue(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule  string
		h     siowire.Header
		value any
		want  string
		err   error
	}{
		{"connect", siowire.Header{Type: siowire.Connect}, nil, "0", nil},
		{"connect to a namespace", siowire.Header{Type: siowire.Connect, Namespace: "/a"}, nil, "0/a,", nil},
		{"connect with auth", siowire.Header{Type: siowire.Connect, Namespace: "/a"}, map[string]string{"sid": "x"}, `0/a,{"sid":"x"}`, nil},
		{"disconnect", siowire.Header{Type: siowire.Disconnect}, nil, "1", nil},
		{"a refusal", siowire.Header{Type: siowire.ConnectError}, map[string]string{"message": "no"}, `4{"message":"no"}`, nil},
		{"a refusal in a word", siowire.Header{Type: siowire.ConnectError}, "no", `4"no"`, nil},
		{"connect with a list", siowire.Header{Type: siowire.Connect}, []int{1}, "", siowire.ErrPayload},
		{"connect with a string", siowire.Header{Type: siowire.Connect}, "x", "", siowire.ErrPayload},
		{"connect with a nil pointer", siowire.Header{Type: siowire.Connect}, (*outer)(nil), "", siowire.ErrPayload},
		{"disconnect with anything", siowire.Header{Type: siowire.Disconnect}, map[string]int{}, "", siowire.ErrPayload},
		{"a refusal with a number", siowire.Header{Type: siowire.ConnectError}, 1, "", siowire.ErrPayload},
		{"connect with bytes", siowire.Header{Type: siowire.Connect}, map[string][]byte{"a": {1}}, "", siowire.ErrBinary},
		{"an event", siowire.Header{Type: siowire.Event}, nil, "", siowire.ErrPayload},
		{"a bad namespace", siowire.Header{Type: siowire.Connect, Namespace: "a"}, nil, "", siowire.ErrNamespace},
		{"a value that fails", siowire.Header{Type: siowire.Connect}, broken{}, "", errBroken},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			head, err := siowire.JSON().AppendValue([]byte("p"), test.h, test.value)
			var failed *siowire.EncodeError
			if !errors.Is(err, test.err) || err != nil && !errors.As(err, &failed) {
				t.Fatalf("error %v, want %v", err, test.err)
			}
			if string(head) != "p"+test.want {
				t.Errorf("got %q, want %q", head, "p"+test.want)
			}
		})
	}
}

func TestBinary(t *testing.T) {
	t.Parallel()
	if siowire.JSON().Binary() {
		t.Error("JSON packets are text")
	}
}
