package gojson

import (
	"encoding"
	"reflect"
	"sync"

	"github.com/go-json-experiment/json"
)

// Shape tells what may stand within the values of a type.
type Shape uint8

// What may stand within a value.
const (
	Named   Shape = 1 << iota // bytes or floats of a named type
	Dynamic                   // interfaces, whose values may be anything
	Methods                   // types that call the JSON library by themselves
	Bytes                     // bytes, of a named type or not
	Raw                       // undecoded values
)

// Binary is what makes a value one that may hold binary data.
const Binary = Bytes | Raw | Dynamic

// Shapes remembers the shapes of types. It may be used by any number of
// goroutines at once.
type Shapes struct{ types sync.Map } // of reflect.Type to Shape

// Of returns the shape of t, which it looks into once. raw is the type that
// stands for an undecoded value.
func (s *Shapes) Of(t, raw reflect.Type) Shape {
	if t == nil {
		return 0
	}
	if s, ok := s.types.Load(t); ok {
		return s.(Shape) //nolint:forcetypeassert // nothing else is stored
	}
	shape := shapeOf(t, raw, map[reflect.Type]bool{})
	s.types.Store(t, shape)
	return shape
}

func shapeOf(t, raw reflect.Type, seen map[reflect.Type]bool) Shape {
	if seen[t] {
		return 0
	}
	seen[t] = true
	if t == raw {
		return Raw
	}
	var s Shape
	if implements[json.MarshalerTo](t) || implements[json.UnmarshalerFrom](t) {
		s |= Methods
	}
	switch t.Kind() { //nolint:exhaustive // the others have nothing within them
	case reflect.Interface:
		return s | Dynamic
	case reflect.Float32, reflect.Float64:
		if t.PkgPath() != "" && !OwnText(t) {
			s |= Named
		}
	case reflect.Map:
		s |= shapeOf(t.Key(), raw, seen) | shapeOf(t.Elem(), raw, seen)
	case reflect.Slice:
		if IsBytes(t) && !OwnText(t) {
			s |= Bytes
			if t.Name() != "" {
				s |= Named
			}
		}
		s |= shapeOf(t.Elem(), raw, seen)
	case reflect.Pointer, reflect.Array:
		s |= shapeOf(t.Elem(), raw, seen)
	case reflect.Struct:
		for f := range t.Fields() {
			if f.IsExported() || f.Anonymous {
				s |= shapeOf(f.Type, raw, seen)
			}
		}
	}
	return s
}

// IsBytes reports whether t is a slice of byte under whatever name.
func IsBytes(t reflect.Type) bool {
	return t.Kind() == reflect.Slice && t.Elem() == reflect.TypeFor[byte]()
}

// OwnText reports whether t says by methods how it is written or read.
func OwnText(t reflect.Type) bool {
	return implements[json.Marshaler](t) || implements[json.MarshalerTo](t) ||
		implements[json.Unmarshaler](t) || implements[json.UnmarshalerFrom](t) ||
		implements[encoding.TextMarshaler](t) || implements[encoding.TextAppender](t) || implements[encoding.TextUnmarshaler](t)
}

func implements[I any](t reflect.Type) bool {
	return reflect.PointerTo(t).Implements(reflect.TypeFor[I]())
}
