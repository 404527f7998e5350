// Package conformance holds Sockeye against real peers.
//
//   - Wire cases: raw HTTP and WebSocket bytes, named after the cases of the official Engine.IO v4 and
//     Socket.IO v5 protocol suites and after every row of the reference's tables of bad requests and
//     malformed packets. They run against our server and against the official Node server; where the two
//     are meant to differ, DIFFERENCES.md says so and why. Each case names the mutations of
//     internal/mutant that it must fail under, and a test sees to it.
//   - Peers: the official JavaScript client and python-socketio against our server, over polling,
//     WebSocket and the upgrade.
//   - browser: headless Chromium against the demo of the sockeye binary.
//
// "go run ./server" serves the endpoints that the official suites themselves can be pointed at.
//
// Node, Python and Chromium are found or installed by internal/peer; a tool that is missing skips the
// tests that need it, and fails them where CI=true.
package conformance
