package transport

import (
	"encoding/base64"
	"sync/atomic"
)

// Dialect is how a session's binary messages are framed: what its client's
// revision of the protocol wants, as bytes or, for a client that asks for text
// only (the query parameter b64), in base64.
type Dialect uint8

// The dialects. The zero value is the one that everybody speaks today.
const (
	DialectV4     Dialect = iota // the bytes alone
	DialectV4Text                // text: b and base64
	DialectV3                    // the packet type as a byte, then the bytes
	DialectV3Text                // text: b, the packet type and base64
)

// dialects is how many there are.
const dialects = 4

// isText reports whether binary messages are text frames.
func (d Dialect) isText() bool { return d == DialectV4Text || d == DialectV3Text }

// prefix is what stands before the data.
func (d Dialect) prefix() string {
	switch d {
	case DialectV4Text:
		return "b"
	case DialectV3:
		return "\x04"
	case DialectV3Text:
		return "b4"
	case DialectV4:
	}
	return ""
}

// first returns the first byte of a frame with a binary message.
func (d Dialect) first() byte {
	if d.isText() {
		return finText
	}
	return finBinary
}

// size returns how long a binary message of n bytes is as the payload of a frame.
func (d Dialect) size(n int) int {
	if d.isText() {
		n = base64.StdEncoding.EncodedLen(n)
	}
	return len(d.prefix()) + n
}

// appendPayload appends a binary message as the payload of a frame.
func (d Dialect) appendPayload(dst, data []byte) []byte {
	dst = append(dst, d.prefix()...)
	if d.isText() {
		return base64.StdEncoding.AppendEncode(dst, data)
	}
	return append(dst, data...)
}

// others holds the forms of a message in the dialects but the first.
type others [dialects - 1]atomic.Pointer[Message]

// in returns the message in a dialect but the first: itself, or a form that the first queue
// that needs it has made for all. Deflate is needed if the message has a
// compressed form.
func (m *Message) in(d Dialect, deflate *Deflate) *Message {
	if !m.attached {
		return m
	}
	all := m.others.Load()
	if all == nil {
		m.others.CompareAndSwap(nil, new(others))
		all = m.others.Load()
	}
	form := &all[d-1]
	if made := form.Load(); made != nil {
		return made
	}
	made := m.translate(d)
	if m.deflated != nil {
		made.Compress(deflate)
	}
	form.CompareAndSwap(nil, made)
	return form.Load()
}

// translate returns the message, which is in the first dialect, in another.
func (m *Message) translate(d Dialect) *Message {
	size := 0
	for rest := m.frames; len(rest) > 0; {
		payload, isBinary, n := nextFrame(rest)
		rest = rest[n:]
		if isBinary {
			n = d.size(len(payload))
			n += headerSize(n)
		}
		size += n
	}
	dst := make([]byte, 0, size)
	for rest := m.frames; len(rest) > 0; {
		payload, isBinary, n := nextFrame(rest)
		if isBinary {
			dst = appendHeader(dst, d.first(), d.size(len(payload)))
			dst = d.appendPayload(dst, payload)
		} else {
			dst = append(dst, rest[:n]...)
		}
		rest = rest[n:]
	}
	return &Message{frames: dst}
}
