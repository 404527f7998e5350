// Package raw is a peer that speaks bytes: plain HTTP requests and WebSocket frames, written and read
// as they stand on the wire. It knows nothing of the packages under test and shares no code with them,
// so a mistake cannot hide on both sides.
//
// Every method reports a failure through [T] and does not return after one. Nothing here waits longer
// than the [Peer]'s Patience.
package raw

import "context"

// T is the part of [testing.TB] that a case needs. A recorder stands in for it when a case is expected to fail.
type T interface {
	Helper()
	Logf(format string, args ...any)
	Fatalf(format string, args ...any)
	Cleanup(fn func())
	Context() context.Context
}
