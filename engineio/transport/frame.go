package transport

import (
	"encoding/base64"
	"encoding/binary"
	"sync/atomic"
)

// WebSocket opcodes with the FIN bit set (RFC 6455, section 5.2).
const (
	finText   = 0x81
	finBinary = 0x82
)

// payloadSeparator stands between the packets of a polling payload.
const payloadSeparator = 0x1e

// messageType is the Engine.IO packet type of a message.
const messageType = '4'

// headerSize returns the length of the header of an unmasked frame with n
// bytes of payload.
func headerSize(n int) int {
	switch {
	case n < 126:
		return 2
	case n < 1<<16:
		return 4
	default:
		return 10
	}
}

// appendHeader appends the header of an unmasked frame with n bytes of payload.
func appendHeader(dst []byte, first byte, n int) []byte {
	switch {
	case n < 126:
		return append(dst, first, byte(n))
	case n < 1<<16:
		return append(dst, first, 126, byte(n>>8), byte(n))
	default:
		dst = append(dst, first, 127)
		return binary.BigEndian.AppendUint64(dst, uint64(n))
	}
}

// framesSize returns how many bytes a message takes as frames. A nil text means
// that the message has attachments only.
func framesSize(d Dialect, text []byte, attachments [][]byte) int {
	size := 0
	if text != nil {
		size = headerSize(1+len(text)) + 1 + len(text)
	}
	for _, a := range attachments {
		n := d.size(len(a))
		size += headerSize(n) + n
	}
	return size
}

// appendFrames appends a message as frames: the text with its packet type,
// then each attachment.
func appendFrames(d Dialect, dst, text []byte, attachments [][]byte) []byte {
	if text != nil {
		dst = appendHeader(dst, finText, 1+len(text))
		dst = append(dst, messageType)
		dst = append(dst, text...)
	}
	for _, a := range attachments {
		dst = appendHeader(dst, d.first(), d.size(len(a)))
		dst = d.appendPayload(dst, a)
	}
	return dst
}

// nextFrame splits the first frame off b, which holds whole frames of this
// package's making.
func nextFrame(b []byte) (payload []byte, isBinary bool, size int) {
	n, at := int(b[1]), 2
	switch n {
	case 126:
		n, at = int(binary.BigEndian.Uint16(b[2:])), 4
	case 127:
		n, at = int(binary.BigEndian.Uint64(b[2:])), 10
	}
	return b[at : at+n], b[0] == finBinary, at + n
}

// payloadSize returns how many bytes a frame takes in a polling payload,
// without the separator.
func payloadSize(payload []byte, isBinary bool) int {
	if isBinary {
		return 1 + base64.StdEncoding.EncodedLen(len(payload))
	}
	return len(payload)
}

// appendPayload appends a frame as a packet of a polling payload (protocol v4:
// text as it is, binary as b and base64).
func appendPayload(dst, payload []byte, isBinary bool) []byte {
	if isBinary {
		dst = append(dst, 'b')
		return base64.StdEncoding.AppendEncode(dst, payload)
	}
	return append(dst, payload...)
}

// Message is one message with its attachments, encoded once for any number of
// sessions. It is immutable and safe for concurrent use.
type Message struct {
	frames   []byte
	deflated *Message // the form for peers that take compressed messages, or nil
	attached bool     // it has binary messages, in the first dialect
	others   atomic.Pointer[others]
}

// NewMessage encodes a message: the text (nil for none) followed by its
// attachments. The arguments are copied.
func NewMessage(text []byte, attachments [][]byte) *Message {
	m := newMessage(DialectV4, text, attachments)
	m.attached = len(attachments) > 0
	return m
}

// newMessage is NewMessage for the peers that speak a dialect.
func newMessage(d Dialect, text []byte, attachments [][]byte) *Message {
	return &Message{frames: appendFrames(d, make([]byte, 0, framesSize(d, text, attachments)), text, attachments)}
}

// Size returns the bytes that the message takes in a queue.
func (m *Message) Size() int { return len(m.frames) }

// NewPacket encodes an Engine.IO packet, type included, as a text frame.
func NewPacket(packet []byte) *Message {
	b := appendHeader(make([]byte, 0, headerSize(len(packet))+len(packet)), finText, len(packet))
	return &Message{frames: append(b, packet...)}
}

// RawMessage wraps bytes that go to the peer as they are, such as the answer to
// a handshake. Only a queue that a WebSocket drains may hold it. It keeps b.
func RawMessage(b []byte) *Message { return &Message{frames: b} }
