// Package sockeye holds what both ends of a connection share: the names of
// events, with the types that travel under them.
//
// A plain string names an event; a typed constant names it and fixes its
// payload, so that a handler or a call with another type does not compile:
//
//	const ChatMessage sockeye.Event[Message] = "chat message"
//	const WhoAmI sockeye.Request[Query, User] = "whoami"
//
// The helpers of packages socketio (server) and client accept both forms. This
// package imports nothing, so a contract can be shared by programs that have
// only one of the two ends.
package sockeye

// Event is the name of an event whose first argument is a T. An untyped string
// constant is assignable to it.
type Event[T any] string

// Request is the name of an event whose first argument is a T and whose
// acknowledgement is an R. An untyped string constant is assignable to it.
type Request[T, R any] string
