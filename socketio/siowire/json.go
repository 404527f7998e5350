package siowire

import (
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"unicode/utf8"
)

// JSON returns the parser that every Socket.IO client uses by default. What it
// has learned about Go types is kept for as long as the parser is: make one and
// share it.
func JSON() Parser { return new(jsonParser) }

// jsonParser is the Parser and the Codec of JSON text.
type jsonParser struct {
	config       atomic.Pointer[decoderConfig] // of the latest decoder
	shapes       sync.Map                      // of reflect.Type to shape
	marshalers   sync.Pool                     // of *marshaler
	unmarshalers sync.Pool                     // of *unmarshaler
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
