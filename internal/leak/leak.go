// Package leak fails the tests of a package whose goroutines outlive them.
package leak

import (
	"testing"

	"go.uber.org/goleak"
)

// Main is the body of a TestMain:
//
//	func TestMain(m *testing.M) { leak.Main(m) }
//
// It runs the tests and, if they passed, waits up to a second for the
// goroutines that they started. If some are still there it prints their stacks
// and exits with status 1. It does not return.
func Main(m *testing.M) {
	goleak.VerifyTestMain(m)
}
