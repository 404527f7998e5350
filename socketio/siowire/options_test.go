package siowire_test

import (
	"encoding/json"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sockeye-io/sockeye/socketio/siowire"
)

// marked is a JSON library whose work can be told from that of the one built in.
type marked struct{}

func (marked) Marshal(v any) ([]byte, error) {
	if _, ok := v.(garbled); ok {
		return []byte(`{"a":`), nil
	}
	text, err := json.Marshal(v)
	return []byte(strings.Replace(string(text), "{", `{"marked":1,`, 1)), err
}

func (marked) Unmarshal(text []byte, dst any) error {
	return json.Unmarshal([]byte(strings.ReplaceAll(string(text), "1", "2")), dst)
}

// garbled is what marked writes invalid text for.
type garbled struct{ A int }

type withBytes struct {
	N int
	B []byte
}

func write(t *testing.T, o siowire.JSONOptions, args ...any) string {
	t.Helper()
	head, _, err := siowire.JSONWith(o).AppendArgs(nil, siowire.Header{Type: siowire.Ack}, "", args)
	if err != nil {
		t.Fatal(err)
	}
	return string(head)
}

func read(t *testing.T, o siowire.JSONOptions, text string, attachments ...[]byte) siowire.Args {
	t.Helper()
	d := siowire.JSONWith(o).NewDecoder(siowire.Limits{})
	p, _, err := d.Add([]byte(text), false)
	for _, a := range attachments {
		p, _, err = d.Add(a, true)
	}
	if err != nil {
		t.Fatal(err)
	}
	return p.Args
}

func TestLibraryWritesWhatHoldsNoBinary(t *testing.T) {
	t.Parallel()
	type named struct{ N int }
	for _, test := range []struct {
		rule string
		arg  any
		want string
	}{
		{"a struct", named{1}, `3[{"marked":1,"N":1}]`},
		{"a pointer", &named{1}, `3[{"marked":1,"N":1}]`},
		{"a map of numbers", map[string]int{"a": 1}, `3[{"marked":1,"a":1}]`},
		{"a struct in a list of any values", []any{1, named{1}}, `3[[1,{"marked":1,"N":1}]]`},
		{"not one with bytes", withBytes{1, []byte{2}}, `61-[{"N":1,"B":{"_placeholder":true,"num":0}}]`},
		{"not one with an interface", struct{ V any }{[]byte{2}}, `61-[{"V":{"_placeholder":true,"num":0}}]`},
		{"not one with a Raw", struct{ R siowire.Raw }{}, `3[{"R":null}]`},
		{"not a plain value", "{", `3["{"]`},
	} {
		if got := write(t, siowire.JSONOptions{Library: marked{}}, test.arg); got != test.want {
			t.Errorf("%s: %s, want %s", test.rule, got, test.want)
		}
	}
	parser := siowire.JSONWith(siowire.JSONOptions{Library: marked{}})
	_, _, err := parser.AppendArgs(nil, siowire.Header{Type: siowire.Ack}, "", []any{garbled{}})
	if !errors.Is(err, siowire.ErrSyntax) {
		t.Errorf("broken text of the library passed: %v", err)
	}
	_, _, err = parser.AppendArgs(nil, siowire.Header{Type: siowire.Ack}, "", []any{make(chan int)})
	if failed := new(siowire.EncodeError); !errors.As(err, &failed) || failed.Arg != 0 {
		t.Errorf("error of the library: %v", err)
	}
}

func TestLibraryReadsWhatHoldsNoBinary(t *testing.T) {
	t.Parallel()
	args := read(t, siowire.JSONOptions{Library: marked{}}, `3[{"N":1}]`)
	var typed withBytes
	var value any
	var raw struct{ N siowire.Raw }
	if err := errors.Join(args.Decode(0, &typed), args.Decode(0, &value), args.Decode(0, &raw)); err != nil {
		t.Fatal(err)
	}
	if typed.N != 2 {
		t.Errorf("the library was not asked: %+v", typed)
	}
	if diff := cmp.Diff(any(map[string]any{"N": 1.0}), value); diff != "" {
		t.Errorf("an any is not the library's work:\n%s", diff)
	}
	if string(raw.N.Bytes()) != "1" {
		t.Errorf("the library cannot know a Raw, which became %s", raw.N.Bytes())
	}
	args = read(t, siowire.JSONOptions{Library: marked{}}, `61-[{"N":1,"B":{"_placeholder":true,"num":0}}]`, []byte{7})
	if err := args.Decode(0, &typed); err != nil || typed.N != 1 || typed.B[0] != 7 {
		t.Errorf("a packet with attachments: %+v, %v", typed, err)
	}
	o := siowire.JSONOptions{Library: marked{}, Revive: func(v any) any { return v }}
	var dynamic struct{ N any }
	if err := read(t, o, `3[{"N":1}]`).Decode(0, &dynamic); err != nil || dynamic.N != 1.0 {
		t.Errorf("with Revive the library read an interface: %v, %v", dynamic, err)
	}
}

