package eiowire

import (
	"bytes"
	"errors"
	"iter"
	"strconv"
	"unicode/utf8"
)

// ErrHeader tells that in a payload of revision 3 a packet's header is malformed,
// or has a length that the packet does not. It is an Err of *ParseError.
var ErrHeader = errors.New("malformed packet header or wrong length")

// DecodeV3 reads one packet of revision 3 from text, like Decode. It differs in
// binary packets, which may be of any type: the type follows the "b".
func DecodeV3(text []byte) (Packet, error) {
	if len(text) == 0 || text[0] != binaryMark {
		return Decode(text)
	}
	if len(text) == 1 {
		return Packet{}, &ParseError{Err: ErrEmpty}
	}
	t := Type(text[1] - '0')
	if t > Noop {
		return Packet{}, &ParseError{Err: ErrType}
	}
	return Packet{Type: t, Binary: true, Data: decodeBase64(text[2:])}, nil
}

// DecodeBinaryV3 reads one packet of revision 3 from bytes, as a binary
// WebSocket message has them: the type comes first, as a number. Its Data
// aliases b. An error is a *ParseError.
func DecodeBinaryV3(b []byte) (Packet, error) {
	switch {
	case len(b) == 0:
		return Packet{}, &ParseError{Err: ErrEmpty}
	case Type(b[0]) > Noop:
		return Packet{}, &ParseError{Err: ErrType}
	}
	return Packet{Type: Type(b[0]), Binary: true, Data: b[1:]}, nil
}

// AppendV3 appends p as text of revision 3 to dst, a binary packet in base64.
func AppendV3(dst []byte, p Packet) []byte {
	if p.Binary {
		return appendBase64(append(dst, binaryMark, '0'+byte(p.Type)), p.Data)
	}
	return Append(dst, p)
}

// AppendBinaryV3 appends p as bytes of revision 3 to dst, as DecodeBinaryV3
// reads them.
func AppendBinaryV3(dst []byte, p Packet) []byte {
	return append(append(dst, byte(p.Type)), p.Data...)
}

// PayloadV3 returns the packets in a textual body of revision 3, which must be
// valid UTF-8: see ValidUTF8. Each packet stands behind its length, which counts
// UTF-16 code units as JavaScript does, and a colon; a length of 0 stands for no
// packet at all. It stops behind the first error, a *ParseError whose Offset
// counts bytes from the beginning of body.
func PayloadV3(body []byte) iter.Seq2[Packet, error] {
	return func(yield func(Packet, error) bool) {
		if len(body) == 0 {
			yield(Packet{}, &ParseError{Err: ErrEmpty})
			return
		}
		for start := 0; start < len(body); {
			text, size, ok := cutText(body[start:])
			if !ok {
				yield(Packet{}, &ParseError{Offset: start, Err: ErrHeader})
				return
			}
			if len(text) > 0 {
				p, err := DecodeV3(text)
				if !yieldAt(yield, start, p, err) {
					return
				}
			}
			start += size
		}
	}
}

// BinaryPayloadV3 returns the packets in a binary body of revision 3. Each
// packet stands behind the byte 0 if it is text, which is then made valid UTF-8,
// or 1 if it is binary, its length in bytes, a digit (0 to 9, not a character) a
// byte, and the byte 255. It stops like PayloadV3.
func BinaryPayloadV3(body []byte) iter.Seq2[Packet, error] {
	return func(yield func(Packet, error) bool) {
		if len(body) == 0 {
			yield(Packet{}, &ParseError{Err: ErrEmpty})
			return
		}
		for start := 0; start < len(body); {
			packet, size, ok := cutBinary(body[start:])
			if !ok {
				yield(Packet{}, &ParseError{Offset: start, Err: ErrHeader})
				return
			}
			var p Packet
			var err error
			if body[start] == textMark {
				p, err = DecodeV3(ValidUTF8(packet))
			} else {
				p, err = DecodeBinaryV3(packet)
			}
			if !yieldAt(yield, start, p, err) {
				return
			}
			start += size
		}
	}
}

