package engineio

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/sockeye-io/sockeye/engineio/transport"
)

// Reason says why a session ended; see the constants of package transport. The
// strings are those of the Node.js server where it has the same situation.
type Reason = transport.Reason

// Why a session ended.
const (
	ReasonTransportClose = transport.ReasonTransportClose // the peer closed the connection
	ReasonTransportError = transport.ReasonTransportError // the connection failed or the peer broke a rule
	ReasonForcedClose    = transport.ReasonForcedClose    // this side closed the session
	ReasonPingTimeout    = transport.ReasonPingTimeout    // no pong arrived in time
	ReasonParseError     = transport.ReasonParseError     // the peer sent what is not a packet
	ReasonShutdown       = transport.ReasonShutdown       // the server shuts down
	ReasonSlowConsumer   = transport.ReasonSlowConsumer   // the peer does not read what it is sent
)

// Close is how a session ended.
type Close = transport.Close

// Errors of writing, and details of a Close.
var (
	ErrClosed          = transport.ErrClosed          // the session has ended; nothing was queued
	ErrSlowConsumer    = transport.ErrSlowConsumer    // the peer's queue is full; the session is being closed
	ErrMessageTooLarge = transport.ErrMessageTooLarge // the peer sent more than Options.MaxPayload
)

// ErrNotHTTP1 is the Err of a ConnectionError: a WebSocket was asked for over
// HTTP/2 or later, whose connections carry other requests too and cannot be taken
// over. Browsers do not ask: they open a connection of HTTP/1.1 for it. Polling works
// over every version.
var ErrNotHTTP1 = errors.New("engineio: a WebSocket needs a connection of HTTP/1.1")

// Code numbers the refusals of a request (Engine.IO protocol, error codes of the
// reference server).
type Code int

// The codes of refused requests.
const (
	CodeUnknownTransport   Code = 0
	CodeUnknownSID         Code = 1
	CodeBadHandshakeMethod Code = 2
	CodeBadRequest         Code = 3
	CodeForbidden          Code = 4
	CodeUnsupportedVersion Code = 5
)

// String returns the message that goes with the code on the wire.
func (c Code) String() string {
	switch c {
	case CodeUnknownTransport:
		return "Transport unknown"
	case CodeUnknownSID:
		return "Session ID unknown"
	case CodeBadHandshakeMethod:
		return "Bad handshake method"
	case CodeBadRequest:
		return "Bad request"
	case CodeForbidden:
		return "Forbidden"
	case CodeUnsupportedVersion:
		return "Unsupported protocol version"
	default:
		return "Unknown error"
	}
}

// ConnectionError is a refused request.
type ConnectionError struct {
	Request *http.Request // valid during Options.OnConnectionError only
	Code    Code
	Status  int    // the HTTP status of the answer
	Message string // what the peer is told
	Name    string // which rule, where a code stands for several: "TRANSPORT_MISMATCH", ...
	Detail  string // what in the request broke it, such as the transport asked for
	Err     error  // what a hook returned, ErrNotHTTP1, or nil
}

// Error tells code, rule and detail.
func (e *ConnectionError) Error() string {
	msg := fmt.Sprintf("engineio: request refused with code %d: %s", int(e.Code), e.Message)
	if e.Name != "" {
		msg += " (" + e.Name + ")"
	}
	if e.Detail != "" {
		msg += ": " + e.Detail
	}
	return msg
}

// Unwrap returns Err.
func (e *ConnectionError) Unwrap() error { return e.Err }