func TestReplace(t *testing.T) {
	t.Parallel()
	type event struct {
		At   time.Time
		Big  *big.Int
		List []big.Int
		Any  any
	}
	at, two := time.UnixMilli(5), big.NewInt(2)
	o := siowire.JSONOptions{Library: marked{}, Replace: func(v any) (any, bool) {
		switch v := v.(type) {
		case time.Time:
			return map[string]any{"$date": v.UnixMilli()}, true
		case big.Int:
			return v.String() + "n", true
		case int:
			return v + 1, true
		}
		return nil, false
	}}
	for _, test := range []struct {
		rule string
		arg  any
		want string
	}{
		{"an argument, and the values within the result", at, `3[{"$date":5}]`},
		{"what a pointer holds", two, `3["2n"]`},
		{"deep in lists and maps", []any{map[string]any{"a": at}}, `3[[{"a":{"$date":5}}]]`},
		{"deep in structs", event{at, two, []big.Int{*two}, at}, `3[{"At":{"$date":5},"Big":"2n","List":["2n"],"Any":{"$date":5}}]`},
		{"nil is not asked about", event{List: []big.Int{}, Any: (*int)(nil)}, `3[{"At":{"$date":-62135596800000},"Big":null,"List":[],"Any":null}]`},
		{"a number, once", 1, `3[2]`},
		{"a number in a typed map, but not its key", map[int]int{1: 1}, `3[{"1":2}]`},
		{"numbers in a typed list", []int{1, 2}, `3[[2,3]]`},
	} {
		if got := write(t, o, test.arg); got != test.want {
			t.Errorf("%s: %s, want %s", test.rule, got, test.want)
		}
	}
	raw := read(t, siowire.JSONOptions{}, `3[1]`).Raw(0)
	if got := write(t, o, raw, []any{raw}, struct{ R siowire.Raw }{raw}); got != `3[1,[1],{"R":1}]` {
		t.Errorf("a Raw was replaced: %s", got)
	}
}

func TestReplaceWithBytes(t *testing.T) {
	t.Parallel()
	type id [2]byte
	o := siowire.JSONOptions{Replace: func(v any) (any, bool) {
		v2, ok := v.(id)
		return v2[:], ok
	}}
	head, attachments, err := siowire.JSONWith(o).AppendArgs(nil, siowire.Header{Type: siowire.Ack}, "", []any{[]id{{1, 2}, {3, 4}}})
	want := `62-[[{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]]`
	if diff := cmp.Diff([][]byte{{1, 2}, {3, 4}}, attachments); err != nil || string(head) != want || diff != "" {
		t.Errorf("got %s, %v\n%s", head, err, diff)
	}
}

func TestReplaceWithoutEnd(t *testing.T) {
	t.Parallel()
	type endless struct{ A any }
	o := siowire.JSONOptions{Replace: func(v any) (any, bool) {
		_, ok := v.(endless)
		return []any{endless{}}, ok
	}}
	if _, _, err := siowire.JSONWith(o).AppendArgs(nil, siowire.Header{Type: siowire.Ack}, "", []any{endless{}}); err == nil {
		t.Error("a value that contains itself was written")
	}
}

func TestRevive(t *testing.T) {
	t.Parallel()
	o := siowire.JSONOptions{Revive: func(v any) any {
		switch v := v.(type) {
		case map[string]any:
			if ms, ok := v["$date"].(float64); ok {
				return time.UnixMilli(int64(ms)).UTC()
			}
		case []byte:
			return string(v)
		}
		return v
	}}
	args := read(t, o, `61-[{"$date":5},[{"a":{"$date":6},"b":{"_placeholder":true,"num":0}}]]`, []byte("bytes"))
	five, six := time.UnixMilli(5).UTC(), time.UnixMilli(6).UTC()
	var first, second any
	var inStruct []struct{ A any }
	if err := errors.Join(args.Decode(0, &first), args.Decode(1, &second), args.Decode(1, &inStruct)); err != nil {
		t.Fatal(err)
	}
	want := []any{five, []any{map[string]any{"a": six, "b": "bytes"}}, six}
	if diff := cmp.Diff(want, []any{first, second, inStruct[0].A}); diff != "" {
		t.Error(diff)
	}
}

func TestRawTellsWhereItCameFrom(t *testing.T) {
	t.Parallel()
	raw := read(t, siowire.JSONOptions{}, `61-[{"_placeholder":true,"num":0}]`, []byte{7}).Raw(0)
	if diff := cmp.Diff([][]byte{{7}}, raw.Attachments()); diff != "" || raw.Codec() == nil {
		t.Errorf("codec %v, attachments:\n%s", raw.Codec(), diff)
	}
	if c := (siowire.Raw{}).Codec(); c != nil {
		t.Errorf("the zero Raw came from %v", c)
	}
}
