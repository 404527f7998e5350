package siowire_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"github.com/sockeye-io/sockeye/socketio/siowire"
)

// packet is a decoded packet in a form that can be written down and compared.
type packet struct {
	Type  siowire.Type
	NS    string
	ID    uint64
	HasID bool
	Data  string
	Name  string
	Args  []string
}

func flatten(p siowire.Packet) packet {
	flat := packet{Type: p.Type, NS: string(p.Namespace), ID: p.ID, HasID: p.HasID, Data: string(p.Data), Name: string(p.Name)}
	for i := range p.Args.Len() {
		flat.Args = append(flat.Args, string(p.Args.Raw(i).Bytes()))
	}
	return flat
}

// add gives the decoder a text and its attachments and returns what the last of
// them completed.
func add(t *testing.T, d siowire.Decoder, text string, attachments ...[]byte) siowire.Packet {
	t.Helper()
	p, ok, err := d.Add([]byte(text), false)
	for _, a := range attachments {
		if ok || err != nil {
			break
		}
		p, ok, err = d.Add(a, true)
	}
	if err != nil || !ok {
		t.Fatalf("Add(%q) and %d attachments: complete %v, error %v", text, len(attachments), ok, err)
	}
	return p
}

func decoder() siowire.Decoder { return siowire.JSON().NewDecoder(siowire.Limits{}) }

