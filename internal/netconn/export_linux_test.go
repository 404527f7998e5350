package netconn

import "unsafe"

// RawSize is the size in bytes of a connection's struct.
const RawSize = unsafe.Sizeof(raw{})

// IsRaw reports whether c is read and written by system calls of its own.
func IsRaw(c Conn) bool {
	_, ok := c.(*raw)
	return ok
}
