package eiowire

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"strconv"
)

// Type is the type of a packet.
type Type uint8

// The types of a packet, with the numbers they have on the wire.
const (
	Open    Type = 0
	Close   Type = 1
	Ping    Type = 2
	Pong    Type = 3
	Message Type = 4
	Upgrade Type = 5
	Noop    Type = 6
)

// String returns the protocol's name of the type, such as "message".
func (t Type) String() string {
	names := [...]string{"open", "close", "ping", "pong", "message", "upgrade", "noop"}
	if int(t) < len(names) {
		return names[t]
	}
	return "Type(" + strconv.Itoa(int(t)) + ")"
}

// Packet is one packet.
type Packet struct {
	Type Type
	// Binary marks the data of a Message as binary. Packets of other types are
	// text, except that revision 3 can write any type as binary.
	Binary bool
	Data   []byte
}

// What is wrong with a packet, for errors.Is on a *ParseError.
var (
	ErrEmpty = errors.New("empty packet")
	ErrType  = errors.New("unknown packet type")
)

// ParseError is returned for bytes that are no packet. The fault is the peer's.
type ParseError struct {
	// Offset is where in the text the packet begins that is none, in bytes.
	Offset int
	// Err is ErrEmpty or ErrType; in revision 3 ErrHeader too, and in JSONP ErrForm.
	Err error
}

// Error implements error.
func (e *ParseError) Error() string {
	return fmt.Sprintf("engine.io packet: %v at byte %d", e.Err, e.Offset)
}

// Unwrap returns Err.
func (e *ParseError) Unwrap() error { return e.Err }

// binaryMark begins a binary message in text, in the place of the type.
const binaryMark = 'b'

// Decode reads one packet from text. Its Data aliases text, except for a binary
// message, which is written in base64 and read as leniently as Node reads it:
// both alphabets count, other characters are skipped, and the first "=" ends it.
// An error is a *ParseError.
func Decode(text []byte) (Packet, error) {
	if len(text) == 0 {
		return Packet{}, &ParseError{Err: ErrEmpty}
	}
	if text[0] == binaryMark {
		return Packet{Type: Message, Binary: true, Data: decodeBase64(text[1:])}, nil
	}
	t := Type(text[0] - '0')
	if t > Noop {
		return Packet{}, &ParseError{Err: ErrType}
	}
	return Packet{Type: t, Data: text[1:]}, nil
}

// Append appends p as text to dst, a binary message in base64.
func Append(dst []byte, p Packet) []byte {
	if p.Binary {
		return appendBase64(append(dst, binaryMark), p.Data)
	}
	return append(append(dst, '0'+byte(p.Type)), p.Data...)
}

// separator stands between the packets of a payload. It is a control character,
// which JSON escapes within strings.
const separator = 0x1e

// Payload returns the packets in the body of a POST or of a poll's answer, as
// [Decode] reads them. It stops behind the first error, a *ParseError whose
// Offset counts from the beginning of body. An empty body is one empty packet.
func Payload(body []byte) iter.Seq2[Packet, error] {
	return func(yield func(Packet, error) bool) {
		for start := 0; start <= len(body); {
			end := len(body)
			if n := bytes.IndexByte(body[start:], separator); n >= 0 {
				end = start + n
			}
			p, err := Decode(body[start:end:end])
			if e, ok := err.(*ParseError); ok { //nolint:errorlint // made right above
				e.Offset += start
			}
			if !yield(p, err) || err != nil {
				return
			}
			start = end + 1
		}
	}
}

// AppendPayload appends the packets as one payload to dst.
func AppendPayload(dst []byte, packets ...Packet) []byte {
	for i, p := range packets {
		if i > 0 {
			dst = append(dst, separator)
		}
		dst = Append(dst, p)
	}
	return dst
}
