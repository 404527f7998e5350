package siowire_test

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/sockeye-io/sockeye/socketio/siowire"
)

// wordParser is a parser of one's own, for clients that are as simple: a packet is one
// text message of fields with a bar between them, the first of which are the type,
// the namespace and the acknowledgement id. Values are words.
type wordParser struct{}

func (wordParser) Binary() bool                                { return false }
func (wordParser) NewDecoder(l siowire.Limits) siowire.Decoder { return wordParser{} } // decoders remember nothing here
func (wordParser) Buffered() int                               { return 0 }

func (wordParser) AppendArgs(dst []byte, h siowire.Header, name string, args []any) ([]byte, [][]byte, error) {
	head := appendHead(dst, h)
	if h.Type == siowire.Event {
		head = append(append(head, '|'), name...)
	}
	for i, v := range args {
		switch v := v.(type) {
		case string:
			head = append(append(head, '|'), v...)
		case siowire.Raw: // one that came in: words travels on as it is
			head = append(append(head, '|'), v.Bytes()...)
		default:
			return dst, nil, &siowire.EncodeError{Arg: i, Err: errors.ErrUnsupported}
		}
	}
	return head, nil, nil
}

func (wordParser) AppendValue(dst []byte, h siowire.Header, v any) ([]byte, error) {
	head := appendHead(dst, h)
	if v != nil {
		head = fmt.Appendf(head, "|%v", v)
	}
	return head, nil
}

func appendHead(dst []byte, h siowire.Header) []byte {
	id := ""
	if h.HasID {
		id = strconv.FormatUint(h.ID, 10)
	}
	return fmt.Appendf(dst, "%d|%s|%s", h.Type, h.Namespace, id)
}

func (w wordParser) Add(msg []byte, binary bool) (p siowire.Packet, ok bool, err error) {
	fields := bytes.Split(msg, []byte("|"))
	if binary || len(fields) < 3 || len(fields[0]) != 1 || fields[0][0]-'0' > 4 {
		return p, false, &siowire.ParseError{Err: siowire.ErrType}
	}
	p.Type = siowire.Type(fields[0][0] - '0')
	if p.Namespace = fields[1]; !bytes.HasPrefix(p.Namespace, []byte("/")) {
		return p, false, &siowire.ParseError{Err: siowire.ErrNamespace}
	}
	if len(fields[2]) > 0 {
		p.HasID = true
		if p.ID, err = strconv.ParseUint(string(fields[2]), 10, 64); err != nil {
			return p, false, &siowire.ParseError{Err: siowire.ErrID}
		}
	}
	at, rest := len(fields[0])+len(fields[1])+len(fields[2])+3, fields[3:]
	if p.Type == siowire.Event && len(rest) > 0 {
		p.Name = rest[0]
		at, rest = at+len(p.Name)+1, rest[1:]
	}
	var spans []siowire.Span
	for _, word := range rest {
		spans = append(spans, siowire.Span{Start: uint32(at), End: uint32(at + len(word))})
		at += len(word) + 1
	}
	p.Args = siowire.NewArgs(w, msg, spans, nil)
	return p, true, nil
}

// DecodeValue is what Args.Decode calls. An any has to be decoded, so that a
// parser of another kind can send the value on.
func (wordParser) DecodeValue(value []byte, _ [][]byte, dst any) error {
	switch p := dst.(type) {
	case *string:
		*p = string(value)
	case *any:
		*p = string(value)
	default:
		return errors.ErrUnsupported
	}
	return nil
}

// A program may bring a parser of its own, for clients that have the same one.
func ExampleParser() {
	var parser siowire.Parser = wordParser{} // for socketio.Options.Parser

	p, _, err := parser.NewDecoder(siowire.Limits{}).Add([]byte("2|/chat|7|say|hello|world"), false)
	if err != nil {
		fmt.Println(err)
		return
	}
	var word string
	err = p.Args.Decode(1, &word)
	fmt.Println(p.Type, string(p.Namespace), p.ID, string(p.Name), p.Args.Len(), word, err)

	reply, _, err := parser.AppendArgs(nil, siowire.Header{Type: siowire.Ack, Namespace: "/chat", ID: p.ID, HasID: true}, "", []any{"heard", p.Args.Raw(0)})
	fmt.Println(string(reply), err)

	relayed, _, err := siowire.JSON().AppendArgs(nil, siowire.Header{Type: siowire.Event}, "say", []any{p.Args.Raw(1)})
	fmt.Println(string(relayed), err)
	// Output:
	// EVENT /chat 7 say 2 world <nil>
	// 3|/chat|7|heard|hello <nil>
	// 2["say","world"] <nil>
}

// Values that JSON has no form for can have one that both ends agree on.
func ExampleJSONWith() {
	parser := siowire.JSONWith(siowire.JSONOptions{
		Replace: func(v any) (any, bool) {
			at, ok := v.(time.Time)
			return "date:" + at.UTC().Format(time.DateOnly), ok
		},
		Revive: func(v any) any {
			if s, ok := v.(string); ok && strings.HasPrefix(s, "date:") {
				if at, err := time.Parse(time.DateOnly, s[len("date:"):]); err == nil {
					return at
				}
			}
			return v
		},
	})
	head, _, err := parser.AppendArgs(nil, siowire.Header{Type: siowire.Event}, "due", []any{
		map[string]any{"at": time.Date(2026, time.May, 1, 12, 0, 0, 0, time.UTC)},
	})
	fmt.Println(string(head), err)

	p, _, err := parser.NewDecoder(siowire.Limits{}).Add(head, false)
	if err != nil {
		fmt.Println(err)
		return
	}
	var due any
	err = p.Args.Decode(0, &due)
	fmt.Println(due, err)
	// Output:
	// 2["due",{"at":"date:2026-05-01"}] <nil>
	// map[at:2026-05-01 00:00:00 +0000 UTC] <nil>
}
