package siowire

import (
	"bytes"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// decodeAny decodes a value into what encoding/json makes of it, with a []byte in
// the place of each attachment, and what revive, if there is one, makes of each.
// The text has been validated.
func decodeAny(text []byte, attachments [][]byte, revive func(any) any) any {
	d := anyDecoder{s: scanner{b: text}, attachments: attachments, revive: revive}
	return d.value()
}

// anyDecoder recurses as deeply as the scanner has let pass.
type anyDecoder struct {
	s           scanner
	i           int
	attachments [][]byte
	revive      func(any) any // or nil
}

func (d *anyDecoder) value() any {
	v := d.unrevived()
	if d.revive != nil {
		v = d.revive(v)
	}
	return v
}

func (d *anyDecoder) unrevived() any {
	start := d.i
	switch c := d.s.at(start); c {
	case '"':
		return d.string()
	case '{':
		if len(d.attachments) > 0 {
			if num, end, ok := parsePlaceholder(d.s.b, start); ok && num < len(d.attachments) {
				d.i = end
				return d.attachments[num]
			}
		}
		return d.object()
	case '[':
		return d.array()
	default:
		d.i = d.s.scalar(start, c)
		if c == 't' || c == 'f' {
			return c == 't'
		}
		if c == 'n' {
			return nil
		}
		return parseFloat(d.s.b[start:d.i])
	}
}

func (d *anyDecoder) string() string {
	start := d.i
	d.i = d.s.string(start)
	return unquote(d.s.b[start:d.i])
}

// more skips the separator between two elements, or what opens the first one. It
// reports whether there is an element, and skips the closing byte if there is none.
func (d *anyDecoder) more(closing byte) bool {
	d.i = d.s.space(d.i)
	if d.s.at(d.i) != closing {
		d.i = d.s.space(d.i + 1)
	}
	if d.s.at(d.i) == closing {
		d.i++
		return false
	}
	return true
}

func (d *anyDecoder) array() []any {
	list := []any{}
	for d.more(']') {
		list = append(list, d.value())
	}
	return list
}

func (d *anyDecoder) object() map[string]any {
	m := map[string]any{}
	for d.more('}') {
		key := d.string()
		d.i = d.s.colon(d.i)
		m[key] = d.value()
	}
	return m
}

// parseFloat returns the number that text is. One too large for a float64 is an
// infinity, as it is in JavaScript.
func parseFloat(text []byte) float64 {
	f, _ := strconv.ParseFloat(string(text), 64) // the only error is that of the range
	return f
}

// unquote returns the string whose JSON text is quoted, which has been validated.
// A lone surrogate becomes U+FFFD.
func unquote(quoted []byte) string {
	b := quoted[1 : len(quoted)-1]
	n := bytes.IndexByte(b, '\\')
	if n < 0 {
		return string(b)
	}
	dst := make([]byte, 0, len(b))
	for n >= 0 {
		dst = append(dst, b[:n]...)
		b = b[n:]
		dst, n = appendEscaped(dst, b)
		b = b[n:]
		n = bytes.IndexByte(b, '\\')
	}
	return string(append(dst, b...))
}

// appendEscaped appends what the escape sequence at the beginning of b stands
// for, and returns the length of the sequence.
func appendEscaped(dst, b []byte) ([]byte, int) {
	switch c := b[1]; c {
	case 'b':
		return append(dst, '\b'), 2
	case 'f':
		return append(dst, '\f'), 2
	case 'n':
		return append(dst, '\n'), 2
	case 'r':
		return append(dst, '\r'), 2
	case 't':
		return append(dst, '\t'), 2
	case 'u':
		unit, _ := hex4(b) // validated
		if low, ok := hex4(b[6:]); ok && utf16.IsSurrogate(unit) {
			if r := utf16.DecodeRune(unit, low); r != utf8.RuneError {
				return utf8.AppendRune(dst, r), 12
			}
		}
		return utf8.AppendRune(dst, unit), 6 // a lone surrogate is appended as U+FFFD
	default:
		return append(dst, c), 2
	}
}