func TestDecoderAccepts(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule, text string
		want       packet
	}{
		{"connect", "0", packet{Type: siowire.Connect, NS: "/"}},
		{"connect with auth", `0{"a":1}`, packet{Type: siowire.Connect, NS: "/", Data: `{"a":1}`, Args: []string{`{"a":1}`}}},
		{"connect with digits, read as an id", "01", packet{Type: siowire.Connect, NS: "/", ID: 1, HasID: true}},
		{"connect to a namespace", "0/admin,", packet{Type: siowire.Connect, NS: "/admin"}},
		{"the comma may be missing at the end", "0/admin", packet{Type: siowire.Connect, NS: "/admin"}},
		{"a namespace keeps its query", `0/a?b=c,{"d":1}`, packet{Type: siowire.Connect, NS: "/a?b=c", Data: `{"d":1}`, Args: []string{`{"d":1}`}}},
		{"a namespace ends at a comma only", `2/["x"]`, packet{Type: siowire.Event, NS: `/["x"]`}},
		{"a namespace may have any character", "1/ü \x01", packet{Type: siowire.Disconnect, NS: "/ü \x01"}},
		{"disconnect", "1", packet{Type: siowire.Disconnect, NS: "/"}},
		{"connect error with an object", `4{"message":"no"}`, packet{Type: siowire.ConnectError, NS: "/", Data: `{"message":"no"}`, Args: []string{`{"message":"no"}`}}},
		{"connect error with a string", `4"no"`, packet{Type: siowire.ConnectError, NS: "/", Data: `"no"`, Args: []string{`"no"`}}},
		{"connect error with nothing", "4", packet{Type: siowire.ConnectError, NS: "/"}},
		{"event without arguments", `2["x"]`, packet{Type: siowire.Event, NS: "/", Data: `["x"]`, Name: "x"}},
		{"event without payload", "2", packet{Type: siowire.Event, NS: "/"}},
		{"event on the written main namespace", `2/,["x"]`, packet{Type: siowire.Event, NS: "/", Data: `["x"]`, Name: "x"}},
		{"event with an id", `2/a,12["x",1]`, packet{Type: siowire.Event, NS: "/a", ID: 12, HasID: true, Data: `["x",1]`, Name: "x", Args: []string{"1"}}},
		{"the highest id", `218446744073709551615["x"]`, packet{Type: siowire.Event, NS: "/", ID: 1<<64 - 1, HasID: true, Data: `["x"]`, Name: "x"}},
		{"zeros ahead of an id", `3007[]`, packet{Type: siowire.Ack, NS: "/", ID: 7, HasID: true, Data: "[]"}},
		{"a number as the name", `2[1.5e2,2]`, packet{Type: siowire.Event, NS: "/", Data: "[1.5e2,2]", Name: "1.5e2", Args: []string{"2"}}},
		{"an empty name", `2[""]`, packet{Type: siowire.Event, NS: "/", Data: `[""]`}},
		{"an escaped name", `2["\u00e9\n\ud83d\ude00"]`, packet{Type: siowire.Event, NS: "/", Data: `["\u00e9\n\ud83d\ude00"]`, Name: "é\n😀"}},
		{"a name that only begins like a reserved one", `2["connected"]`, packet{Type: siowire.Event, NS: "/", Data: `["connected"]`, Name: "connected"}},
		{
			"white space within and behind the text", "2[ \"x\" ,\t{ \"a\" : [ ] , \"b\":{ } }\r\n, 1 ] \n",
			packet{Type: siowire.Event, NS: "/", Data: "[ \"x\" ,\t{ \"a\" : [ ] , \"b\":{ } }\r\n, 1 ]", Name: "x", Args: []string{"{ \"a\" : [ ] , \"b\":{ } }", "1"}},
		},
		{
			"more arguments than are kept in place", `2["x",1,"2",[3],{"4":4},null,true]`,
			packet{Type: siowire.Event, NS: "/", Data: `["x",1,"2",[3],{"4":4},null,true]`, Name: "x", Args: []string{"1", `"2"`, "[3]", `{"4":4}`, "null", "true"}},
		},
		{"every kind of number", `3[0,-0,1.5,-1e5,1E+5,2e-7,1e999]`, packet{Type: siowire.Ack, NS: "/", Data: `[0,-0,1.5,-1e5,1E+5,2e-7,1e999]`, Args: []string{"0", "-0", "1.5", "-1e5", "1E+5", "2e-7", "1e999"}}},
		{"every escape", `3["\"\\\/\b\f\n\r\t\u0000\uABcd"]`, packet{Type: siowire.Ack, NS: "/", Data: `["\"\\\/\b\f\n\r\t\u0000\uABcd"]`, Args: []string{`"\"\\\/\b\f\n\r\t\u0000\uABcd"`}}},
		{"lone surrogates", `3["\ud800","\udc00\ud800"]`, packet{Type: siowire.Ack, NS: "/", Data: `["\ud800","\udc00\ud800"]`, Args: []string{`"\ud800"`, `"\udc00\ud800"`}}},
		{"duplicate keys", `3[{"a":1,"a":2}]`, packet{Type: siowire.Ack, NS: "/", Data: `[{"a":1,"a":2}]`, Args: []string{`{"a":1,"a":2}`}}},
		{"U+2028, DEL and other plain characters", "3[\"\u2028\u2029\x7f€😀\"]", packet{Type: siowire.Ack, NS: "/", Data: "[\"\u2028\u2029\x7f€😀\"]", Args: []string{"\"\u2028\u2029\x7f€😀\""}}},
		{
			"a placeholder without attachments is plain data", `2["x",{"_placeholder":true,"num":0}]`,
			packet{Type: siowire.Event, NS: "/", Data: `["x",{"_placeholder":true,"num":0}]`, Name: "x", Args: []string{`{"_placeholder":true,"num":0}`}},
		},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, flatten(add(t, decoder(), test.text))); diff != "" {
				t.Errorf("Add(%q) (-want +got):\n%s", test.text, diff)
			}
		})
	}
}

func TestDecoderNilFields(t *testing.T) {
	t.Parallel()
	if p := add(t, decoder(), "2"); p.Name != nil || p.Data != nil {
		t.Errorf("event without payload has name %q, data %q; want nil", p.Name, p.Data)
	}
	if p := add(t, decoder(), `2[""]`); p.Name == nil {
		t.Error("the empty name is nil")
	}
}

