package msgpack_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sockeye-io/sockeye/socketio/siowire"
	"github.com/sockeye-io/sockeye/socketio/siowire/msgpack"
)

type (
	blob  []byte
	level float64
	upper string
)

func (u upper) MarshalText() ([]byte, error) { return []byte(strings.ToUpper(string(u))), nil }

type inner struct {
	N int `json:"n"`
	B []byte
}

type outer struct {
	inner
	Name    string            `json:"name"`
	Skipped string            `json:"-"`
	Empty   string            `json:"empty,omitempty"`
	Quoted  int               `json:"quoted,string"`
	Pointer *inner            `json:"pointer"`
	Nil     *inner            `json:"nil"`
	List    []inner           `json:"list"`
	Map     map[string][]byte `json:"map"`
	Keys    map[int]string    `json:"keys"`
	Bytes   [3]byte           `json:"bytes"`
	Named   blob              `json:"named"`
	Float   float32           `json:"float"`
	Level   level             `json:"level"`
	Any     any               `json:"any"`
	Big     *big.Int          `json:"big"`
	Text    upper             `json:"text"`
	Wait    time.Duration     `json:"wait"`
	Large   uint64            `json:"large"`
	Small   int64             `json:"small"`
	Escaped string            `json:"ünï"`
	Raw     json.RawMessage   `json:"raw"`
}

func anOuter() outer {
	return outer{
		inner: inner{1, []byte("in")}, Name: "a\x00\"\\é€😀\u2028", Skipped: "s", Quoted: 7, Pointer: &inner{2, []byte{}},
		List: []inner{{3, nil}, {4, []byte{0xff}}}, Map: map[string][]byte{"k": {5}}, Keys: map[int]string{-6: "six"}, Bytes: [3]byte{7, 8, 9},
		Named: blob("named"), Float: 0.1, Level: 1e300, Any: []any{map[string]any{"bytes": []byte("deep"), "n": 1.5}, nil, []any{}, map[string]any{}},
		Big: big.NewInt(0).Lsh(big.NewInt(1), 62), Text: "text", Wait: time.Second, Large: math.MaxUint64, Small: math.MinInt64, Escaped: "<&>",
		Raw: json.RawMessage(`[1,{"a":"é\n"}]`),
	}
}

var cmpValues = cmp.Options{
	cmp.AllowUnexported(outer{}), cmpopts.EquateNaNs(), cmp.Comparer(func(a, b *big.Int) bool { return a == b || a.Cmp(b) == 0 }),
}

// through sends arguments through a parser.
func through(t testing.TB, p siowire.Parser, args ...any) siowire.Args {
	t.Helper()
	head, attachments, err := p.AppendArgs(nil, siowire.Header{Type: siowire.Ack}, "", args)
	if err != nil {
		t.Fatal(err)
	}
	d := p.NewDecoder(siowire.Limits{})
	packet, ok, err := d.Add(head, p.Binary())
	for _, a := range attachments {
		packet, ok, err = d.Add(a, true)
	}
	if !ok || err != nil {
		t.Fatal(ok, err)
	}
	return packet.Args
}

