package netconn

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"unsafe"
)

// raw is a Conn over a socket of the runtime's poller. It reads and writes by
// system calls inside callbacks of syscall.RawConn; between them the poller
// waits and nothing is held: a goroutine parked in Receive keeps its first stack
// of 2 kB and no buffer. It costs 88 bytes: the struct 64, the callback for
// reading, built once, 16, and the syscall.RawConn 8.
//
// Two traps shape it. The poller forgets a readiness that came before a callback
// is first called, so a callback tries before it asks to wait. And a goroutine
// parked in RawConn.Write holds the descriptor's write lock, so that a second
// try would block: hence the writer role.
type raw struct {
	// static
	conn   net.Conn
	sys    syscall.RawConn
	readFn func(fd uintptr) bool

	// owned by the caller of Receive
	got   *Buffer // what readFn has received; nil at the end of the stream
	errno syscall.Errno
}

// newRaw takes the exact types of package net only: a type that wraps one may
// have a Read or Write of its own, which system calls would bypass.
func newRaw(c net.Conn) (Conn, bool) {
	var sys syscall.RawConn
	var err error
	switch c := c.(type) {
	case *net.TCPConn:
		sys, err = c.SyscallConn()
	case *net.UnixConn:
		sys, err = c.SyscallConn()
	default:
		return nil, false
	}
	if err != nil {
		return nil, false
	}
	r := &raw{conn: c, sys: sys}
	r.readFn = r.tryRead
	return r, true
}

func (c *raw) Receive() (*Buffer, error) {
	if err := c.sys.Read(c.readFn); err != nil {
		return nil, err
	}
	b, errno := c.got, c.errno
	c.got, c.errno = nil, 0
	switch {
	case errno != 0:
		return nil, os.NewSyscallError("read", errno)
	case b == nil:
		return nil, io.EOF
	}
	return b, nil
}

// tryRead is the callback of Receive. It reports false to wait for the peer.
func (c *raw) tryRead(fd uintptr) bool {
	b := Borrow()
	b.n, c.errno = read(fd, b.data[:])
	if b.n > 0 {
		c.got = b
		return true
	}
	b.Release()
	return c.errno != syscall.EAGAIN
}

// writeOp is one TryWrite on its way through RawConn.Write.
type writeOp struct {
	fn    func(fd uintptr) bool
	p     []byte
	n     int
	errno syscall.Errno
}

var writeOps = sync.Pool{New: func() any {
	op := new(writeOp)
	op.fn = op.tryWrite
	return op
}}

func (c *raw) TryWrite(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	op := writeOps.Get().(*writeOp) //nolint:forcetypeassert // the pool holds nothing else
	op.p = p
	err := c.sys.Write(op.fn)
	n, errno := op.n, op.errno
	op.p, op.n, op.errno = nil, 0, 0
	writeOps.Put(op)
	switch {
	case err != nil:
		return n, err
	case errno == syscall.EAGAIN:
		return n, ErrAgain
	case errno != 0:
		return n, os.NewSyscallError("write", errno)
	}
	return n, nil
}

// tryWrite is the callback of TryWrite. It reports true always: to wait is for
// WaitWrite. A socket that takes less than it is given is full.
func (op *writeOp) tryWrite(fd uintptr) bool {
	op.n, op.errno = write(fd, op.p)
	if op.errno == 0 && op.n < len(op.p) {
		op.errno = syscall.EAGAIN
	}
	return true
}

func (c *raw) WaitWrite() error { return c.sys.Write(writable) }

func (c *raw) CloseWrite() error { return closeWrite(c.conn) }

func (c *raw) Close() error { return c.conn.Close() }

func (c *raw) RemoteAddr() net.Addr { return c.conn.RemoteAddr() }

// read is read(2), repeated if a signal interrupts it.
func read(fd uintptr, p []byte) (int, syscall.Errno) {
	for {
		n, err := syscall.Read(int(fd), p)
		if errno, ok := err.(syscall.Errno); ok { //nolint:errorlint // package syscall returns it bare
			if errno == syscall.EINTR {
				continue
			}
			return 0, errno
		}
		return n, 0
	}
}

// write is write(2), repeated if a signal interrupts it.
func write(fd uintptr, p []byte) (int, syscall.Errno) {
	for {
		n, err := syscall.Write(int(fd), p)
		if errno, ok := err.(syscall.Errno); ok { //nolint:errorlint // package syscall returns it bare
			if errno == syscall.EINTR {
				continue
			}
			return 0, errno
		}
		return n, 0
	}
}

// writable is the callback of WaitWrite: it asks the kernel, without waiting,
// whether the socket takes bytes or has failed.
func writable(fd uintptr) bool {
	const pollOut = 0x4
	type pollFD struct {
		fd      int32
		events  int16
		revents int16
	}
	for {
		ask := pollFD{fd: int32(fd), events: pollOut}
		var now syscall.Timespec
		n, _, errno := syscall.RawSyscall6(syscall.SYS_PPOLL,
			uintptr(unsafe.Pointer(&ask)), 1, uintptr(unsafe.Pointer(&now)), 0, 0, 0)
		if errno == syscall.EINTR {
			continue
		}
		return n != 0 || errno != 0 // TryWrite tells what is wrong
	}
}
