package siowire

import (
	"encoding"
	"reflect"

	"github.com/go-json-experiment/json"
)

// shape tells why values of a type need the hook that looks at each value within
// them. Without any reason the hooks for the exact types []byte, float64, float32
// and Raw do, which cost much less.
type shape uint8

const (
	hasNamed   shape = 1 << iota // bytes or floats of a named type
	hasDynamic                   // interfaces, whose values may be anything
	hasMethods                   // types that call the JSON library by themselves
)

// shape returns the shape of t, which it looks into once.
func (p *jsonParser) shape(t reflect.Type) shape {
	if t == nil {
		return 0
	}
	if s, ok := p.shapes.Load(t); ok {
		return s.(shape) //nolint:forcetypeassert // nothing else is stored
	}
	s := shapeOf(t, map[reflect.Type]bool{})
	p.shapes.Store(t, s)
	return s
}

func shapeOf(t reflect.Type, seen map[reflect.Type]bool) shape {
	if seen[t] {
		return 0
	}
	seen[t] = true
	var s shape
	if implements[json.MarshalerTo](t) || implements[json.UnmarshalerFrom](t) {
		s |= hasMethods
	}
	switch t.Kind() { //nolint:exhaustive // the others have nothing within them
	case reflect.Interface:
		return s | hasDynamic
	case reflect.Float32, reflect.Float64:
		if t.PkgPath() != "" && !ownText(t) {
			s |= hasNamed
		}
	case reflect.Map:
		s |= shapeOf(t.Key(), seen) | shapeOf(t.Elem(), seen)
	case reflect.Slice:
		if isBytes(t) && t.Name() != "" && !ownText(t) {
			s |= hasNamed
		}
		s |= shapeOf(t.Elem(), seen)
	case reflect.Pointer, reflect.Array:
		s |= shapeOf(t.Elem(), seen)
	case reflect.Struct:
		if t == reflect.TypeFor[Raw]() {
			return s
		}
		for f := range t.Fields() {
			if f.IsExported() || f.Anonymous {
				s |= shapeOf(f.Type, seen)
			}
		}
	}
	return s
}

// isBytes reports whether t is a slice of byte under whatever name.
func isBytes(t reflect.Type) bool {
	return t.Kind() == reflect.Slice && t.Elem() == reflect.TypeFor[byte]()
}

// ownText reports whether t says by methods how it is written or read.
func ownText(t reflect.Type) bool {
	return implements[json.Marshaler](t) || implements[json.MarshalerTo](t) ||
		implements[json.Unmarshaler](t) || implements[json.UnmarshalerFrom](t) ||
		implements[encoding.TextMarshaler](t) || implements[encoding.TextAppender](t) || implements[encoding.TextUnmarshaler](t)
}

func implements[I any](t reflect.Type) bool {
	return reflect.PointerTo(t).Implements(reflect.TypeFor[I]())
}
