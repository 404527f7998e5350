// Package netconn is the seam between a connection's state machine and the
// network: reading that holds no buffer while nothing arrives, and writing that
// tries before it waits.
//
// There are three kinds of Conn. On Linux a TCP or unix socket is read and
// written with its own system calls, beneath net.Conn; idle, it costs 88 bytes
// beyond what package net holds and no buffer. A connection that implements Conn
// itself is used as it is: internal/memnet does, so that the same code runs in
// virtual time. Everything else, as TLS, net.Pipe, the connection of a wrapped
// listener, or any connection on another system, goes through net.Conn's Read
// and Write; it holds a buffer of 512 bytes while it waits for its peer.
//
// # Roles
//
// One goroutine at a time may be in Receive, and one at a time may hold the
// writer role, that is, call TryWrite and WaitWrite. Who gets ErrAgain keeps the
// role, goes on in a goroutine of its own, and calls WaitWrite and TryWrite in
// turn until nothing is left; everybody else only queues meanwhile. Close and
// RemoteAddr may be called from anywhere at any time.
package netconn

import (
	"errors"
	"fmt"
	"net"
	"sync"
)

// ErrAgain is TryWrite's answer when the peer does not take all of it now.
var ErrAgain = errors.New("netconn: the peer's window is full")

// ErrMayWait is an ErrAgain that says nothing about the peer: this connection
// cannot write without perhaps waiting for it. The TryWrite behind WaitWrite
// does wait.
var ErrMayWait = fmt.Errorf("%w, or not: a write might wait", ErrAgain)

// Conn is one connection.
type Conn interface {
	// Receive waits until the peer has sent something and returns it; the caller
	// owns the buffer and releases it. It ends with io.EOF when the peer has
	// closed its side, with an error that is net.ErrClosed after Close, and with
	// the system's error otherwise; then the buffer is nil. One caller at a time.
	Receive() (*Buffer, error)

	// TryWrite writes as much of p as the peer takes and returns how much that
	// was. It returns ErrAgain, possibly with n > 0, if that is not all; the bytes
	// belong to the caller again in any case. It does not wait, except that on a
	// Conn without system calls of its own the one TryWrite after a WaitWrite
	// waits for the peer. Only the holder of the writer role calls it.
	TryWrite(p []byte) (n int, err error)

	// WaitWrite waits until TryWrite can make progress, or returns the error that
	// ended the connection. Only the holder of the writer role calls it, on a
	// goroutine of its own, after an ErrAgain.
	WaitWrite() error

	// CloseWrite tells the peer that nothing more will come, behind what has been
	// written. What the peer sends is still received. A connection that cannot
	// end one direction alone does nothing. Only the holder of the writer role
	// calls it, as its last act.
	CloseWrite() error

	// Close ends the connection, and with it a Receive, a TryWrite and a WaitWrite
	// that wait; these return an error that is net.ErrClosed. Called again, it
	// does no more and may report net.ErrClosed. It does not wait. It must not be
	// called from inside a callback of the connection's syscall.RawConn.
	Close() error

	// RemoteAddr is the peer's address.
	RemoteAddr() net.Addr
}

// New returns the Conn for c, which belongs to it from then on. The early bytes,
// those that somebody else has read from c already, are copied and are the first
// that Receive returns. Deadlines set on c before stay in force: clear them.
func New(c net.Conn, early []byte) Conn {
	conn, ok := c.(Conn)
	if !ok {
		conn, ok = newRaw(c)
	}
	if !ok {
		conn = &generic{conn: c}
	}
	if len(early) > 0 {
		conn = &preceded{Conn: conn, early: append([]byte(nil), early...)}
	}
	return conn
}

// closeWrite ends the writing direction of c if it can.
func closeWrite(c net.Conn) error {
	half, ok := c.(interface{ CloseWrite() error })
	if !ok {
		return nil
	}
	return half.CloseWrite()
}

// preceded is a Conn with bytes to receive before its own.
type preceded struct {
	Conn

	// owned by the caller of Receive
	early []byte
}

func (c *preceded) Receive() (*Buffer, error) {
	if len(c.early) == 0 {
		return c.Conn.Receive()
	}
	b := Borrow()
	b.n = copy(b.data[:], c.early)
	if c.early = c.early[b.n:]; len(c.early) == 0 {
		c.early = nil
	}
	return b, nil
}

// BufferSize is how much one Receive returns at most.
const BufferSize = 64 << 10

// Buffer is a pooled piece of memory with received bytes in it. It has one owner
// at a time, who may pass it on.
type Buffer struct {
	n    int
	data [BufferSize]byte
}

var buffers = sync.Pool{New: func() any { return new(Buffer) }}

// Borrow returns an empty buffer, for implementations of Receive.
func Borrow() *Buffer {
	return buffers.Get().(*Buffer) //nolint:forcetypeassert // the pool holds nothing else
}

// Space is the whole memory of b, to be filled before SetLen.
func (b *Buffer) Space() []byte { return b.data[:] }

// SetLen makes the first n bytes of Space, at most BufferSize, those that Bytes
// returns.
func (b *Buffer) SetLen(n int) { b.n = n }

// Bytes returns what was received. It may be changed and is valid until Release.
func (b *Buffer) Bytes() []byte { return b.data[:b.n] }

// Release gives the memory back, to hold bytes of another connection next. The
// owner calls it once and touches nothing of b any more.
func (b *Buffer) Release() {
	b.n = 0
	buffers.Put(b)
}
