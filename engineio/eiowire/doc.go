// Package eiowire turns bytes into Engine.IO packets and back: revision 4 of the
// protocol, and in functions of their own revision 3 (names that end in V3) and
// the form that payloads of either have in JSONP.
//
// A WebSocket carries one packet a message: a text message is what [Decode] reads
// and [Append] writes, a binary message is the data of a binary [Message] itself.
// HTTP long-polling carries any number of packets in one body, as text, with the
// byte 0x1E between them: [Payload] and [AppendPayload].
//
// The package is pure: no goroutines, no clock, no I/O. Its functions may be
// called from any number of goroutines at once, and take time and memory in
// proportion to the bytes they are given.
package eiowire
