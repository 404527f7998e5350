// Package transporttest holds every transport of a session to one contract.
//
// A transport is connected by a [Factory] to a queue, to a [Recorder] in the
// place of the session, and to a [Peer] that does what a client would. [Run]
// then has packets go both ways, lets the peer fall behind, stop and vanish, and
// checks what package transport promises: order, attachments that follow their
// message, an end that is told once, nothing left running.
//
// The tests run in virtual time (testing/synctest), so a transport is best
// connected over internal/memnet. One that needs the real network says so with
// Factory.Real; its tests then wait for a moment where they look for something
// that must not happen.
package transporttest
