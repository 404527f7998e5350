package eiowire

import "encoding/base64"

func appendBase64(dst, data []byte) []byte {
	return base64.StdEncoding.AppendEncode(dst, data)
}

// decodeBase64 returns the bytes that text stands for, in new memory. There are
// always some: what is not base64 is skipped.
func decodeBase64(text []byte) []byte {
	dst := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
	if n, err := base64.StdEncoding.Decode(dst, text); err == nil {
		return dst[:n]
	}
	return appendLenient(dst[:0], text)
}

// appendLenient decodes as Node's Buffer does. A group that is cut short yields
// the bytes that are complete.
func appendLenient(dst, text []byte) []byte {
	var group uint32
	n := 0 // characters in group
	for _, c := range text {
		if c == '=' {
			break
		}
		v, ok := sextet(c)
		if !ok {
			continue
		}
		group = group<<6 | uint32(v)
		if n++; n == 4 {
			dst = append(dst, byte(group>>16), byte(group>>8), byte(group))
			n, group = 0, 0
		}
	}
	switch n {
	case 2:
		dst = append(dst, byte(group>>4))
	case 3:
		dst = append(dst, byte(group>>10), byte(group>>2))
	}
	return dst
}

// sextet returns the six bits that c stands for in either alphabet.
func sextet(c byte) (v byte, ok bool) {
	switch {
	case c >= 'A' && c <= 'Z':
		return c - 'A', true
	case c >= 'a' && c <= 'z':
		return c - 'a' + 26, true
	case c >= '0' && c <= '9':
		return c - '0' + 52, true
	case c == '+' || c == '-':
		return 62, true
	case c == '/' || c == '_':
		return 63, true
	}
	return 0, false
}
