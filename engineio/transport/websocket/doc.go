// Package websocket carries an Engine.IO session over a WebSocket (RFC 6455).
//
// A connection is a state machine fed with bytes ([Conn.Feed]): it takes what a
// read delivered, unmasks in place, hands complete packets to its sink and
// keeps only what is incomplete. The driver in this package feeds it from one
// goroutine that is parked in a read and holds no buffer meanwhile; another
// driver may feed it from an event loop.
//
// # Goroutines
//
// An open connection has one goroutine, the reader. It also runs the handlers
// of what it read; when they take long, a fresh goroutine reads on (see
// [transport.Turn]). A second one exists while the peer's window is full and
// something waits to be written. Both run in the server's worker group.
//
// # Limits
//
// A frame or a message longer than Config.MaxPayload closes the connection with
// code 1009. Memory for an incomplete message grows with what has arrived, not
// with what a header declares.
package websocket
