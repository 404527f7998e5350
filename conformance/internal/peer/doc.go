// Package peer finds, installs and runs the programs that the conformance tests talk to: Node with the
// official packages, Python with python-socketio, and Chromium.
//
// A tool that is missing skips the test with the command that installs it, and fails it where the
// environment says CI=true. Every process is started by [Start], has a bounded life, and is ended by
// its own id together with what it started.
package peer
