//go:build !linux

package netconn

import "net"

// newRaw has nothing to offer here: asking for writability without losing the
// wake-up needs a system call that only Linux has in package syscall.
func newRaw(net.Conn) (Conn, bool) { return nil, false }
