package transport

import (
	"errors"

	"github.com/sockeye-io/sockeye/engineio/eiowire"
)

// Reason says why a session ended. The strings are those of the Node.js
// server; situations that it does not have carry strings of their own.
type Reason string

// The reasons of the Node.js server.
const (
	ReasonTransportClose Reason = "transport close" // the peer closed the connection
	ReasonTransportError Reason = "transport error" // the connection failed, or the peer broke a rule of the transport
	ReasonForcedClose    Reason = "forced close"    // this side closed the session
	ReasonPingTimeout    Reason = "ping timeout"    // no pong arrived in time
	ReasonParseError     Reason = "parse error"     // the peer sent what is not an Engine.IO packet
	ReasonShutdown       Reason = "server shutting down"
)

// Reasons that the Node.js server does not have.
const (
	// ReasonSlowConsumer: the outbound queue was over its limit.
	ReasonSlowConsumer Reason = "slow consumer"
)

// Close is how a session ended: one reason, and the detail where there is one.
type Close struct {
	Reason Reason
	Err    error // nil when the reason says it all
}

// Errors of a queue and of the transports. They reach the user as the result
// of a write or as Close.Err.
var (
	// ErrClosed: the session has ended; nothing was queued.
	ErrClosed = errors.New("engineio: session closed")
	// ErrSlowConsumer: the peer does not read fast enough and its queue was
	// full; this write was not queued and the session is being closed.
	ErrSlowConsumer = errors.New("engineio: outbound queue over its limit: the peer reads too slowly")
	// ErrMessageTooLarge: the peer sent more than Options.MaxPayload bytes in
	// one message or one POST.
	ErrMessageTooLarge = errors.New("engineio: message larger than the limit (Options.MaxPayload)")
)

// EndError is a Close that the sink asks for.
type EndError struct {
	Close
}

// Error tells the reason and the detail.
func (e *EndError) Error() string {
	if e.Err == nil {
		return string(e.Reason)
	}
	return string(e.Reason) + ": " + e.Err.Error()
}

// Unwrap returns the detail.
func (e *EndError) Unwrap() error { return e.Err }

// EndOf returns how a transport ends because of an error of Sink.Packet or of
// the packet decoder.
func EndOf(err error) Close {
	var end *EndError
	if errors.As(err, &end) {
		return end.Close
	}
	return Close{Reason: ReasonParseError, Err: err}
}

// Sink is a session as its transport sees it.
type Sink interface {
	// Packet delivers one Engine.IO packet, whose bytes belong to the sink. It
	// runs no user code and does not block. An error ends the transport; an
	// *EndError says with which reason, any other is a parse error.
	Packet(p eiowire.Packet) error
	// Turn handles what the packets queued and may run user code for as long
	// as that takes.
	Turn(t *Turn)
	// Lost reports that the transport ended, once. A Packet may still be under
	// way on another goroutine.
	Lost(c Close)
}

// Drainer empties a queue: a transport.
type Drainer interface {
	// Drain writes what the queue holds, or arranges for it to be written. It
	// does not block.
	Drain()
}
