package msgpack

import (
	"errors"
	"math"
	"reflect"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/tinylib/msgp/msgp"

	"github.com/sockeye-io/sockeye/socketio/siowire"
	"github.com/sockeye-io/sockeye/socketio/siowire/internal/gojson"
)

// marshaler writes values by reflection, one at a time: the JSON library writes
// their text, which is then translated. What JSON has no form for is null in the
// text and kept beside it. It is pooled because the library learns types per set of
// options.
type marshaler struct {
	known   json.Options // for types that hold all that hooks are for by its exact type
	unknown json.Options // for all others
	encoder              // of the packet being written
	text    []byte
	nulls   []null
	foreign []byte // MessagePack of the nulls
}

// null is one in the text that stands for something else.
type null struct {
	end      int64 // where it ends in the text
	from, to int   // what it stands for in foreign
}

func newMarshaler() *marshaler {
	m := new(marshaler)
	m.known = json.JoinOptions(gojson.Options(), json.WithMarshalers(json.JoinMarshalers(
		json.MarshalToFunc(m.writeBytes),
		json.MarshalToFunc(m.writeRaw),
		json.MarshalToFunc(m.writeTime),
		json.MarshalToFunc(m.writeFloat),
		json.MarshalToFunc(func(out *jsontext.Encoder, f float32) error { return m.writeFloat(out, float64(f)) }),
	)))
	m.unknown = json.JoinOptions(gojson.Options(), json.WithMarshalers(json.MarshalToFunc(m.hook)))
	return m
}

// marshal appends a value that append has no case for.
func (e *encoder) marshal(dst []byte, v any) ([]byte, error) {
	m, ok := e.parser.marshalers.Get().(*marshaler)
	if !ok {
		m = newMarshaler()
	}
	options := m.unknown
	if e.parser.shape(v)&(gojson.Named|gojson.Dynamic|gojson.Methods) == 0 {
		options = m.known
	}
	m.encoder = *e
	err := json.MarshalWrite(m, v, options)
	switch {
	case err != nil:
	case !utf8.Valid(m.text):
		err = siowire.ErrUTF8 // in text that a MarshalJSON wrote: the library mends all other
	default:
		dst = appendText(dst, m.text, m.nulls, m.foreign)
	}
	m.encoder = encoder{}
	if cap(m.text)+24*cap(m.nulls)+cap(m.foreign) <= keepBuffers {
		m.text, m.nulls, m.foreign = m.text[:0], m.nulls[:0], m.foreign[:0]
	} else {
		m.text, m.nulls, m.foreign = nil, nil, nil
	}
	e.parser.marshalers.Put(m)
	return dst, err
}

// keepBuffers is how many bytes of buffers are taken back to a pool.
const keepBuffers = 64 << 10

// Write implements io.Writer for the JSON library.
func (m *marshaler) Write(b []byte) (int, error) {
	m.text = append(m.text, b...)
	return len(b), nil
}

// hook writes what JSON has no form for, under whatever name. It is called with
// a pointer to each value within a value; errors.ErrUnsupported leaves one to the
// library.
func (m *marshaler) hook(out *jsontext.Encoder, v any) error {
	switch p := v.(type) {
	case *string, *int, *bool, *any, *map[string]any, *[]any:
		return errors.ErrUnsupported
	case *[]byte:
		return m.writeBytes(out, *p)
	case *float64:
		return m.writeFloat(out, *p)
	case *time.Time:
		return m.writeTime(out, *p)
	case *siowire.Raw:
		return m.writeRaw(out, *p)
	}
	switch e := reflect.ValueOf(v).Elem(); {
	case gojson.OwnText(e.Type()):
	case gojson.IsBytes(e.Type()):
		return m.writeBytes(out, e.Bytes())
	case e.CanFloat():
		return m.writeFloat(out, e.Float())
	}
	return errors.ErrUnsupported
}

func (m *marshaler) writeBytes(out *jsontext.Encoder, b []byte) error {
	from := len(m.foreign)
	m.foreign = msgp.AppendBytes(m.foreign, b)
	return m.writeNull(out, from)
}

func (m *marshaler) writeRaw(out *jsontext.Encoder, r siowire.Raw) (err error) {
	from := len(m.foreign)
	if m.foreign, err = m.raw(m.foreign, r); err != nil {
		return err
	}
	return m.writeNull(out, from)
}

// writeTime leaves the key of a map to the library.
func (m *marshaler) writeTime(out *jsontext.Encoder, t time.Time) error {
	if kind, n := out.StackIndex(out.StackDepth()); kind == '{' && n%2 == 0 {
		return errors.ErrUnsupported
	}
	from := len(m.foreign)
	m.foreign = appendTime(m.foreign, t)
	return m.writeNull(out, from)
}

// writeFloat writes what is not finite, and leaves every other number to the library.
func (m *marshaler) writeFloat(out *jsontext.Encoder, f float64) error {
	if !math.IsNaN(f) && !math.IsInf(f, 0) {
		return errors.ErrUnsupported
	}
	from := len(m.foreign)
	m.foreign = appendFloat(m.foreign, f)
	return m.writeNull(out, from)
}

// writeNull writes the null that stands for what m.foreign has from an index on.
func (m *marshaler) writeNull(out *jsontext.Encoder, from int) error {
	if err := out.WriteToken(jsontext.Null); err != nil {
		return err
	}
	m.nulls = append(m.nulls, null{out.OutputOffset(), from, len(m.foreign)})
	return nil
}
