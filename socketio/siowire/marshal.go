package siowire

import (
	"errors"
	"math"
	"reflect"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	jsonv1 "github.com/go-json-experiment/json/v1"
)

// common returns the rules that reading and writing share. The package
// documentation states them.
func common() json.Options {
	return json.JoinOptions(
		jsontext.AllowDuplicateNames(true),
		jsontext.AllowInvalidUTF8(true),
		jsontext.PreserveRawStrings(true),
		json.MatchCaseInsensitiveNames(true),
		jsonv1.MatchCaseSensitiveDelimiter(true),
		jsonv1.OmitEmptyWithLegacySemantics(true),
		jsonv1.FormatDurationAsNano(true),
		jsonv1.FormatByteArrayAsArray(true),
		jsonv1.StringifyWithLegacySemantics(true),
	)
}

// marshaler writes values by reflection, one at a time. It is pooled because the
// JSON library learns types per set of options.
type marshaler struct {
	known   json.Options // for types that hold all that hooks are for by its exact type
	unknown json.Options // for all others
	encoder              // of the packet being written
	out     []byte       // what the packet has so far
}

func newMarshaler() *marshaler {
	m := new(marshaler)
	m.known = json.JoinOptions(common(), json.WithMarshalers(json.JoinMarshalers(
		json.MarshalToFunc(m.writeBytes),
		json.MarshalToFunc(m.writeRaw),
		json.MarshalToFunc(writeNonFinite[float64]),
		json.MarshalToFunc(writeNonFinite[float32]),
	)))
	m.unknown = json.JoinOptions(common(), json.WithMarshalers(json.MarshalToFunc(m.hook)))
	return m
}

// marshal appends the JSON text of a value that append has no case for.
func (e *encoder) marshal(dst []byte, v any) ([]byte, error) {
	m, ok := e.parser.marshalers.Get().(*marshaler)
	if !ok {
		m = newMarshaler()
	}
	options := m.unknown
	if e.parser.shape(reflect.TypeOf(v)) == 0 {
		options = m.known
	}
	m.encoder, m.out = *e, dst
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
	switch p := v.(type) {
	case *string, *int, *bool, *any, *map[string]any, *[]any:
		return errors.ErrUnsupported
	case *[]byte:
		return m.writeBytes(out, *p)
	case *float64:
		return writeNonFinite(out, *p)
	case *Raw:
		return m.writeRaw(out, *p)
	}
	switch e := reflect.ValueOf(v).Elem(); {
	case ownText(e.Type()):
	case isBytes(e.Type()):
		return m.writeBytes(out, e.Bytes())
	case e.CanFloat():
		return writeNonFinite(out, e.Float())
	}
	return errors.ErrUnsupported
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

// writeNonFinite writes null for NaN and the infinities.
func writeNonFinite[F float32 | float64](out *jsontext.Encoder, f F) error {
	if math.IsNaN(float64(f)) || math.IsInf(float64(f), 0) {
		return out.WriteToken(jsontext.Null)
	}
	return errors.ErrUnsupported
}
