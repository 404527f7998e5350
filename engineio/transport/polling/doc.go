// Package polling carries an Engine.IO session over HTTP long-polling: a GET
// waits for packets, a POST brings some.
//
// The requests live in somebody else's http.Server. Both clear the deadlines
// that the application may have set on all requests, since they wait on purpose:
// a GET for packets, a POST for a session that is paused. What bounds them is
// the session, which ends for want of a pong; its end answers both, and a body
// that has not come is not waited for. While an answer is written, a client that
// takes nothing is cut off. An answer counts as sent only when it has been
// flushed: otherwise the session ends, because its packets have left the queue.
//
// # Concurrency
//
// At most one GET and one POST of a session may be open; a second one ends the
// session. Handlers never run on the goroutine of a POST: its answer must not
// wait for them, or an acknowledgement in the next POST could not reach them.
package polling
