// Package transport holds what the carriers of an Engine.IO session share: the
// outbound queue, the flusher that empties queues, the turn in which a batch of
// input is handled, and the seam between a carrier and its session.
//
// # The queue
//
// Whatever carries the session, its [Queue] holds complete server WebSocket
// frames. A WebSocket connection writes them as they are; long-polling turns
// them into a payload when a GET asks for them. Server frames are not masked,
// so the bytes of a broadcast are the same for every member: they are encoded
// once, as a [Message], and every queue holds a reference to it. Where peers
// want binary messages in another form ([Dialect]), the first of them that a
// message goes to has that form made for all of its kind.
//
// # Who writes
//
// One goroutine at a time holds a queue's writer role ([Queue.Acquire]); the
// others only append. Whoever appends to a queue that nobody is emptying hands
// it to the [Flusher], except while a [Turn] of the same session runs: then the
// bytes wait for company and leave together when the turn ends, when a handler
// waits ([Turn.Yield]), at 16 kB, or after a millisecond.
//
// # Concurrency
//
// All methods of Queue, Flusher and Turn may be called from any goroutine
// unless they say otherwise. Queue.mu is a leaf: nothing else is locked and no
// other package is called while it is held.
package transport
