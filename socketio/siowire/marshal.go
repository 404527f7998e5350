package siowire

import (
	"errors"
	"reflect"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/sockeye-io/sockeye/socketio/siowire/internal/gojson"
)

// marshaler writes values by reflection, one at a time. It is pooled because the
// JSON library learns types per set of options.
type marshaler struct {
	known   json.Options // for types that hold all that hooks are for by its exact type
	unknown json.Options // for all others
	encoder              // of the packet being written
	out     []byte       // what the packet has so far
	isAsked bool         // Replace has been asked about the next value
}

func newMarshaler() *marshaler {
	m := new(marshaler)
	m.known = json.JoinOptions(gojson.Options(), json.WithMarshalers(json.JoinMarshalers(
		json.MarshalToFunc(m.writeBytes),
		json.MarshalToFunc(m.writeRaw),
		json.MarshalToFunc(gojson.WriteNonFinite[float64]),
		json.MarshalToFunc(gojson.WriteNonFinite[float32]),
	)))
	m.unknown = json.JoinOptions(gojson.Options(), json.WithMarshalers(json.MarshalToFunc(m.hook)))
	return m
}

// replaceable reports whether Replace is asked about values of type t.
func replaceable(t reflect.Type) bool {
	return t != nil && t.Kind() != reflect.Pointer && t.Kind() != reflect.Interface && t != reflect.TypeFor[Raw]()
}

// marshal appends the JSON text of a value that append has no case for.
func (e *encoder) marshal(dst []byte, v any) ([]byte, error) {
	replace := e.parser.options.Replace != nil
	if l := e.parser.options.Library; l != nil && !replace && e.parser.shape(v)&gojson.Binary == 0 {
		text, err := l.Marshal(v)
		if err != nil {
			return dst, err
		}
		return appendText(dst, text)
	}
	m, ok := e.parser.marshalers.Get().(*marshaler)
	if !ok {
		m = newMarshaler()
	}
	options := m.unknown
	if !replace && e.parser.shape(v)&(gojson.Named|gojson.Dynamic|gojson.Methods) == 0 {
		options = m.known
	}
	m.encoder, m.out = *e, dst
	m.isAsked = replaceable(reflect.TypeOf(v)) // by append
	err := json.MarshalWrite(m, v, options)
	if err == nil && !utf8.Valid(m.out[len(dst):]) {
		err = ErrUTF8 // in text that a MarshalJSON wrote: the library mends all other
	}
	*e, dst = m.encoder, m.out
	m.encoder, m.out = encoder{}, nil
	e.parser.marshalers.Put(m)
	return dst, err
}

// Write implements io.Writer for the JSON library.
func (m *marshaler) Write(b []byte) (int, error) {
	m.out = append(m.out, b...)
	return len(b), nil
}

// hook writes what JSON has no form for, under whatever name. It is called with
// a pointer to each value within a value; errors.ErrUnsupported leaves one to the
// library.
func (m *marshaler) hook(out *jsontext.Encoder, v any) error {
	if m.parser.options.Replace != nil && !isKey(out) {
		if replaced, err := m.replace(out, reflect.ValueOf(v).Elem()); replaced || err != nil {
			return err
		}
	}
	switch p := v.(type) {
	case *string, *int, *bool, *any, *map[string]any, *[]any:
		return errors.ErrUnsupported
	case *[]byte:
		return m.writeBytes(out, *p)
	case *float64:
		return gojson.WriteNonFinite(out, *p)
	case *Raw:
		return m.writeRaw(out, *p)
	}
	switch e := reflect.ValueOf(v).Elem(); {
	case gojson.OwnText(e.Type()):
	case gojson.IsBytes(e.Type()):
		return m.writeBytes(out, e.Bytes())
	case e.CanFloat():
		return gojson.WriteNonFinite(out, e.Float())
	}
	return errors.ErrUnsupported
}

// isKey reports whether what is written next is the key of a map.
func isKey(out *jsontext.Encoder) bool {
	kind, n := out.StackIndex(out.StackDepth())
	return kind == '{' && n%2 == 0
}

// replace writes what Replace puts in the place of v, if it does.
func (m *marshaler) replace(out *jsontext.Encoder, v reflect.Value) (replaced bool, err error) {
	if asked := m.isAsked; asked || !replaceable(v.Type()) {
		m.isAsked = false
		return false, nil
	}
	result, ok := m.parser.options.Replace(v.Interface())
	if !ok {
		return false, nil
	}
	if m.depth++; m.depth > maxDepth {
		return false, errDepth
	}
	text, err := m.asked(nil, result)
	m.depth--
	if err != nil {
		return false, err
	}
	return true, out.WriteValue(text)
}

func (m *marshaler) writeBytes(out *jsontext.Encoder, b []byte) error {
	return out.WriteValue(m.attach(nil, b))
}

func (m *marshaler) writeRaw(out *jsontext.Encoder, r Raw) error {
	text, err := m.raw(nil, r)
	if err != nil {
		return err
	}
	return out.WriteValue(text)
}