// TestValuesAreThoseOfJSON sends values through both parsers: what handlers see
// is the same.
func TestValuesAreThoseOfJSON(t *testing.T) {
	t.Parallel()
	for _, v := range []any{
		anOuter(), &outer{},
		[]outer{anOuter()},
		map[string]outer{"a": anOuter()},
		inner{},
		[]int{1, -2, 1 << 40},
		[][]byte{{1}, nil},
		map[string]float64{"x": 0.5},
		nil, "", "text", "\xff", 0, -1, 1.5, float32(0.1), 1e21, 1e-7, true, false,
		[]byte{1},
		[]byte(nil), blob("b"), level(1), upper("u"), []any(nil), map[string]any(nil),
		json.RawMessage(nil), json.RawMessage(" { \"a\" : [ 1 , \"}]\\\\\\\"\" ] , \"\\u0062\" : [ ] , \"c\" : { } } "), json.RawMessage(`"\ud800"`), json.Number("12e3"),
		[]any{time.Duration(1), inner{1, []byte{2}}},
		uint64(math.MaxUint64), int64(math.MinInt64), uint8(200), int8(-100),
		struct{}{},
		[2]any{1, []byte{2}},
		(*inner)(nil), time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).String(),
	} {
		name := fmt.Sprintf("%T %.30v", v, v)
		asJSON, asPack := through(t, siowire.JSON(), v), through(t, msgpack.New(), v)
		for _, target := range []func() any{
			func() any { return new(any) }, func() any { return new(outer) }, func() any { return new([]outer) }, func() any { return new(map[string]outer) },
			func() any { return new(inner) }, func() any { return new([]int) }, func() any { return new([][]byte) }, func() any { return new(map[string]float64) },
			func() any { return new(string) }, func() any { return new(int) }, func() any { return new(int64) }, func() any { return new(uint64) }, func() any { return new(float64) },
			func() any { return new(bool) }, func() any { return new([]byte) }, func() any { return new(blob) }, func() any { return new(level) }, func() any { return new([]any) },
			func() any { return new(map[string]any) }, func() any { return new(json.Number) }, func() any { return new(uint8) }, func() any { return new(*string) },
		} {
			want, got := target(), target()
			wantErr, gotErr := asJSON.Decode(0, want), asPack.Decode(0, got)
			if (wantErr == nil) != (gotErr == nil) {
				t.Errorf("%s into %T: %v, JSON: %v", name, got, gotErr, wantErr)
				continue
			}
			if diff := cmp.Diff(want, got, cmpValues); diff != "" && wantErr == nil {
				t.Errorf("%s into %T (-JSON +MessagePack):\n%s", name, got, diff)
			}
		}
	}
}

// TestValuesThatJSONHasNot are those that keep their form through MessagePack only.
func TestValuesThatJSONHasNot(t *testing.T) {
	t.Parallel()
	type value struct {
		At     time.Time
		Later  *time.Time
		Any    any
		Float  float64
		Narrow float32
		Level  level
		List   []float64
		ByTime map[time.Time]int
	}
	at := time.UnixMilli(1767323045678).UTC()
	sent := value{at, &at, []any{at, math.Inf(-1)}, math.NaN(), float32(math.Inf(1)), level(math.Inf(1)), []float64{math.Inf(-1), 1}, map[time.Time]int{at: 1}}
	args := through(t, msgpack.New(), sent, at.Add(999*time.Microsecond), math.Inf(1), blob(nil))
	var got value
	var dynamic any
	if err := errors.Join(args.Decode(0, &got), args.Decode(0, &dynamic)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sent, got, cmpValues); diff != "" {
		t.Errorf("(-sent +got):\n%s", diff)
	}
	want := map[string]any{
		"At": at, "Later": at, "Any": []any{at, math.Inf(-1)}, "Float": math.NaN(), "Narrow": math.Inf(1), "Level": math.Inf(1),
		"List": []any{math.Inf(-1), 1.0}, "ByTime": map[string]any{"2026-01-02T03:04:05.678Z": 1.0},
	}
	if diff := cmp.Diff(any(want), dynamic, cmpValues); diff != "" {
		t.Errorf("as any (-want +got):\n%s", diff)
	}
	var when time.Time
	var text string
	var raw json.RawMessage
	var float float64
	err := errors.Join(args.Decode(1, &when), args.Decode(1, &text), args.Decode(1, &raw), args.Decode(2, &float))
	if err != nil || !when.Equal(at) || text != "2026-01-02T03:04:05.678Z" || string(raw) != `"`+text+`"` || !math.IsInf(float, 1) {
		t.Errorf("got %v, %q, %s, %v, %v", when, text, raw, float, err)
	}
	if err := through(t, msgpack.New(), text).Decode(0, &when); err != nil || !when.Equal(at) {
		t.Errorf("a time from text: %v, %v", when, err)
	}
}