// yieldAt yields one packet that begins at start and reports whether to go on.
func yieldAt(yield func(Packet, error) bool, start int, p Packet, err error) bool {
	if e, ok := err.(*ParseError); ok { //nolint:errorlint // made by Decode
		e.Offset += start
	}
	return yield(p, err) && err == nil
}

// The first byte and the last of a packet's header in a binary payload.
const (
	textMark    = 0
	bytesMark   = 1
	endOfLength = 0xff
)

// cutText returns the packet at the start of b, which holds at least one byte,
// and how many bytes it takes with its header.
func cutText(b []byte) (text []byte, size int, ok bool) {
	colon := bytes.IndexByte(b, ':')
	if colon < 1 {
		return nil, 0, false
	}
	units, ok := length(b[:colon], '0', len(b))
	if !ok {
		return nil, 0, false
	}
	at := colon + 1
	for units > 0 && at < len(b) {
		if b[at] < utf8.RuneSelf {
			at++
			units--
			continue
		}
		_, n := utf8.DecodeRune(b[at:])
		at += n
		units--
		if n == utf8.UTFMax { // beyond the first plane: a surrogate pair
			units--
		}
	}
	return b[colon+1 : at : at], at, units == 0
}

// cutBinary is cutText for a binary payload.
func cutBinary(b []byte) (packet []byte, size int, ok bool) {
	end := bytes.IndexByte(b, endOfLength)
	if end < 2 || b[0] > bytesMark {
		return nil, 0, false
	}
	n, ok := length(b[1:end], 0, len(b)-end-1)
	if !ok {
		return nil, 0, false
	}
	size = end + 1 + n
	return b[end+1 : size : size], size, true
}

// length reads a number of digits that begin at zero. It reports false if
// something is no digit, or if the number is larger than limit.
func length(digits []byte, zero byte, limit int) (int, bool) {
	n := 0
	for _, c := range digits {
		d := c - zero
		if d > 9 {
			return 0, false
		}
		if n = n*10 + int(d); n > limit {
			return 0, false
		}
	}
	return n, true
}

// AppendPayloadV3 appends the packets as one textual payload of revision 3 to
// dst, binary ones in base64.
func AppendPayloadV3(dst []byte, packets ...Packet) []byte {
	for _, p := range packets {
		dst = AppendTextV3(dst, AppendV3(nil, p))
	}
	return dst
}

// AppendBinaryPayloadV3 appends the packets as one binary payload of revision 3
// to dst.
func AppendBinaryPayloadV3(dst []byte, packets ...Packet) []byte {
	for _, p := range packets {
		if p.Binary {
			dst = AppendPartV3(dst, AppendBinaryV3(nil, p), true)
		} else {
			dst = AppendPartV3(dst, AppendV3(nil, p), false)
		}
	}
	return dst
}

// AppendTextV3 appends a packet that is encoded as text to a textual payload of
// revision 3. What is not UTF-8 is replaced as by ValidUTF8, since the peer
// counts the characters that it sees.
func AppendTextV3(dst, packet []byte) []byte {
	packet = ValidUTF8(packet)
	dst = strconv.AppendInt(dst, int64(utf16Length(packet)), 10)
	return append(append(dst, ':'), packet...)
}

// AppendPartV3 appends a packet that is encoded, as text or as bytes, to a
// binary payload of revision 3.
func AppendPartV3(dst, packet []byte, isBinary bool) []byte {
	mark := byte(textMark)
	if isBinary {
		mark = bytesMark
	}
	dst = append(dst, mark)
	at := len(dst)
	dst = strconv.AppendInt(dst, int64(len(packet)), 10)
	for i := at; i < len(dst); i++ {
		dst[i] -= '0'
	}
	return append(append(dst, endOfLength), packet...)
}

// utf16Length returns how many UTF-16 code units valid UTF-8 has.
func utf16Length(b []byte) int {
	n := 0
	for _, c := range b {
		if !utf8.RuneStart(c) {
			continue
		}
		if n++; c >= 0xf0 { // four bytes: a surrogate pair
			n++
		}
	}
	return n
}
