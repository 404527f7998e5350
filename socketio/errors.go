package socketio

import (
	"errors"
	"fmt"

	"github.com/sockeye-io/sockeye/engineio"
	"github.com/sockeye-io/sockeye/socketio/siowire"
)

// Errors of this package, for errors.Is.
var (
	// ErrDisconnected: the socket has ended. Nothing was sent, or the
	// acknowledgement that was waited for cannot come any more. The error that
	// wraps it is a *DisconnectedError, which says why, once the socket knows.
	ErrDisconnected = errors.New("socketio: socket disconnected")
	// ErrNotConnected: the socket's connection middleware has not accepted it
	// yet, so its client can answer nothing.
	ErrNotConnected = errors.New("socketio: socket not connected yet")
	// ErrInboundFull: a Call ended because the connection that it depends on has
	// sent so much else that it is not read any further until its handlers catch
	// up, so the acknowledgement could not arrive. The event may have been sent.
	ErrInboundFull = errors.New("socketio: inbound queue full while waiting for an acknowledgement")
	// ErrReplied: the packet has been answered already. Nothing was sent.
	ErrReplied = errors.New("socketio: event already acknowledged")
	// ErrSlowConsumer: the client reads too slowly and its outbound queue is over
	// Options.Engine.OutboundLimit. Nothing was queued and the connection is being
	// closed.
	ErrSlowConsumer = engineio.ErrSlowConsumer
)

// What a client can do that ends its connection, beyond what siowire refuses.
var (
	errNotJoined     = errors.New("packet for a namespace that is not joined")
	errSecondConnect = errors.New("second CONNECT for a namespace")
	errClientError   = errors.New("CONNECT_ERROR from a client")
	errLostHistory   = errors.New("missed events were dropped while the client came back")
	errReplaced      = errors.New("the client came back on another connection")
	errNoNamespace   = errors.New("no namespace joined within Options.ConnectTimeout")
)

// EncodeError is what an Emit, a Call or a Reply returns for arguments that
// cannot be written. Nothing was sent.
type EncodeError = siowire.EncodeError

// ArgumentError says which argument of an event or an acknowledgement is missing
// or does not fit the Go type that it was asked for with.
type ArgumentError = siowire.DecodeError

// Error is an error that the peer may see. Returned by a handler it becomes the
// acknowledgement, and by a connection middleware the CONNECT_ERROR; the text of
// any other error stays on the server. Call turns an acknowledgement of that form
// back into an *Error.
type Error struct {
	Message string
	// Data is any value that an event can carry; nil for none. In an Error that
	// Call returns it is what the JSON decodes to.
	Data any
}

// Error implements error.
func (e *Error) Error() string { return e.Message }

// PanicError is what a handler's panic is reported as.
type PanicError struct {
	Value any    // what was panicked with
	Stack []byte // as debug.Stack prints it, from the panic up
}

// Error implements error.
func (e *PanicError) Error() string { return fmt.Sprintf("socketio: handler panicked: %v", e.Value) }

// Unwrap returns the value if it is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// DisconnectedError is how a socket ended, as an error: the cause of its
// context's end, and what its methods return afterwards. It is ErrDisconnected to
// errors.Is.
type DisconnectedError struct {
	Disconnect
	socket *Socket
}

// Error implements error.
func (e *DisconnectedError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("%v: %s: %v", ErrDisconnected, e.Reason, e.Err)
	}
	return fmt.Sprintf("%v: %s", ErrDisconnected, e.Reason)
}

// Is reports whether target is ErrDisconnected.
func (e *DisconnectedError) Is(target error) bool { return target == ErrDisconnected }

// Unwrap returns the detail of the Disconnect.
func (e *DisconnectedError) Unwrap() error { return e.Err }

// internalError is what a peer learns of an error that is not an *Error.
const internalError = "internal error"

// errorBody is the public part of an error as it travels.
type errorBody struct {
	Message string `json:"message"`
	Data    any    `json:"data,omitzero"`
}

// errorReply is the one argument of an acknowledgement that stands for an error.
type errorReply struct {
	Error errorBody `json:"error"`
}

// isPublic reports whether the peer may see err.
func isPublic(err error) bool {
	var public *Error
	return errors.As(err, &public)
}

// publicError returns what of err may be sent.
func publicError(err error) errorBody {
	var public *Error
	if errors.As(err, &public) {
		return errorBody{Message: public.Message, Data: public.Data}
	}
	return errorBody{Message: internalError}
}

// defaultAckError is Options.AckError unless it is set.
func defaultAckError(err error) []any { return []any{errorReply{Error: publicError(err)}} }
