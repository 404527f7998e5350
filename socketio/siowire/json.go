package siowire

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"unicode/utf8"

	"github.com/sockeye-io/sockeye/socketio/siowire/internal/gojson"
)

// JSON returns the parser that every Socket.IO client uses by default. What it
// has learned about Go types is kept for as long as the parser is: make one and
// share it.
func JSON() Parser { return JSONWith(JSONOptions{}) }

// JSONOptions changes how a JSON parser writes and reads values. What is nil costs
// nothing. The functions and methods may be called from any number of goroutines at
// once, and must not keep what they are given.
type JSONOptions struct {
	// Library writes and reads structs and whatever else is neither a string, a
	// number, a bool, a []any, a map[string]any nor a Raw, in place of the library
	// built in, with its own rules about them. It is not given what may hold binary
	// data: it writes no type that has a []byte, a Raw or an interface within it, and
	// reads no packet with attachments and no type with a Raw.
	Library JSONLibrary

	// Replace is asked about every value before it is written, however deep within
	// an argument it is, as JSON.stringify asks a replacer: if it returns true, its
	// result is written in place of v, and asked about only the values within it. It is
	// not asked about nil, pointers and interfaces, but about what they hold, nor about
	// a Raw, names of events and keys of maps. With it, Library writes nothing.
	Replace func(v any) (result any, ok bool)

	// Revive is called with every value that is decoded for a Go value of type any,
	// the innermost first, as JSON.parse calls a reviver, and returns the one to keep.
	// Values of other types know their form by UnmarshalJSON. With it, Library reads
	// no type that has an interface within it.
	Revive func(v any) any
}

// JSONLibrary is another implementation of JSON, such as encoding/json. Its methods
// may be called from any number of goroutines at once.
type JSONLibrary interface {
	// Marshal returns the JSON text of v, which is checked before it is sent and
	// belongs to the caller. An error is one of the *EncodeError that the emit returns.
	Marshal(v any) ([]byte, error)
	// Unmarshal decodes text, which is valid and must be neither kept nor written to,
	// into what the pointer dst points to.
	Unmarshal(text []byte, dst any) error
}

// JSONWith returns a JSON parser with options. Its packets are those of JSON: a
// client cannot tell the two apart but by the values.
func JSONWith(o JSONOptions) Parser { return &jsonParser{options: o} }

// jsonParser is the Parser and the Codec of JSON text.
type jsonParser struct {
	options      JSONOptions                   // static
	config       atomic.Pointer[decoderConfig] // of the latest decoder
	shapes       gojson.Shapes
	marshalers   sync.Pool // of *marshaler
	unmarshalers sync.Pool // of *unmarshaler
}

// shape tells what may stand within values of v's type.
func (p *jsonParser) shape(v any) gojson.Shape {
	return p.shapes.Of(reflect.TypeOf(v), reflect.TypeFor[Raw]())
}

// Binary implements Parser.
func (p *jsonParser) Binary() bool { return false }

// NewDecoder implements Parser.
func (p *jsonParser) NewDecoder(l Limits) Decoder {
	c := p.config.Load()
	if c == nil || c.given != l {
		c = newDecoderConfig(p, l)
		p.config.Store(c)
	}
	return &jsonDecoder{config: c}
}

// AppendArgs implements Parser.
func (p *jsonParser) AppendArgs(dst []byte, h Header, name string, args []any) (head []byte, attachments [][]byte, err error) {
	if h.Type != Event && h.Type != Ack {
		return dst, nil, &EncodeError{Arg: -1, Err: ErrPayload}
	}
	if h.Type == Event && Reserved(name) {
		return dst, nil, &EncodeError{Arg: -1, Err: ErrReserved}
	}
	start := len(dst)
	head, err = appendHeader(dst, h)
	if err != nil {
		return dst, nil, &EncodeError{Arg: -1, Err: err}
	}
	body := len(head)
	e := encoder{parser: p}
	head = append(head, '[')
	if h.Type == Event {
		head = appendString(head, name)
	}
	for i, v := range args {
		if i > 0 || h.Type == Event {
			head = append(head, ',')
		}
		if head, err = e.append(head, v); err != nil {
			return head[:start], nil, &EncodeError{Arg: i, Err: err}
		}
	}
	head = append(head, ']')
	if len(e.attachments) == 0 {
		return head, nil, nil
	}
	if err := checkPlaceholders(head[body:], len(e.attachments)); err != nil {
		return head[:start], nil, &EncodeError{Arg: -1, Err: err}
	}
	head[start] += byte(binaryEvent - Event)
	var count [20]byte
	head = slices.Insert(head, start+1, append(strconv.AppendInt(count[:0], int64(len(e.attachments)), 10), '-')...)
	return head, e.attachments, nil
}

// AppendValue implements Parser.
func (p *jsonParser) AppendValue(dst []byte, h Header, v any) ([]byte, error) {
	if h.Type != Connect && h.Type != Disconnect && h.Type != ConnectError {
		return dst, &EncodeError{Arg: -1, Err: ErrPayload}
	}
	start := len(dst)
	head, err := appendHeader(dst, h)
	if err != nil {
		return dst, &EncodeError{Arg: -1, Err: err}
	}
	if v == nil {
		return head, nil
	}
	body := len(head)
	e := encoder{parser: p}
	if head, err = e.append(head, v); err != nil {
		return head[:start], &EncodeError{Arg: -1, Err: err}
	}
	first := head[body]
	switch {
	case len(e.attachments) > 0:
		err = ErrBinary
	case first == '{' && h.Type != Disconnect:
	case first == '"' && h.Type == ConnectError:
	default:
		err = ErrPayload
	}
	if err != nil {
		return head[:start], &EncodeError{Arg: -1, Err: err}
	}
	return head, nil
}

// appendHeader appends what stands ahead of the payload.
func appendHeader(dst []byte, h Header) ([]byte, error) {
	dst = append(dst, '0'+byte(h.Type))
	if h.Namespace != "" && h.Namespace != "/" {
		if h.Namespace[0] != '/' || strings.IndexByte(h.Namespace, ',') >= 0 || !utf8.ValidString(h.Namespace) {
			return nil, ErrNamespace
		}
		dst = append(dst, h.Namespace...)
		dst = append(dst, ',')
	}
	if h.HasID {
		dst = strconv.AppendUint(dst, h.ID, 10)
	}
	return dst, nil
}

// checkPlaceholders makes sure that every receiver finds the attachments where
// they belong. It fails if some value only looks like a placeholder.
func checkPlaceholders(list []byte, attachments int) error {
	s := scanner{b: list, depth: len(list), seen: newPlaceholders(attachments)}
	s.value(0)
	if s.err == nil && !s.seen.complete() {
		return ErrPlaceholder
	}
	return s.err
}
