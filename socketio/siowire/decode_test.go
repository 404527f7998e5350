package siowire_test

import (
	"encoding/json"
	"errors"
	"math"
	"net"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/sockeye-io/sockeye/socketio/siowire"
)

func TestDecode(t *testing.T) {
	t.Parallel()
	const p0, p1 = `{"_placeholder":true,"num":0}`, `{"_placeholder":true,"num":1}`
	zero, one := []byte("zero"), []byte("one")
	type target struct {
		Name string `json:"name"`
		Data []byte `json:"data"`
		Blob blob
		Any  any
		Ptr  *[]byte
		Wait time.Duration
	}
	for _, test := range []struct {
		rule, text  string
		attachments [][]byte
		want        any // of the type to decode into
	}{
		{"a string", `"a\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00"`, nil, "a\"\\/\b\f\n\r\té😀"},
		{"a string with lone surrogates", `"\ud800a\udc00\ud800\ud800\u0041"`, nil, "\uFFFDa\uFFFD\uFFFD\uFFFDA"},
		{"the same within a value", `["\ud800a\udc00\ud800\ud800\u0041"]`, nil, []string{"\uFFFDa\uFFFD\uFFFD\uFFFDA"}},
		{"a surrogate ahead of a cut escape", `"\ud83d\n"`, nil, "\uFFFD\n"},
		{"true", "true", nil, true},
		{"false", "false", nil, false},
		{"an int", "-12", nil, -12},
		{"an int64", "-9223372036854775808", nil, int64(math.MinInt64)},
		{"a uint64", "18446744073709551615", nil, uint64(math.MaxUint64)},
		{"a small int", "-128", nil, int8(-128)},
		{"a float", "1.5e3", nil, 1500.0},
		{"a float too large", "-1e999", nil, math.Inf(-1)},
		{"a float32", "0.1", nil, float32(0.1)},
		{"null sets zero: string", "null", nil, ""},
		{"null sets zero: int", "null", nil, 0},
		{"null sets zero: bytes", "null", nil, []byte(nil)},
		{"bytes from an attachment", p1, [][]byte{zero, one}, one},
		{"bytes from base64, as encoding/json has it", `"AQI="`, nil, []byte{1, 2}},
		{"bytes of a named type", p0, [][]byte{zero}, blob("zero")},
		{"a list of bytes", "[" + p1 + "," + p0 + ",null]", [][]byte{zero, one}, [][]byte{one, zero, nil}},
		{"JSON text", ` {"a" : 1}`, nil, json.RawMessage(`{"a" : 1}`)},
		{"JSON text of the other package", `[1, 2]`, nil, jsontext.Value(`[1, 2]`)},
		{"a type with a text of its own", `"127.0.0.1"`, nil, net.IPv4(127, 0, 0, 1)},
		{
			"a struct", `{"name":"n","data":` + p0 + `,"Blob":` + p1 + `,"Wait":5,"unknown":[]}`,
			[][]byte{zero, one},
			target{Name: "n", Data: zero, Blob: one, Wait: 5},
		},
		{"fields whatever their case", `{"NAME":"n","blob":` + p0 + `}`, [][]byte{zero}, target{Name: "n", Blob: zero}},
		{"the last member that fits", `{"name":"n","NAME":"m","_name":"o"}`, nil, target{Name: "m"}},
		{"bytes behind a pointer", `{"Ptr":` + p0 + `}`, [][]byte{zero}, target{Ptr: &zero}},
		{"bytes within any", `{"Any":[1,{"b":` + p0 + `}]}`, [][]byte{zero}, target{Any: []any{1.0, map[string]any{"b": zero}}}},
		{"a map of any", `{"a":` + p0 + `,"b":[null,true,"x",1.5,{},[]]}`, [][]byte{zero}, map[string]any{"a": zero, "b": []any{nil, true, "x", 1.5, map[string]any{}, []any{}}}},
		{"a number too large within any", `{"a":1e999}`, nil, map[string]any{"a": math.Inf(1)}},
		{"the last of duplicate keys", `{"a":1,"a":2}`, nil, map[string]int{"a": 2}},
		{"a pointer", `"x"`, nil, new("x")},
		{"a number from a string, by tag", `{"count":"4"}`, nil, words{Count: 4}},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			text := "3[" + test.text
			if n := len(test.attachments); n > 0 {
				text = "6" + strconv.Itoa(n) + "-[" + test.text
			}
			for _, p := range []string{p0, p1}[:len(test.attachments)] {
				if !strings.Contains(test.text, p) {
					text += "," + p // each must have its placeholder
				}
			}
			text += "]"
			args := add(t, decoder(), text, test.attachments...).Args
			got := reflect.New(reflect.TypeOf(test.want))
			if err := args.Decode(0, got.Interface()); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got.Elem().Interface()); diff != "" {
				t.Errorf("Decode(%s) (-want +got):\n%s", test.text, diff)
			}
		})
	}
}

