package netconn

import (
	"io"
	"net"
	"sync/atomic"
)

// generic is a Conn over any net.Conn. Such a connection can neither tell that
// bytes have come without taking them, nor write without waiting.
type generic struct {
	// static
	conn net.Conn

	closed atomic.Bool

	// owned by the caller of Receive
	small *[512]byte // holds what wakes a waiting Receive
	large bool       // the last Receive filled its buffer: more is probably there

	// owned by the writer role
	mayWait bool // WaitWrite was called: the next TryWrite runs where it may wait
}

// Receive reads into a small buffer, as nobody knows for how long, and copies.
// While a peer sends faster than that, it reads into a pooled buffer.
func (c *generic) Receive() (*Buffer, error) {
	if c.large {
		b := Borrow()
		n, err := c.read(b.data[:])
		if err != nil {
			b.Release()
			return nil, err
		}
		b.n = n
		c.large = n >= len(c.small)
		return b, nil
	}
	if c.small == nil {
		c.small = new([512]byte)
	}
	n, err := c.read(c.small[:])
	if err != nil {
		return nil, err
	}
	b := Borrow()
	b.n = copy(b.data[:], c.small[:n])
	c.large = n == len(c.small)
	return b, nil
}

// read waits for at least one byte. An error that comes along with bytes comes
// again without them.
func (c *generic) read(p []byte) (int, error) {
	for range 100 {
		n, err := c.conn.Read(p)
		if n > 0 {
			return n, nil
		}
		if err != nil {
			return 0, c.fail(err)
		}
	}
	return 0, io.ErrNoProgress
}

// TryWrite refuses until WaitWrite has told that waiting is all right here.
func (c *generic) TryWrite(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if !c.mayWait {
		return 0, ErrMayWait
	}
	c.mayWait = false
	n, err := c.conn.Write(p)
	if err != nil {
		return n, c.fail(err)
	}
	return n, nil
}

func (c *generic) WaitWrite() error {
	c.mayWait = true
	return nil
}

func (c *generic) CloseWrite() error { return closeWrite(c.conn) }

// Close does not wait for a peer that does not read: TLS would, to say goodbye,
// so the connection beneath it is closed. CloseWrite has said it by then if the
// end was an orderly one.
func (c *generic) Close() error {
	c.closed.Store(true)
	if over, ok := c.conn.(interface{ NetConn() net.Conn }); ok {
		return over.NetConn().Close()
	}
	return c.conn.Close()
}

// fail makes one error of the many that connections return after their Close.
func (c *generic) fail(err error) error {
	if c.closed.Load() {
		return net.ErrClosed
	}
	return err
}

func (c *generic) RemoteAddr() net.Addr { return c.conn.RemoteAddr() }
