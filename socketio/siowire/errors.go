package siowire

import (
	"errors"
	"fmt"
)

// What is wrong with a message, for errors.Is on the *ParseError of a Decoder.
var (
	ErrEmpty           = errors.New("empty message")
	ErrType            = errors.New("unknown packet type")
	ErrAttachments     = errors.New("illegal number of attachments")
	ErrTooManyAttached = errors.New("too many attachments")
	ErrID              = errors.New("illegal acknowledgement id")
	ErrPayload         = errors.New("payload does not fit the packet type")
	ErrReserved        = errors.New("reserved event name")
	ErrSyntax          = errors.New("invalid JSON")
	ErrUTF8            = errors.New("invalid UTF-8")
	ErrDepth           = errors.New("nested too deeply")
	ErrPlaceholder     = errors.New("placeholders do not match the attachments")
	ErrInterrupted     = errors.New("text message among the attachments of a packet")
	ErrUnexpected      = errors.New("attachment without a packet")
	ErrTooLong         = errors.New("message of 4 GiB or more")
)

// What is wrong with a value, for errors.Is on an *EncodeError or a *DecodeError.
var (
	ErrMissing   = errors.New("no such argument")
	ErrBinary    = errors.New("packet type cannot have attachments")
	ErrNamespace = errors.New("namespace does not begin with a slash or contains a comma")
)

// ParseError is what a [Decoder] returns for a message that is not allowed. The
// fault is the peer's.
type ParseError struct {
	// Offset is where in the message the fault was seen, in bytes.
	Offset int
	// Err is one of the errors of this package, such as ErrSyntax.
	Err error
}

// Error implements error.
func (e *ParseError) Error() string {
	return fmt.Sprintf("socket.io packet: %v at byte %d", e.Err, e.Offset)
}

// Unwrap returns Err.
func (e *ParseError) Unwrap() error { return e.Err }

// EncodeError is what a [Parser] returns for arguments that cannot be written.
// Nothing has been sent. The fault is the caller's.
type EncodeError struct {
	// Arg is the index of the argument among those after the event's name; -1 if
	// the packet as a whole is at fault.
	Arg int
	Err error
}

// Error implements error.
func (e *EncodeError) Error() string {
	if e.Arg < 0 {
		return fmt.Sprintf("socket.io packet cannot be encoded: %v", e.Err)
	}
	return fmt.Sprintf("socket.io argument %d cannot be encoded: %v", e.Arg, e.Err)
}

// Unwrap returns Err.
func (e *EncodeError) Unwrap() error { return e.Err }

// DecodeError is what [Args.Decode] and [Raw.Decode] return for an argument that
// is not there, or not of the wanted form. The packet itself was in order.
type DecodeError struct {
	// Arg is the index of the argument; -1 if a single Raw was decoded.
	Arg int
	Err error
}

// Error implements error.
func (e *DecodeError) Error() string {
	if e.Arg < 0 {
		return fmt.Sprintf("socket.io value cannot be decoded: %v", e.Err)
	}
	return fmt.Sprintf("socket.io argument %d cannot be decoded: %v", e.Arg, e.Err)
}

// Unwrap returns Err.
func (e *DecodeError) Unwrap() error { return e.Err }
