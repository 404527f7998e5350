// Package polling carries an Engine.IO session over HTTP long-polling: a GET
// waits for packets, a POST brings some.
//
// The requests live in somebody else's http.Server. A poll clears the write
// deadline that the application may have set on it, since it waits on purpose,
// and its answer counts as sent only when it has been flushed: otherwise the
// session ends, because its packets have left the queue.
//
// # Concurrency
//
// At most one GET and one POST of a session may be open; a second one ends the
// session. Handlers never run on the goroutine of a POST: its answer must not
// wait for them, or an acknowledgement in the next POST could not reach them.
package polling
