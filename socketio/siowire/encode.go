package siowire

import (
	"encoding/json"
	"errors"
	"reflect"
	"strconv"
	"unicode/utf8"

	"github.com/sockeye-io/sockeye/socketio/siowire/internal/gojson"
)

// encoder writes the arguments of one packet.
type encoder struct {
	parser      *jsonParser
	attachments [][]byte
	depth       int // of the lists and maps that append is in
}

// maxDepth is how deeply append follows lists and maps that might contain
// themselves. Decoders refuse such packets much earlier.
const maxDepth = 10_000

var errDepth = errors.New("lists and maps are nested too deeply, or contain themselves")

// append appends the JSON text of v to dst. After an error dst holds only part of it.
func (e *encoder) append(dst []byte, v any) ([]byte, error) {
	if replace := e.parser.options.Replace; replace != nil && replaceable(reflect.TypeOf(v)) {
		if result, ok := replace(v); ok {
			v = result
		}
	}
	return e.asked(dst, v)
}

// asked is append for a value that Replace has been asked about.
func (e *encoder) asked(dst []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return append(dst, "null"...), nil
	case string:
		return appendString(dst, v), nil
	case []byte:
		return e.attach(dst, v), nil
	case bool:
		return strconv.AppendBool(dst, v), nil
	case int:
		return strconv.AppendInt(dst, int64(v), 10), nil
	case int32:
		return strconv.AppendInt(dst, int64(v), 10), nil
	case int64:
		return strconv.AppendInt(dst, v, 10), nil
	case uint:
		return strconv.AppendUint(dst, uint64(v), 10), nil
	case uint32:
		return strconv.AppendUint(dst, uint64(v), 10), nil
	case uint64:
		return strconv.AppendUint(dst, v, 10), nil
	case float64:
		return gojson.AppendFloat(dst, v, 64), nil
	case float32:
		return gojson.AppendFloat(dst, float64(v), 32), nil
	case Raw:
		return e.raw(dst, v)
	case json.RawMessage:
		return appendText(dst, v)
	case []any:
		return e.list(dst, v)
	case map[string]any:
		return e.object(dst, v)
	}
	return e.marshal(dst, v)
}

func (e *encoder) list(dst []byte, list []any) ([]byte, error) {
	if e.depth++; e.depth > maxDepth {
		return dst, errDepth
	}
	dst = append(dst, '[')
	for i, v := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = e.append(dst, v); err != nil {
			return dst, err
		}
	}
	e.depth--
	return append(dst, ']'), nil
}

func (e *encoder) object(dst []byte, m map[string]any) ([]byte, error) {
	if e.depth++; e.depth > maxDepth {
		return dst, errDepth
	}
	dst = append(dst, '{')
	first := true
	for key, v := range m {
		if !first {
			dst = append(dst, ',')
		}
		first = false
		var err error
		if dst, err = e.append(append(appendString(dst, key), ':'), v); err != nil {
			return dst, err
		}
	}
	e.depth--
	return append(dst, '}'), nil
}

// attach appends the placeholder of a copy of b.
func (e *encoder) attach(dst, b []byte) []byte {
	dst = appendPlaceholder(dst, len(e.attachments))
	e.attachments = append(e.attachments, append([]byte{}, b...))
	return dst
}

// raw appends r with its attachments numbered anew.
func (e *encoder) raw(dst []byte, r Raw) ([]byte, error) {
	if r.codec == nil {
		return append(dst, "null"...), nil
	}
	if _, ok := r.codec.(*jsonParser); !ok {
		var v any
		if err := r.decode(&v); err != nil {
			return dst, err
		}
		return e.append(dst, v)
	}
	if len(r.attachments) == 0 {
		return append(dst, r.text...), nil
	}
	s := scanner{b: r.text, depth: len(r.text), seen: newPlaceholders(len(r.attachments))}
	s.value(0)
	last := 0
	for _, p := range s.seen.list {
		dst = append(dst, r.text[last:p.start]...)
		dst = e.attach(dst, r.attachments[p.num])
		last = p.end
	}
	return append(dst, r.text[last:]...), s.err
}

// appendText appends JSON text that the program wrote by itself. None at all is
// null, as for encoding/json.
func appendText(dst, text []byte) ([]byte, error) {
	if len(text) == 0 {
		return append(dst, "null"...), nil
	}
	s := scanner{b: text, depth: len(text)}
	start := s.space(0)
	end := s.value(start)
	if s.err == nil && s.space(end) < len(text) {
		s.fail(end, ErrSyntax)
	}
	if s.err == nil && s.high&highs != 0 && !utf8.Valid(text) {
		s.fail(start, ErrUTF8)
	}
	if s.err != nil {
		return dst, &ParseError{Offset: s.errAt, Err: s.err}
	}
	return append(dst, text[start:end]...), nil
}

const hexDigits = "0123456789abcdef"

// appendString appends s in quotes, escaped as JSON.stringify does it. Bytes that
// are not UTF-8 become U+FFFD.
func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	plain := 0 // s[plain:i] needs no change
	for i := 0; i < len(s); {
		for len(s)-i >= 8 {
			w := uint64(s[i]) | uint64(s[i+1])<<8 | uint64(s[i+2])<<16 | uint64(s[i+3])<<24 |
				uint64(s[i+4])<<32 | uint64(s[i+5])<<40 | uint64(s[i+6])<<48 | uint64(s[i+7])<<56
			if stops(w)|w&highs != 0 {
				break
			}
			i += 8
		}
		if i == len(s) {
			break
		}
		c := s[i]
		if c >= ' ' && c < utf8.RuneSelf && c != '"' && c != '\\' {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			if r, n := utf8.DecodeRuneInString(s[i:]); r != utf8.RuneError || n > 1 {
				i += n
				continue
			}
		}
		dst = append(dst, s[plain:i]...)
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\b':
			dst = append(dst, `\b`...)
		case '\f':
			dst = append(dst, `\f`...)
		case '\n':
			dst = append(dst, `\n`...)
		case '\r':
			dst = append(dst, `\r`...)
		case '\t':
			dst = append(dst, `\t`...)
		default:
			if c < ' ' {
				dst = append(dst, `\u00`...)
				dst = append(dst, hexDigits[c>>4], hexDigits[c&0xf])
			} else {
				dst = append(dst, "\uFFFD"...)
			}
		}
		i++
		plain = i
	}
	dst = append(dst, s[plain:]...)
	return append(dst, '"')
}
