package socketio

import "github.com/sockeye-io/sockeye/engineio"

// Reason says why a socket ended. Those that Node.js has too are its strings.
type Reason = engineio.Reason

// The reasons for which a socket ends: the first three are of this package, the
// others those of its connection.
const (
	// ReasonClientDisconnect: the client left the namespace and keeps the connection.
	ReasonClientDisconnect Reason = "client namespace disconnect"
	// ReasonServerDisconnect: Socket.Disconnect or Socket.Close was called.
	ReasonServerDisconnect Reason = "server namespace disconnect"
	// ReasonReplaced: the client has come back on another connection before this one's
	// end was noticed (Options.Recovery). Node.js has no such reason.
	ReasonReplaced Reason = "replaced"
	// ReasonTransportClose: the client closed the connection.
	ReasonTransportClose = engineio.ReasonTransportClose
	// ReasonTransportError: the connection failed.
	ReasonTransportError = engineio.ReasonTransportError
	// ReasonPingTimeout: the client did not answer a ping in time.
	ReasonPingTimeout = engineio.ReasonPingTimeout
	// ReasonParseError: the client sent what is not an Engine.IO packet.
	ReasonParseError = engineio.ReasonParseError
	// ReasonForcedClose: the server closed the connection, as it does when a client
	// sends what is not a Socket.IO packet, or one for a namespace not joined.
	ReasonForcedClose = engineio.ReasonForcedClose
	// ReasonShutdown: Server.Shutdown was called.
	ReasonShutdown = engineio.ReasonShutdown
	// ReasonSlowConsumer: the client reads too slowly. Node.js has no such limit.
	ReasonSlowConsumer = engineio.ReasonSlowConsumer
)

// Disconnect is how a socket ended: one reason, and the detail where there is one.
type Disconnect struct {
	Reason Reason
	Err    error // nil when the reason says it all
}

// fromClient reports whether the end came from the client's side, so that events
// that had arrived before are still handled.
func fromClient(r Reason) bool {
	switch r {
	case ReasonClientDisconnect, ReasonReplaced, ReasonTransportClose, ReasonTransportError, ReasonPingTimeout:
		return true
	}
	return false
}

// recoverable reports whether a client can come back to a socket that has ended.
func recoverable(r Reason) bool {
	switch r {
	case ReasonTransportClose, ReasonTransportError, ReasonPingTimeout, ReasonForcedClose, ReasonShutdown, ReasonSlowConsumer:
		return true
	}
	return false
}
