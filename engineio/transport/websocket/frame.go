package websocket

import (
	"encoding/binary"
	"errors"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// Opcodes (RFC 6455, section 5.2).
const (
	opContinuation = 0x0
	opText         = 0x1
	opBinary       = 0x2
	opClose        = 0x8
	opPing         = 0x9
	opPong         = 0xA
)

// First bytes of the control frames that a server sends.
const (
	finClose = 0x80 | opClose
	finPong  = 0x80 | opPong
)

// Close codes (RFC 6455, section 7.4.1).
const (
	codeProtocolError = 1002
	codeInvalidUTF8   = 1007
	// A compressed message that does not inflate is as inconsistent as text that
	// is not UTF-8.
	codeInvalidPayload = 1007
	codeTooLarge       = 1009
)

// maxHeader is the length of the longest frame header of a client.
const maxHeader = 14

// maxControl is the longest payload of a control frame.
const maxControl = 125

// ProtocolError is a violation of RFC 6455 by the peer. The connection is
// closed with Code.
type ProtocolError struct {
	Code   int    // the close code sent to the peer
	Reason string // what was wrong
}

// Error tells what the peer did wrong.
func (e *ProtocolError) Error() string { return "websocket: peer broke the protocol: " + e.Reason }

var errIncomplete = errors.New("incomplete header")

// header is a decoded frame header of a client.
type header struct {
	fin    bool
	rsv1   bool // the message is compressed
	opcode byte
	length int64
	mask   [4]byte
}

// parseHeader decodes the frame header at the start of p and returns its size.
// It returns errIncomplete if p ends before the header does.
func parseHeader(p []byte) (header, int, error) {
	if len(p) < 2 {
		return header{}, 0, errIncomplete
	}
	h := header{fin: p[0]&0x80 != 0, rsv1: p[0]&0x40 != 0, opcode: p[0] & 0x0f}
	if p[0]&0x30 != 0 {
		return h, 0, &ProtocolError{codeProtocolError, "reserved bits set without an extension"}
	}
	if p[1]&0x80 == 0 {
		return h, 0, &ProtocolError{codeProtocolError, "frame without a mask"}
	}
	size := 6
	switch n := p[1] & 0x7f; n {
	case 126:
		size = 8
		if len(p) < size {
			return h, 0, errIncomplete
		}
		h.length = int64(binary.BigEndian.Uint16(p[2:]))
	case 127:
		size = maxHeader
		if len(p) < size {
			return h, 0, errIncomplete
		}
		n := binary.BigEndian.Uint64(p[2:])
		if n > 1<<63-1 {
			return h, 0, &ProtocolError{codeProtocolError, "frame length with the high bit set"}
		}
		h.length = int64(n)
	default:
		if len(p) < size {
			return h, 0, errIncomplete
		}
		h.length = int64(n)
	}
	copy(h.mask[:], p[size-4:size])
	return h, size, h.check()
}

// check applies the rules that need no payload.
func (h header) check() error {
	switch h.opcode {
	case opContinuation, opText, opBinary:
		return nil
	case opClose, opPing, opPong:
		if !h.fin {
			return &ProtocolError{codeProtocolError, "fragmented control frame"}
		}
		if h.length > maxControl {
			return &ProtocolError{codeProtocolError, "control frame longer than 125 bytes"}
		}
		return nil
	default:
		return &ProtocolError{codeProtocolError, "unknown opcode"}
	}
}

// unmask decodes payload in place; offset is its position in the frame.
func (h header) unmask(payload []byte, offset int) { ws.Cipher(payload, h.mask, offset) }

// checkClose validates the payload of a close frame and returns its code, zero
// if it has none.
func checkClose(payload []byte) (int, error) {
	switch {
	case len(payload) == 0:
		return 0, nil
	case len(payload) == 1:
		return 0, &ProtocolError{codeProtocolError, "close frame with one byte"}
	}
	code := int(binary.BigEndian.Uint16(payload))
	valid := code >= 3000 && code <= 4999 ||
		code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006
	if !valid {
		return 0, &ProtocolError{codeProtocolError, "invalid close code"}
	}
	if !utf8.Valid(payload[2:]) {
		return 0, &ProtocolError{codeInvalidUTF8, "close reason is not UTF-8"}
	}
	return code, nil
}

// closePayload returns the payload of a close frame; code zero makes it empty.
func closePayload(code int) string {
	if code == 0 {
		return ""
	}
	return string([]byte{byte(code >> 8), byte(code)})
}