func TestDecodeAny(t *testing.T) {
	t.Parallel()
	args := add(t, decoder(), `51-["x",null,true,"\u0061",-0.5e1,[ ],{ },[ 1 , [ 2 ] ],{ "a\n" : { "b" : false } , "c" : {"_placeholder":true,"num":0} }]`, []byte("zero")).Args
	want := []any{
		nil, true, "a", -5.0,
		[]any{},
		map[string]any{},
		[]any{1.0, []any{2.0}},
		map[string]any{"a\n": map[string]any{"b": false}, "c": []byte("zero")},
	}
	for i := range want {
		var got any
		if err := args.Decode(i, &got); err != nil {
			t.Errorf("argument %d: %v", i, err)
		}
		if diff := cmp.Diff(want[i], got); diff != "" {
			t.Errorf("argument %d (-want +got):\n%s", i, diff)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	args := add(t, decoder(), `51-["x","a",1.5,{"_placeholder":true,"num":0},{"b":1},300,-1]`, []byte("zero")).Args
	for _, test := range []struct {
		rule string
		arg  int
		dst  any
		want error // nil if the JSON library names the fault
	}{
		{"an argument that is not there", 6, new(string), siowire.ErrMissing},
		{"a negative argument", -1, new(string), siowire.ErrMissing},
		{"a string into an int", 0, new(int), nil},
		{"a string into a struct", 0, new(outer), nil},
		{"a string that is not base64 into bytes", 0, new([]byte), nil},
		{"a fraction into an int", 1, new(int), nil},
		{"a number into a string", 1, new(string), nil},
		{"a number into bytes", 1, new([]byte), nil},
		{"an attachment into a string", 2, new(string), nil},
		{"an object into bytes", 3, new([]byte), nil},
		{"an object into bytes of a named type", 3, new(blob), nil},
		{"an object into bytes in a map", 3, new(map[string][]byte), nil},
		{"a number too large", 4, new(int8), nil},
		{"a negative number into a uint64", 5, new(uint64), nil},
		{"no pointer", 0, "", nil},
		{"a nil pointer", 0, (*string)(nil), nil},
		{"a nil pointer to any", 0, (*any)(nil), nil},
		{"a nil pointer to bytes", 2, (*[]byte)(nil), nil},
		{"a nil pointer to an int", 4, (*int)(nil), nil},
		{"nothing", 0, nil, nil},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			err := args.Decode(test.arg, test.dst)
			var failed *siowire.DecodeError
			if !errors.As(err, &failed) {
				t.Fatalf("error %v, want a *DecodeError", err)
			}
			if failed.Arg != test.arg || test.want != nil && !errors.Is(err, test.want) {
				t.Errorf("error %v, want one of argument %d about %v", err, test.arg, test.want)
			}
		})
	}
}