// TestForeignValues reads what other encoders write.
func TestForeignValues(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule, value string
		want        any
	}{
		{"undefined", "\xd4\x00\x00", nil},
		{"an ArrayBuffer", "\xc7\x02\x00ab", []byte("ab")},
		{"one with a long length", "\xc9\x00\x00\x00\x02\x00ab", []byte("ab")},
		{"an extension", "\xc7\x02\x07ab", []any{7.0, []byte("ab")}},
		{"an extension of negative type", "\xd6\xffabcd", []any{-1.0, []byte("abcd")}},
		{"type 0 of a length that is nothing", "\xd5\x00ab", []any{0.0, []byte("ab")}},
		{"a float of 32 bits", "\xca\x3f\xc0\x00\x00", 1.5},
		{"keys that are not strings", "\x86\x01\xc0\xcd\x01\x00\x81\xff\x00\xc0\x90\xc3\x91\x80\xc2\x02\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00\x03", map[string]any{
			"1": nil, "256": map[string]any{"-1": 0.0}, "null": []any{}, "true": []any{map[string]any{}}, "false": 2.0, "1.5": 3.0,
		}},
		{"keys that are odd numbers", "\x84\xca\x80\x00\x00\x00\x01\xca\x7f\x80\x00\x00\x02\xca\xff\x80\x00\x00\x03\xca\x7f\xc0\x00\x00\x04", map[string]any{
			"0": 1.0, "Infinity": 2.0, "-Infinity": 3.0, "NaN": 4.0,
		}},
		{"undefined as a key", "\x81\xd4\x00\x00\x01", map[string]any{"undefined": 1.0}},
		{"the last of two like keys", "\x82\xa1a\x01\xa1a\x02", map[string]any{"a": 2.0}},
	} {
		args := add(t, "\x83\xa4type\x03\xa3nsp\xa1/\xa4data\x92"+test.value+test.value).Args
		var direct, inList any
		var whole []any
		err := errors.Join(args.Decode(0, &direct), args.Decode(1, &inList))
		typed := through(t, msgpack.New(), []any{args.Raw(1)})
		err = errors.Join(err, typed.Decode(0, &whole))
		if diff := cmp.Diff([]any{test.want, test.want, test.want}, append(whole, direct, inList)); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", test.rule, err, diff)
		}
	}
}

func TestExtensionIntoTypes(t *testing.T) {
	t.Parallel()
	args := add(t, "\x83\xa4type\x03\xa3nsp\xa1/\xa4data\x91\xc7\x02\x07ab").Args
	var parts []any
	var pair struct{ R []siowire.Raw }
	var raw []json.RawMessage
	var bytes [][]byte
	if err := errors.Join(args.Decode(0, &parts), args.Decode(0, &raw)); err != nil || string(raw[1]) != `{"_placeholder":true,"num":0}` {
		t.Errorf("raw %s, %v", raw, err)
	}
	if diff := cmp.Diff([]any{7.0, []byte("ab")}, parts); diff != "" {
		t.Error(diff)
	}
	if args.Decode(0, &pair) == nil || args.Decode(0, &pair.R) == nil || args.Decode(0, &bytes) == nil {
		t.Error("an extension became what it is not")
	}
}

func TestIntegersFromFloats(t *testing.T) {
	t.Parallel()
	args := add(t, "\x83\xa4type\x03\xa3nsp\xa1/\xa4data\x92\xcb\x40\x08\x00\x00\x00\x00\x00\x00\xcb\x40\x09\x00\x00\x00\x00\x00\x00").Args
	var i int
	var i64 int64
	var u64 uint64
	if err := errors.Join(args.Decode(0, &i), args.Decode(0, &i64), args.Decode(0, &u64)); err != nil || i != 3 || i64 != 3 || u64 != 3 {
		t.Errorf("got %d, %d, %d, %v", i, i64, u64, err)
	}
	if args.Decode(1, &i) == nil || args.Decode(1, &u64) == nil {
		t.Error("a fraction became an integer")
	}
}

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	args := through(t, msgpack.New(), "no base64", map[string]any{}, uint64(math.MaxUint64), []byte{1})
	for i, dst := range []any{new([]byte), new([]byte), new(int64), new(string)} {
		var failed *siowire.DecodeError
		if err := args.Decode(i, dst); !errors.As(err, &failed) || failed.Arg != i {
			t.Errorf("argument %d into %T: %v", i, dst, err)
		}
	}
	for _, dst := range []any{
		nil, 1, (*string)(nil), (*any)(nil), (*[]byte)(nil), (*time.Time)(nil), (*bool)(nil), (*int)(nil), (*int64)(nil), (*uint64)(nil), (*float64)(nil), (*inner)(nil),
	} {
		for i := range args.Len() {
			if args.Decode(i, dst) == nil {
				t.Errorf("decoded argument %d into %T", i, dst)
			}
		}
	}
}

