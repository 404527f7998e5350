package eiowire

import (
	"unicode/utf8"
)

// ValidUTF8 returns body itself if it is valid UTF-8, as nearly all are. If not,
// it returns a copy that has U+FFFD in place of each faulty sequence: the
// longest beginning of a character, or else a single byte, as browsers and Node
// do it.
func ValidUTF8(body []byte) []byte {
	if utf8.Valid(body) {
		return body
	}
	dst := make([]byte, 0, len(body)+2*utf8.UTFMax)
	for len(body) > 0 {
		if body[0] < utf8.RuneSelf {
			dst = append(dst, body[0])
			body = body[1:]
			continue
		}
		r, n := utf8.DecodeRune(body)
		if r == utf8.RuneError && n == 1 {
			n = faulty(body)
		}
		dst = utf8.AppendRune(dst, r)
		body = body[n:]
	}
	return dst
}

// faulty returns the length of the faulty sequence that b begins with. It is more
// than one byte if a character that is cut short begins there.
func faulty(b []byte) int {
	lo, hi, size := byte(0x80), byte(0xbf), 0 // the range of the second byte, the length
	switch c := b[0]; {
	case c >= 0xc2 && c <= 0xdf:
		size = 2
	case c >= 0xe0 && c <= 0xef:
		size = 3
	case c >= 0xf0 && c <= 0xf4:
		size = 4
	}
	switch b[0] {
	case 0xe0: // not overlong
		lo = 0xa0
	case 0xed: // not a surrogate
		hi = 0x9f
	case 0xf0: // not overlong
		lo = 0x90
	case 0xf4: // not beyond U+10FFFF
		hi = 0x8f
	}
	n := 1
	for n < size && n < len(b) && b[n] >= lo && b[n] <= hi {
		lo, hi = 0x80, 0xbf
		n++
	}
	return n
}
