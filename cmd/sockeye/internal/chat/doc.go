// Package chat is the demo of the sockeye binary: a chat with rooms, private
// messages and pictures, and the page for it. It uses nothing but what package
// socketio exports, so it can be read as a larger example; examples/chat is the
// small one, without pictures, histories or limits.
//
// contract.go has every event that travels, with its types. The page is in web/:
// plain HTML, CSS and JavaScript, served from the binary, which fetches nothing
// from anywhere else and never treats what people write as HTML.
//
// # Concurrency
//
// One mutex guards who is where and what was said. Events are emitted while it is
// held: Emit never waits for anyone, and so a room's history and what its people
// receive have the same order, and who enters gets each message either in the
// history or as an event. Nothing else happens under the lock. A private message
// waits for its reader in a goroutine of its own, for at most answerTimeout;
// Wait waits for those.
//
// # Bounds
//
// Everything that people can make is bounded: the number of people and rooms, the
// length of names, texts and histories, the bytes of pictures, and the private
// messages of one person that wait for an answer. What is over a bound is refused
// with a code and a sentence for people. An old empty room makes way for a new
// one, and the oldest picture for a new one.
package chat
