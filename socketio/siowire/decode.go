package siowire

import (
	"bytes"
	stdjson "encoding/json"
	"errors"
	"reflect"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/sockeye-io/sockeye/socketio/siowire/internal/gojson"
)

// DecodeValue implements Codec. The text has been validated when it came in.
func (p *jsonParser) DecodeValue(text []byte, attachments [][]byte, dst any) error {
	if decodePlain(text, attachments, dst, p.options.Revive) {
		return nil
	}
	shape := p.shape(dst)
	if l := p.options.Library; l != nil && len(attachments) == 0 && shape&gojson.Raw == 0 &&
		(p.options.Revive == nil || shape&gojson.Dynamic == 0) {
		return l.Unmarshal(text, dst)
	}
	u, ok := p.unmarshalers.Get().(*unmarshaler)
	if !ok {
		u = newUnmarshaler()
	}
	options := u.known
	if shape&(gojson.Named|gojson.Methods) != 0 {
		options = u.unknown
	}
	u.parser, u.attachments = p, attachments
	err := json.Unmarshal(text, dst, options)
	u.attachments = nil
	p.unmarshalers.Put(u)
	return err
}

// decodePlain decodes into the types that are most common, if the text has the
// form that they take. It reports whether it did.
func decodePlain(text []byte, attachments [][]byte, dst any, revive func(any) any) bool {
	var err error
	first := text[0]
	switch p := dst.(type) {
	case *string:
		if p == nil || first != '"' {
			return false
		}
		*p = unquote(text)
	case *any:
		if p == nil || *p != nil {
			return false
		}
		*p = decodeAny(text, attachments, revive)
	case *[]byte:
		b, ok := attachmentOf(text, attachments)
		if p == nil || !ok {
			return false
		}
		*p = b
	case *bool:
		if p == nil || first != 't' && first != 'f' {
			return false
		}
		*p = first == 't'
	case *int:
		var n int64
		if n, err = strconv.ParseInt(string(text), 10, strconv.IntSize); p != nil && err == nil {
			*p = int(n)
		}
		return p != nil && err == nil
	case *int64:
		var n int64
		if n, err = strconv.ParseInt(string(text), 10, 64); p != nil && err == nil {
			*p = n
		}
		return p != nil && err == nil
	case *uint64:
		var n uint64
		if n, err = strconv.ParseUint(string(text), 10, 64); p != nil && err == nil {
			*p = n
		}
		return p != nil && err == nil
	case *float64:
		if p == nil || first != '-' && !isDigit(first) {
			return false
		}
		*p = parseFloat(text)
	case *stdjson.RawMessage:
		if p == nil {
			return false
		}
		*p = bytes.Clone(text)
	default:
		return false
	}
	return true
}

// attachmentOf returns the attachment that text is the placeholder of.
func attachmentOf(text []byte, attachments [][]byte) ([]byte, bool) {
	if len(attachments) == 0 || text[0] != '{' {
		return nil, false
	}
	num, _, ok := parsePlaceholder(text, 0)
	if !ok || num >= len(attachments) {
		return nil, false
	}
	return attachments[num], true
}

// unmarshaler reads values by reflection, one at a time. It is pooled as the
// marshaler is.
type unmarshaler struct {
	known       json.Options // for types that name all that hooks are for by its exact type
	unknown     json.Options // for all others
	parser      *jsonParser
	attachments [][]byte // of the value being read
}

func newUnmarshaler() *unmarshaler {
	u := new(unmarshaler)
	known := []*json.Unmarshalers{
		json.UnmarshalFromFunc(u.readAny),
		json.UnmarshalFromFunc(u.readRaw),
		json.UnmarshalFromFunc(u.readBytes),
	}
	u.known = json.JoinOptions(gojson.Options(), json.WithUnmarshalers(json.JoinUnmarshalers(known...)))
	known = append(known, json.UnmarshalFromFunc(u.hook))
	u.unknown = json.JoinOptions(gojson.Options(), json.WithUnmarshalers(json.JoinUnmarshalers(known...)))
	return u
}

func (u *unmarshaler) readAny(in *jsontext.Decoder, p *any) error {
	if *p != nil {
		return errors.ErrUnsupported
	}
	text, err := in.ReadValue()
	if err == nil {
		*p = decodeAny(text, u.attachments, u.parser.options.Revive)
	}
	return err
}

func (u *unmarshaler) readRaw(in *jsontext.Decoder, p *Raw) error {
	text, err := in.ReadValue()
	if err == nil {
		*p = Raw{codec: u.parser, text: bytes.Clone(text), attachments: u.attachments}
	}
	return err
}

func (u *unmarshaler) readBytes(in *jsontext.Decoder, p *[]byte) error {
	if len(u.attachments) == 0 || in.PeekKind() != '{' {
		return errors.ErrUnsupported
	}
	text, err := in.ReadValue()
	if err != nil {
		return err
	}
	b, ok := attachmentOf(text, u.attachments)
	if !ok {
		return errNotBytes
	}
	*p = b
	return nil
}

// hook reads bytes of a named type. It is called with a pointer to each value
// within a value.
func (u *unmarshaler) hook(in *jsontext.Decoder, v any) error {
	t := reflect.TypeOf(v).Elem()
	if len(u.attachments) == 0 || !gojson.IsBytes(t) || gojson.OwnText(t) {
		return errors.ErrUnsupported
	}
	var b []byte
	err := u.readBytes(in, &b)
	if err == nil {
		reflect.ValueOf(v).Elem().SetBytes(b)
	}
	return err
}

// errNotBytes is why an object cannot become a []byte.
var errNotBytes = errors.New("object is not the placeholder of an attachment")
