package msgpack

import (
	"errors"
	"math"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"unicode/utf8"

	"github.com/tinylib/msgp/msgp"

	"github.com/sockeye-io/sockeye/socketio/siowire"
	"github.com/sockeye-io/sockeye/socketio/siowire/internal/gojson"
)

// What is wrong with a message, for errors.Is on the *siowire.ParseError of a
// decoder, beside the errors of siowire.
var (
	ErrInvalid = errors.New("invalid MessagePack")
	ErrText    = errors.New("text message where packets are binary")
)

// New returns the parser. What it has learned about Go types is kept for as long
// as the parser is: make one and share it.
func New() siowire.Parser { return new(parser) }

// parser is the siowire.Parser and the siowire.Codec of MessagePack.
type parser struct {
	decoder      atomic.Pointer[decoder] // the latest
	shapes       gojson.Shapes
	marshalers   sync.Pool // of *marshaler
	unmarshalers sync.Pool // of *unmarshaler
}

// shape tells what may stand within values of v's type.
func (p *parser) shape(v any) gojson.Shape {
	return p.shapes.Of(reflect.TypeOf(v), reflect.TypeFor[siowire.Raw]())
}

// Binary implements siowire.Parser.
func (p *parser) Binary() bool { return true }

// NewDecoder implements siowire.Parser. A packet is one message, so decoders
// remember nothing, and connections with the same limits share one.
func (p *parser) NewDecoder(l siowire.Limits) siowire.Decoder {
	d := p.decoder.Load()
	if d == nil || d.given != l {
		d = newDecoder(p, l)
		p.decoder.Store(d)
	}
	return d
}

// AppendArgs implements siowire.Parser.
func (p *parser) AppendArgs(dst []byte, h siowire.Header, name string, args []any) (head []byte, attachments [][]byte, err error) {
	n := len(args)
	switch {
	case h.Type == siowire.Event && siowire.Reserved(name):
		return dst, nil, &siowire.EncodeError{Arg: -1, Err: siowire.ErrReserved}
	case h.Type == siowire.Event:
		n++
	case h.Type != siowire.Ack:
		return dst, nil, &siowire.EncodeError{Arg: -1, Err: siowire.ErrPayload}
	}
	head, err = appendHeader(dst, h, true)
	if err != nil {
		return dst, nil, &siowire.EncodeError{Arg: -1, Err: err}
	}
	head = msgp.AppendArrayHeader(head, uint32(n))
	if h.Type == siowire.Event {
		head = appendString(head, name)
	}
	e := encoder{parser: p}
	for i, v := range args {
		if head, err = e.append(head, v); err != nil {
			return head[:len(dst)], nil, &siowire.EncodeError{Arg: i, Err: err}
		}
	}
	if uint64(len(head)-len(dst)) > math.MaxUint32 {
		return head[:len(dst)], nil, &siowire.EncodeError{Arg: -1, Err: siowire.ErrTooLong}
	}
	return head, nil, nil
}

// AppendValue implements siowire.Parser. A ConnectError has to have a payload,
// because the reference refuses one without.
func (p *parser) AppendValue(dst []byte, h siowire.Header, v any) ([]byte, error) {
	fail := func(err error) ([]byte, error) { return dst, &siowire.EncodeError{Arg: -1, Err: err} }
	head, err := appendHeader(dst, h, v != nil)
	if err != nil {
		return fail(err)
	}
	if v == nil {
		if h.Type != siowire.Connect && h.Type != siowire.Disconnect {
			return fail(siowire.ErrPayload)
		}
		return head, nil
	}
	body := len(head)
	e := encoder{parser: p}
	if head, err = e.append(head, v); err != nil {
		return fail(err)
	}
	switch payload := msgp.NextType(head[body:]); {
	case payload == msgp.MapType && (h.Type == siowire.Connect || h.Type == siowire.ConnectError):
	case payload == msgp.StrType && h.Type == siowire.ConnectError:
	default:
		return fail(siowire.ErrPayload)
	}
	return head, nil
}

// The keys of a packet.
const (
	keyType      = "type"
	keyNamespace = "nsp"
	keyID        = "id"
	keyData      = "data"
)

// appendHeader appends a packet up to where its payload begins, if it has one.
func appendHeader(dst []byte, h siowire.Header, payload bool) ([]byte, error) {
	namespace := h.Namespace
	if namespace == "" {
		namespace = "/"
	}
	if !strings.HasPrefix(namespace, "/") || !utf8.ValidString(namespace) {
		return dst, siowire.ErrNamespace
	}
	keys := uint32(2)
	if h.HasID {
		keys++
	}
	if payload {
		keys++
	}
	dst = msgp.AppendMapHeader(dst, keys)
	dst = msgp.AppendUint8(msgp.AppendString(dst, keyType), uint8(h.Type))
	dst = msgp.AppendString(msgp.AppendString(dst, keyNamespace), namespace)
	if h.HasID {
		dst = msgp.AppendUint64(msgp.AppendString(dst, keyID), h.ID)
	}
	if payload {
		dst = msgp.AppendString(dst, keyData)
	}
	return dst, nil
}