func TestRaw(t *testing.T) {
	t.Parallel()
	args := add(t, decoder(), `51-["x",{"a":{"_placeholder":true,"num":0}},"\ud800"]`, []byte("zero")).Args
	t.Run("decodes by itself", func(t *testing.T) {
		t.Parallel()
		var got map[string][]byte
		if err := args.Raw(0).Decode(&got); err != nil || string(got["a"]) != "zero" {
			t.Errorf("got %q, %v", got, err)
		}
		var failed *siowire.DecodeError
		if err := args.Raw(0).Decode(new(int)); !errors.As(err, &failed) || failed.Arg != -1 {
			t.Errorf("error %v, want a *DecodeError of no argument", err)
		}
	})
	t.Run("is decoded into", func(t *testing.T) {
		t.Parallel()
		var direct siowire.Raw
		var nested map[string]siowire.Raw
		if err := errors.Join(args.Decode(0, &direct), args.Decode(0, &nested)); err != nil {
			t.Fatal(err)
		}
		var b []byte
		if err := nested["a"].Decode(&b); err != nil || string(b) != "zero" {
			t.Errorf("nested: %q, %v", b, err)
		}
		if string(direct.Bytes()) != `{"a":{"_placeholder":true,"num":0}}` {
			t.Errorf("direct: %s", direct.Bytes())
		}
	})
	t.Run("keeps what a string cannot", func(t *testing.T) {
		t.Parallel()
		var r siowire.Raw
		if err := args.Decode(1, &r); err != nil || string(r.Bytes()) != `"\ud800"` {
			t.Errorf("got %s, %v", r.Bytes(), err)
		}
	})
	t.Run("zero is null", func(t *testing.T) {
		t.Parallel()
		v := "x"
		if err := (siowire.Raw{}).Decode(&v); err != nil || v != "" {
			t.Errorf("got %q, %v", v, err)
		}
		if r := args.Raw(9); r.Bytes() != nil {
			t.Errorf("an argument that is not there has text %q", r.Bytes())
		}
	})
	t.Run("ends where it ends", func(t *testing.T) {
		t.Parallel()
		if b := args.Raw(0).Bytes(); cap(b) != len(b) {
			t.Error("appending to a Raw's bytes would write into the packet")
		}
	})
}

// upper is a codec that is not JSON: its values are words.
type upper struct{}

func (upper) DecodeValue(value []byte, attachments [][]byte, dst any) error {
	word := strings.ToUpper(string(value))
	switch p := dst.(type) {
	case *string:
		*p = word
	case *any:
		*p = []any{word, attachments[0]}
	default:
		return errors.ErrUnsupported
	}
	return nil
}

func TestNewArgs(t *testing.T) {
	t.Parallel()
	args := siowire.NewArgs(upper{}, []byte("a b c d e"), []siowire.Span{{0, 1}, {2, 3}, {4, 5}, {6, 7}, {8, 9}}, [][]byte{{7}})
	var s string
	if err := args.Decode(4, &s); err != nil || s != "E" || args.Len() != 5 {
		t.Errorf("got %q of %d, %v", s, args.Len(), err)
	}
	var failed *siowire.DecodeError
	if err := args.Decode(1, new(int)); !errors.As(err, &failed) || !errors.Is(err, errors.ErrUnsupported) || failed.Arg != 1 {
		t.Errorf("error %v", err)
	}
	got, attachments := encode(t, siowire.Header{Type: siowire.Ack}, "", args.Raw(0))
	if got != `61-[["A",{"_placeholder":true,"num":0}]]` || len(attachments) != 1 {
		t.Errorf("a foreign value was written as %s with %v", got, attachments)
	}
}

// TestParserConcurrently runs encoding, decoding and the making of decoders of
// one parser against each other.
func TestParserConcurrently(t *testing.T) {
	t.Parallel()
	parser := siowire.JSON()
	var wg sync.WaitGroup
	for n := range 8 {
		wg.Go(func() {
			for i := range 50 {
				d := parser.NewDecoder(siowire.Limits{Depth: 100 + n%2})
				want := outer{inner: inner{B: []byte{byte(n)}, Blob: blob{byte(i)}}, Name: "n"}
				head, attachments, err := parser.AppendArgs(nil, siowire.Header{Type: siowire.Event}, "x", []any{want})
				if err != nil {
					t.Error(err)
					return
				}
				p, _, err := d.Add(head, false)
				for _, a := range attachments {
					p, _, err = d.Add(a, true)
				}
				var got outer
				if err = errors.Join(err, p.Args.Decode(0, &got)); err != nil {
					t.Error(err)
				}
				if got.B[0] != byte(n) || got.Blob[0] != byte(i) {
					t.Errorf("got %v and %v, want %d and %d", got.B, got.Blob, n, i)
				}
			}
		})
	}
	wg.Wait()
}