// TestDecoderRefuses has what ends a connection of the reference server, and what
// the package documentation adds to that.
func TestDecoderRefuses(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule, text string
		want       error
		offset     int
	}{
		{"an empty message", "", siowire.ErrEmpty, 0},
		{"type 7", "7", siowire.ErrType, 0},
		{"a letter as the type", "abc", siowire.ErrType, 0},
		{"white space as the type", " ", siowire.ErrType, 0},
		{"an array that does not end", `2["x",1`, siowire.ErrSyntax, 7},
		{"an object as an event", "2{}", siowire.ErrPayload, 1},
		{"an event without a name", "2[]", siowire.ErrPayload, 2},
		{"a string as an event", `2"x"`, siowire.ErrPayload, 1},
		{"null as a name", "2[null]", siowire.ErrPayload, 2},
		{"an array as a name", "2[[]]", siowire.ErrPayload, 2},
		{"connect as a name", `2["connect"]`, siowire.ErrReserved, 2},
		{"connect_error as a name", `2["connect_error"]`, siowire.ErrReserved, 2},
		{"disconnect as a name", `2["disconnect"]`, siowire.ErrReserved, 2},
		{"disconnecting as a name", `2["disconnecting"]`, siowire.ErrReserved, 2},
		{"newListener as a name", `2["newListener"]`, siowire.ErrReserved, 2},
		{"removeListener as a name", `2["removeListener",1]`, siowire.ErrReserved, 2},
		{"a reserved name in disguise", `2["\u0063onnect"]`, siowire.ErrReserved, 2},
		{"a disconnect with payload", "1{}", siowire.ErrPayload, 1},
		{"a connect with an array", "0[]", siowire.ErrPayload, 1},
		{"a connect with a string", `0"x"`, siowire.ErrPayload, 1},
		{"a connect with null", "0null", siowire.ErrPayload, 1},
		{"a connect error with an array", "4[]", siowire.ErrPayload, 1},
		{"an acknowledgement with an object", "31{}", siowire.ErrPayload, 2},
		{"no attachments", `50-["x"]`, siowire.ErrAttachments, 2},
		{"zero attachments in many digits", `5000-["x"]`, siowire.ErrAttachments, 4},
		{"an empty number of attachments", `5-["x"]`, siowire.ErrAttachments, 1},
		{"attachments without a dash", `52["x"]`, siowire.ErrAttachments, 2},
		{"a binary event without a number", `5["x"]`, siowire.ErrAttachments, 1},
		{"attachments in hexadecimal", `50x1-["x"]`, siowire.ErrAttachments, 2},
		{"attachments with a fraction", `51.0-["x"]`, siowire.ErrAttachments, 2},
		{"eleven attachments", `511-["x"]`, siowire.ErrTooManyAttached, 2},
		{"a billion attachments", `5999999999-["x"]`, siowire.ErrTooManyAttached, 2},
		{"a number of attachments without end", `5` + strings.Repeat("9", 1000), siowire.ErrTooManyAttached, 2},
		{"attachments without payload", "51-", siowire.ErrPlaceholder, 3},
		{"an attachment without a placeholder", `51-["x",[{"_placeholder":false,"num":0},null]]`, siowire.ErrPlaceholder, 3},
		{"a negative id", `2-1["x"]`, siowire.ErrPayload, 1},
		{"an id with a fraction", `212.5["x"]`, siowire.ErrPayload, 3},
		{"an id beyond 64 bits", `218446744073709551616["x"]`, siowire.ErrID, 20},
		{"white space as the id", `2 ["x"]`, siowire.ErrPayload, 1},
		{"white space behind the id", `21 ["x"]`, siowire.ErrPayload, 2},
		{"white space as the payload", "1 ", siowire.ErrPayload, 1},
		{"text behind the payload", `2["x"]]`, siowire.ErrSyntax, 6},
		{"a comma behind the name and nothing else", `2["x",]`, siowire.ErrSyntax, 6},
		{"two commas", `2["x",,1]`, siowire.ErrSyntax, 6},
		{"no comma", `2["x" 1]`, siowire.ErrSyntax, 6},
		{"a comma ahead of the end", `3[1,]`, siowire.ErrSyntax, 4},
		{"a member without a value", `3[{"a"}]`, siowire.ErrSyntax, 6},
		{"a member without a key", `3[{:1}]`, siowire.ErrSyntax, 3},
		{"a comma ahead of the brace", `3[{"a":1,}]`, siowire.ErrSyntax, 9},
		{"brackets that do not match", `3[{"a":[1}]]`, siowire.ErrSyntax, 9},
		{"a number with a zero ahead", "3[01]", siowire.ErrSyntax, 3},
		{"a number with a plus", "3[+1]", siowire.ErrSyntax, 2},
		{"a number without digits", "3[-]", siowire.ErrSyntax, 3},
		{"a number that ends with a point", "3[1.]", siowire.ErrSyntax, 4},
		{"a number that begins with a point", "3[.5]", siowire.ErrSyntax, 2},
		{"a number with half an exponent", "3[1e]", siowire.ErrSyntax, 4},
		{"NaN", "3[NaN]", siowire.ErrSyntax, 2},
		{"half a word", "3[tru]", siowire.ErrSyntax, 2},
		{"a word with more", "3[nullx]", siowire.ErrSyntax, 6},
		{"a string that does not end", `3["abcdefghijk`, siowire.ErrSyntax, 14},
		{"a string that ends in an escape", `3["a\`, siowire.ErrSyntax, 4},
		{"an unknown escape", `3["\x41"]`, siowire.ErrSyntax, 3},
		{"half a code unit", `3["\u12g4"]`, siowire.ErrSyntax, 3},
		{"a control character in a string", "3[\"abcdefgh\x1f\"]", siowire.ErrSyntax, 11},
		{"a control character among others", "3[\"a\n\"]", siowire.ErrSyntax, 4},
		{"a byte of zero in a string", "3[\"a\x00\"]", siowire.ErrSyntax, 4},
		{"a byte of zero between values", "3[1\x00]", siowire.ErrSyntax, 3},
		{"single quotes", "3['a']", siowire.ErrSyntax, 2},
		{"a comment", "3[/**/]", siowire.ErrSyntax, 2},
		{"white space that is not JSON's", "3[\u00a01]", siowire.ErrSyntax, 2},
		{"broken UTF-8 in a string", "3[\"\xff\"]", siowire.ErrUTF8, 1},
		{"broken UTF-8 in a long string", "3[\"aaaaaaaaaaaaaaaaaaaa\xe2\x82aaaaaaaaaaaaaaaaaaaaaaa\"]", siowire.ErrUTF8, 1},
		{"a surrogate written as UTF-8", "3[\"\xed\xa0\x80\"]", siowire.ErrUTF8, 1},
		{"broken UTF-8 in a namespace", "1/\xff", siowire.ErrUTF8, 1},
		{"a placeholder beyond the attachments", `51-["x",{"_placeholder":true,"num":1}]`, siowire.ErrPlaceholder, 8},
		{"a placeholder used twice", `52-["x",{"_placeholder":true,"num":0},{"_placeholder":true,"num":0}]`, siowire.ErrPlaceholder, 38},
		{"a negative placeholder", `51-["x",{"_placeholder":true,"num":-1}]`, siowire.ErrPlaceholder, 9},
		{"a placeholder with a fraction", `51-["x",{"_placeholder":true,"num":0.0}]`, siowire.ErrPlaceholder, 9},
		{"a placeholder with a zero ahead", `51-["x",{"_placeholder":true,"num":00}]`, siowire.ErrPlaceholder, 9},
		{"a placeholder with a string", `51-["x",{"_placeholder":true,"num":"splice"}]`, siowire.ErrPlaceholder, 9},
		{"a placeholder with no number", `51-["x",{"_placeholder":true}]`, siowire.ErrPlaceholder, 9},
		{"a placeholder with another member", `51-["x",{"_placeholder":true,"num":0,"a":1}]`, siowire.ErrPlaceholder, 9},
		{"a placeholder with a member ahead", `51-["x",{"a":1,"_placeholder":true,"num":0}]`, siowire.ErrPlaceholder, 15},
		{"a placeholder in disguise", `51-["x",{"\u005fplaceholder":true,"num":0}]`, siowire.ErrPlaceholder, 9},
		{"a second placeholder in disguise", `51-["x",{"_placeholder":true,"num":0},{"_\u0070laceholder":true,"num":0}]`, siowire.ErrPlaceholder, 39},
		{"a placeholder with a hole in it", `51-["x",{"_placeholder":true,"num":,"num":0}]`, siowire.ErrPlaceholder, 9},
		{"a placeholder cut short", `51-["x","aaaaaaaaaaaa",{"_placeholder":true,"num":`, siowire.ErrPlaceholder, 24},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			d := decoder()
			_, ok, err := d.Add([]byte(test.text), false)
			if ok || !errors.Is(err, test.want) {
				t.Fatalf("Add(%q): complete %v, error %v, want %v", test.text, ok, err, test.want)
			}
			var parse *siowire.ParseError
			if !errors.As(err, &parse) || parse.Offset != test.offset {
				t.Errorf("Add(%q): %v, want it at byte %d", test.text, err, test.offset)
			}
			if d.Buffered() != 0 {
				t.Errorf("%d bytes buffered after an error", d.Buffered())
			}
		})
	}
}

func TestDecoderAttachments(t *testing.T) {
	t.Parallel()
	text := `52-/a,7["x",{"b":[{"num":1,"_placeholder":true}]}, { "_placeholder" : true , "num" : 0 } ]`
	d := decoder()
	if _, ok, err := d.Add([]byte(text), false); ok || err != nil {
		t.Fatalf("after the text: complete %v, error %v", ok, err)
	}
	if got := d.Buffered(); got != len(text) {
		t.Errorf("Buffered() = %d after the text, want %d", got, len(text))
	}
	if _, ok, err := d.Add([]byte{1, 2, 3}, true); ok || err != nil {
		t.Fatalf("after one attachment: complete %v, error %v", ok, err)
	}
	if got := d.Buffered(); got != len(text)+3 {
		t.Errorf("Buffered() = %d after one attachment, want %d", got, len(text)+3)
	}
	p, ok, err := d.Add(nil, true)
	if !ok || err != nil {
		t.Fatalf("after both attachments: complete %v, error %v", ok, err)
	}
	if d.Buffered() != 0 {
		t.Errorf("Buffered() = %d after the packet, want 0", d.Buffered())
	}
	if p.Type != siowire.Event || p.ID != 7 || string(p.Namespace) != "/a" || p.Args.Len() != 2 {
		t.Errorf("got %+v", flatten(p))
	}
	var nested any
	var direct []byte
	if err := errors.Join(p.Args.Decode(0, &nested), p.Args.Decode(1, &direct)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(any(map[string]any{"b": []any{[]byte{}}}), nested); diff != "" {
		t.Errorf("argument 0 (-want +got):\n%s", diff)
	}
	if !bytes.Equal(direct, []byte{1, 2, 3}) {
		t.Errorf("argument 1 = %v", direct)
	}
}

func TestDecoderBinaryAck(t *testing.T) {
	t.Parallel()
	p := add(t, decoder(), `61-3[{"_placeholder":true,"num":0}]`, []byte("a"))
	if p.Type != siowire.Ack || p.ID != 3 || p.Args.Len() != 1 {
		t.Errorf("got %+v", flatten(p))
	}
}

func TestDecoderOutOfTurn(t *testing.T) {
	t.Parallel()
	t.Run("text among attachments", func(t *testing.T) {
		t.Parallel()
		d := decoder()
		if _, _, err := d.Add([]byte(`51-["x",{"_placeholder":true,"num":0}]`), false); err != nil {
			t.Fatal(err)
		}
		if _, _, err := d.Add([]byte(`2["x"]`), false); !errors.Is(err, siowire.ErrInterrupted) {
			t.Errorf("error %v, want %v", err, siowire.ErrInterrupted)
		}
		if d.Buffered() != 0 {
			t.Errorf("%d bytes buffered", d.Buffered())
		}
	})
	t.Run("an attachment of nothing", func(t *testing.T) {
		t.Parallel()
		if _, _, err := decoder().Add([]byte{1}, true); !errors.Is(err, siowire.ErrUnexpected) {
			t.Errorf("error %v, want %v", err, siowire.ErrUnexpected)
		}
	})
}

func TestLimits(t *testing.T) {
	t.Parallel()
	nested := func(depth int) string { // counting the array of the arguments
		return `2["x",` + strings.Repeat(`{"a":[`, (depth-1)/2) + strings.Repeat("[", (depth-1)%2) +
			strings.Repeat("]", (depth-1)%2) + strings.Repeat("]}", (depth-1)/2) + "]"
	}
	attached := func(n int) string {
		head, _, err := siowire.JSON().AppendArgs(nil, siowire.Header{Type: siowire.Ack}, "", []any{make([][]byte, n)})
		if err != nil {
			t.Fatal(err)
		}
		return string(head)
	}
	for _, test := range []struct {
		rule, text string
		limits     siowire.Limits
		want       error
	}{
		{"depth 512 by default", nested(512), siowire.Limits{}, nil},
		{"not 513", nested(513), siowire.Limits{}, siowire.ErrDepth},
		{"nor a hundred thousand", "3" + strings.Repeat("[", 100_000), siowire.Limits{}, siowire.ErrDepth},
		{"a depth of its own", nested(700), siowire.Limits{Depth: 700}, nil},
		{"and no more", nested(701), siowire.Limits{Depth: 700}, siowire.ErrDepth},
		{"depth 1 is a flat list", `2["x",1]`, siowire.Limits{Depth: 1}, nil},
		{"with nothing in it", `2["x",[]]`, siowire.Limits{Depth: 1}, siowire.ErrDepth},
		{"a connect's object counts", `0{"a":{}}`, siowire.Limits{Depth: 1}, siowire.ErrDepth},
		{"negative stands for the default", nested(512), siowire.Limits{Depth: -1, Attachments: -1}, nil},
		{"ten attachments by default", attached(10), siowire.Limits{}, nil},
		{"not eleven", attached(11), siowire.Limits{}, siowire.ErrTooManyAttached},
		{"a number of its own", attached(11), siowire.Limits{Attachments: 11}, nil},
		{"and one more", attached(12), siowire.Limits{Attachments: 11}, siowire.ErrTooManyAttached},
		{"a million declared, one there", `51000000-["x",{"_placeholder":true,"num":0}]`, siowire.Limits{Attachments: 1e9}, siowire.ErrPlaceholder},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			_, _, err := siowire.JSON().NewDecoder(test.limits).Add([]byte(test.text), false)
			if !errors.Is(err, test.want) {
				t.Errorf("error %v, want %v", err, test.want)
			}
		})
	}
}

// TestDecodersOfOneParser checks that decoders with other limits do not disturb
// each other.
func TestDecodersOfOneParser(t *testing.T) {
	t.Parallel()
	parser := siowire.JSON()
	flat, deep := parser.NewDecoder(siowire.Limits{Depth: 1}), parser.NewDecoder(siowire.Limits{})
	add(t, deep, `2["x",[]]`)
	if _, _, err := flat.Add([]byte(`2["x",[]]`), false); !errors.Is(err, siowire.ErrDepth) {
		t.Errorf("error %v, want %v", err, siowire.ErrDepth)
	}
}

// TestIdleDecoder holds the promise that a connection's decoder is two words.
func TestIdleDecoder(t *testing.T) {
	t.Parallel()
	if size := siowire.SizeOfJSONDecoder; size > 2*unsafe.Sizeof(uintptr(0)) {
		t.Errorf("an idle decoder takes %d bytes", size)
	}
}

func TestTypeString(t *testing.T) {
	t.Parallel()
	if got := siowire.ConnectError.String() + " " + siowire.Type(9).String(); got != "CONNECT_ERROR Type(9)" {
		t.Errorf("got %q", got)
	}
}