// TestDecodeKeepsWhatAnAnyHolds follows encoding/json: a pointer in an interface
// is decoded into.
func TestDecodeKeepsWhatAnAnyHolds(t *testing.T) {
	t.Parallel()
	var in inner
	dst := any(&in)
	if err := through(t, msgpack.New(), inner{N: 1, B: []byte{2}}).Decode(0, &dst); err != nil || in.N != 1 || in.B[0] != 2 {
		t.Errorf("got %+v, %v", in, err)
	}
}

func TestRawIsWrittenAsItCame(t *testing.T) {
	t.Parallel()
	const value = "\x83\xa1u\xd4\x00\x00\xa1e\xd6\x05abcd\xa1f\xca\x3f\xc0\x00\x00" // none of it is what we would write
	args := add(t, "\x83\xa4type\x03\xa3nsp\xa1/\xa4data\x91"+value).Args
	type holder struct{ R siowire.Raw }
	var held holder
	if err := args.Decode(0, &map[string]*siowire.Raw{"e": &held.R}); err != nil || string(held.R.Bytes()) != "\xd6\x05abcd" {
		t.Errorf("a Raw within a value: %q, %v", held.R.Bytes(), err)
	}
	raw := args.Raw(0)
	got := string(appendArgs(t, siowire.Header{Type: siowire.Ack}, "", raw, []any{raw}, holder{raw}, siowire.Raw{}, struct{ A any }{raw}))
	want := "\x83\xa4type\x03\xa3nsp\xa1/\xa4data\x95" + value + "\x91" + value + "\x81\xa1R" + value + "\xc0\x81\xa1A" + value
	if got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestRawBetweenParsers(t *testing.T) {
	t.Parallel()
	v := map[string]any{"bytes": []byte{1, 2}, "list": []any{1.5, "x", nil}}
	fromJSON := through(t, siowire.JSON(), v).Raw(0)
	fromPack := through(t, msgpack.New(), v).Raw(0)
	for _, args := range []siowire.Args{through(t, msgpack.New(), fromJSON), through(t, siowire.JSON(), fromPack), through(t, msgpack.New(), []siowire.Raw{fromJSON})} {
		var got any
		if err := args.Decode(0, &got); err != nil {
			t.Fatal(err)
		}
		if list, ok := got.([]any); ok {
			got = list[0]
		}
		if diff := cmp.Diff(any(v), got); diff != "" {
			t.Error(diff)
		}
	}
}

// TestParserConcurrently runs encoding, decoding and the making of decoders of
// one parser against each other.
func TestParserConcurrently(t *testing.T) {
	t.Parallel()
	parser := msgpack.New()
	var wg sync.WaitGroup
	for n := range 8 {
		wg.Go(func() {
			for i := range 50 {
				d := parser.NewDecoder(siowire.Limits{Depth: 100 + n%2})
				want := outer{inner: inner{N: n, B: []byte{byte(n)}}, Named: blob{byte(i)}, Any: time.UnixMilli(int64(i)).UTC(), Raw: json.RawMessage("null"), Keys: map[int]string{}}
				head, _, err := parser.AppendArgs(nil, siowire.Header{Type: siowire.Event}, "x", []any{want})
				if err != nil {
					t.Error(err)
					return
				}
				p, _, err := d.Add(head, true)
				var got outer
				if err = errors.Join(err, p.Args.Decode(0, &got)); err != nil {
					t.Error(err)
				}
				if diff := cmp.Diff(want, got, cmpValues, cmpopts.EquateEmpty()); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
	wg.Wait()
}
