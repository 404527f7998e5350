// Package gojson is what the parsers share about Go values: the rules by which
// structs and the like are written and read, whatever the bytes on the wire.
package gojson

import (
	"errors"
	"math"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	jsonv1 "github.com/go-json-experiment/json/v1"
)

// Options returns the rules that reading and writing share. The documentation of
// siowire states them.
func Options() json.Options {
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

// WriteNonFinite writes null for NaN and the infinities, and leaves every other
// number to the library.
func WriteNonFinite[F float32 | float64](out *jsontext.Encoder, f F) error {
	if math.IsNaN(float64(f)) || math.IsInf(float64(f), 0) {
		return out.WriteToken(jsontext.Null)
	}
	return errors.ErrUnsupported
}

// AppendFloat appends the shortest text that JavaScript reads as f, which has 32
// or 64 bits. What is not finite becomes null.
func AppendFloat(dst []byte, f float64, bits int) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(dst, "null"...)
	}
	format := byte('f')
	if abs := math.Abs(f); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	dst = strconv.AppendFloat(dst, f, format, -1, bits)
	if n := len(dst); format == 'e' && n >= 4 && dst[n-4] == 'e' && dst[n-2] == '0' {
		dst[n-2] = dst[n-1] // JavaScript writes e-9 where Go writes e-09
		dst = dst[:n-1]
	}
	return dst
}
