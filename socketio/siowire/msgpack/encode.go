package msgpack

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tinylib/msgp/msgp"

	"github.com/sockeye-io/sockeye/socketio/siowire"
	"github.com/sockeye-io/sockeye/socketio/siowire/internal/gojson"
)

// encoder writes the arguments of one packet.
type encoder struct {
	parser *parser
	depth  int // of the lists and maps that append is in
}

// maxDepth is how deeply append follows lists and maps that might contain
// themselves. Decoders refuse such packets much earlier.
const maxDepth = 10_000

var errDepth = errors.New("lists and maps are nested too deeply, or contain themselves")

// append appends v to dst. After an error dst holds only part of it.
func (e *encoder) append(dst []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return msgp.AppendNil(dst), nil
	case string:
		return appendString(dst, v), nil
	case []byte:
		return msgp.AppendBytes(dst, v), nil
	case bool:
		return msgp.AppendBool(dst, v), nil
	case int:
		return appendInt(dst, int64(v)), nil
	case int32:
		return appendInt(dst, int64(v)), nil
	case int64:
		return appendInt(dst, v), nil
	case uint:
		return msgp.AppendUint64(dst, uint64(v)), nil
	case uint32:
		return msgp.AppendUint64(dst, uint64(v)), nil
	case uint64:
		return msgp.AppendUint64(dst, v), nil
	case float64:
		return appendFloat(dst, v), nil
	case float32:
		return appendFloat32(dst, v), nil
	case time.Time:
		return appendTime(dst, v), nil
	case siowire.Raw:
		return e.raw(dst, v)
	case json.RawMessage:
		if len(v) == 0 { // null, as for encoding/json
			return msgp.AppendNil(dst), nil
		}
	case []any:
		return e.list(dst, v)
	case map[string]any:
		return e.object(dst, v)
	}
	return e.marshal(dst, v)
}

func (e *encoder) list(dst []byte, list []any) (_ []byte, err error) {
	if e.depth++; e.depth > maxDepth {
		return dst, errDepth
	}
	dst = msgp.AppendArrayHeader(dst, uint32(len(list)))
	for _, v := range list {
		if dst, err = e.append(dst, v); err != nil {
			return dst, err
		}
	}
	e.depth--
	return dst, nil
}

func (e *encoder) object(dst []byte, m map[string]any) (_ []byte, err error) {
	if e.depth++; e.depth > maxDepth {
		return dst, errDepth
	}
	dst = msgp.AppendMapHeader(dst, uint32(len(m)))
	for key, v := range m {
		if dst, err = e.append(appendString(dst, key), v); err != nil {
			return dst, err
		}
	}
	e.depth--
	return dst, nil
}

// raw appends r as it came, if it came by this package.
func (e *encoder) raw(dst []byte, r siowire.Raw) ([]byte, error) {
	if _, ok := r.Codec().(*parser); ok {
		return append(dst, r.Bytes()...), nil
	}
	var v any
	if err := r.Decode(&v); err != nil {
		return dst, err
	}
	return e.append(dst, v)
}

// appendString appends s. Bytes that are not UTF-8 become U+FFFD.
func appendString(dst []byte, s string) []byte {
	if !utf8.ValidString(s) {
		var valid strings.Builder
		for _, r := range s {
			valid.WriteRune(r)
		}
		s = valid.String()
	}
	return msgp.AppendString(dst, s)
}

// appendInt appends the shortest form, as the reference does it.
func appendInt(dst []byte, i int64) []byte {
	if i >= 0 {
		return msgp.AppendUint64(dst, uint64(i))
	}
	return msgp.AppendInt64(dst, i)
}

// appendFloat appends f as JavaScript does, whose numbers are all floats: one that
// is an integer of 64 bits is written as one.
func appendFloat(dst []byte, f float64) []byte {
	if f == math.Trunc(f) {
		switch {
		case f >= 0 && f < 1<<64:
			return msgp.AppendUint64(dst, uint64(f))
		case f < 0 && f >= -1<<63:
			return msgp.AppendInt64(dst, int64(f))
		}
	}
	if math.IsNaN(f) {
		f = math.Float64frombits(0x7ff8 << 48) // the only one that JavaScript has
	}
	return msgp.AppendFloat64(dst, f)
}

// appendFloat32 appends the float64 that has the same shortest decimal form as f,
// which is what a reader of JSON would see.
func appendFloat32(dst []byte, f float32) []byte {
	wide := float64(f)
	if !math.IsNaN(wide) && !math.IsInf(wide, 0) {
		var text [32]byte
		wide, _ = strconv.ParseFloat(string(gojson.AppendFloat(text[:0], wide, 32)), 64) // our own text is a number
	}
	return appendFloat(dst, wide)
}

// The extensions of the reference. undefined and time are told apart by their
// length; bytes have a length of their own.
const (
	extension = 0
	timeLead  = 0xd7 // fixext 8
)

// appendTime appends a Date of JavaScript.
func appendTime(dst []byte, t time.Time) []byte {
	return binary.BigEndian.AppendUint64(append(dst, timeLead, extension), uint64(t.UnixMilli()))
}
