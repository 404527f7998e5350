package msgpack

import (
	"errors"
	"math"
	"reflect"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/sockeye-io/sockeye/socketio/siowire"
	"github.com/sockeye-io/sockeye/socketio/siowire/internal/gojson"
)

// unmarshaler reads values by reflection, one at a time: the JSON library reads
// the text that they are translated into, and asks for what has no form in it. It
// is pooled as the marshaler is.
type unmarshaler struct {
	known    json.Options // for types that name all that hooks are for by its exact type
	unknown  json.Options // for all others
	parser   *parser
	message  []byte
	text     []byte
	places   []place // in the order of text
	binaries int     // placeholders in text
}

func newUnmarshaler(p *parser) *unmarshaler {
	u := &unmarshaler{parser: p}
	known := []*json.Unmarshalers{
		json.UnmarshalFromFunc(u.readAny),
		json.UnmarshalFromFunc(u.readRaw),
		json.UnmarshalFromFunc(u.readBytes),
		json.UnmarshalFromFunc(u.readTime),
		json.UnmarshalFromFunc(readFloat[float64](u)),
		json.UnmarshalFromFunc(readFloat[float32](u)),
	}
	u.known = json.JoinOptions(gojson.Options(), json.WithUnmarshalers(json.JoinUnmarshalers(known...)))
	known = append(known, json.UnmarshalFromFunc(u.hook))
	u.unknown = json.JoinOptions(gojson.Options(), json.WithUnmarshalers(json.JoinUnmarshalers(known...)))
	return u
}

// unmarshal decodes a value into types that decodePlain does not know.
func (p *parser) unmarshal(value []byte, dst any) error {
	u, ok := p.unmarshalers.Get().(*unmarshaler)
	if !ok {
		u = newUnmarshaler(p)
	}
	u.message, u.text, u.places, u.binaries = value, u.text[:0], u.places[:0], 0
	u.translate(0)
	options := u.known
	if p.shape(dst)&(gojson.Named|gojson.Methods) != 0 {
		options = u.unknown
	}
	err := json.Unmarshal(u.text, dst, options)
	u.message = nil
	if cap(u.text)+8*cap(u.places) > keepBuffers {
		u.text, u.places = nil, nil
	}
	p.unmarshalers.Put(u)
	return err
}

// next returns the value that in reads next. ok is false if it is none of the
// message's: the type of an extension.
func (u *unmarshaler) next(in *jsontext.Decoder) (it item, at int, ok bool) {
	text := int(in.InputOffset())
	if c := u.text[text]; c == ',' || c == ':' {
		text++
	}
	n, ok := slices.BinarySearchFunc(u.places, text, func(p place, text int) int { return int(p.text) - text })
	if !ok {
		return item{}, 0, false
	}
	at = int(u.places[n].at)
	it = parse(u.message, at)
	if n > 0 && int(u.places[n-1].at) == at {
		it.kind = kindBytes // of the extension
	}
	return it, at, true
}

// whole reports whether it, which is at at, is a value and not a part of one.
func (u *unmarshaler) whole(it item, at int) bool { return it.kind == parse(u.message, at).kind }

func (u *unmarshaler) readAny(in *jsontext.Decoder, p *any) error {
	it, at, ok := u.next(in)
	switch {
	case *p != nil || !ok:
		return errors.ErrUnsupported
	case u.whole(it, at):
		*p, _ = decodeAny(u.message, at)
	default:
		*p = it.bytes(u.message)
	}
	return in.SkipValue()
}

func (u *unmarshaler) readRaw(in *jsontext.Decoder, p *siowire.Raw) error {
	it, at, ok := u.next(in)
	if !ok || !u.whole(it, at) {
		return errPart
	}
	end := skip(u.message, at)
	span := siowire.Span{Start: uint32(at), End: uint32(end)}
	*p = siowire.NewArgs(u.parser, u.message, []siowire.Span{span}, nil).Raw(0)
	return in.SkipValue()
}

func (u *unmarshaler) readBytes(in *jsontext.Decoder, p *[]byte) error {
	it, _, ok := u.next(in)
	if !ok || it.kind != kindBytes {
		if it.kind == kindMap {
			return errNotBytes
		}
		return errors.ErrUnsupported
	}
	*p = it.bytes(u.message)
	return in.SkipValue()
}

func (u *unmarshaler) readTime(in *jsontext.Decoder, p *time.Time) error {
	it, _, ok := u.next(in)
	if !ok || it.kind != kindTime {
		return errors.ErrUnsupported
	}
	*p = timeOf(it.bytes(u.message))
	return in.SkipValue()
}

// readFloat returns the function that reads what is not finite, which is null in
// the text.
func readFloat[F float32 | float64](u *unmarshaler) func(*jsontext.Decoder, *F) error {
	return func(in *jsontext.Decoder, p *F) error {
		if in.PeekKind() != 'n' {
			return errors.ErrUnsupported
		}
		it, at, ok := u.next(in)
		if !ok || it.kind != kindFloat {
			return errors.ErrUnsupported
		}
		*p = F(numberAt(u.message, at).f)
		return in.SkipValue()
	}
}

// hook reads bytes and floats of a named type. It is called with a pointer to each
// value within a value.
func (u *unmarshaler) hook(in *jsontext.Decoder, v any) error {
	e := reflect.ValueOf(v).Elem()
	switch {
	case gojson.OwnText(e.Type()):
	case gojson.IsBytes(e.Type()):
		var b []byte
		err := u.readBytes(in, &b)
		if err == nil {
			e.SetBytes(b)
		}
		return err
	case e.CanFloat():
		f := math.NaN()
		err := readFloat[float64](u)(in, &f)
		if err == nil {
			e.SetFloat(f)
		}
		return err
	}
	return errors.ErrUnsupported
}

// Why a value cannot become what it is wanted as.
var (
	errNotBytes = errors.New("map is not binary data")
	errPart     = errors.New("part of an extension is no value")
)
