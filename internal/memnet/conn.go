package memnet

import (
	"io"
	"net"
	"time"

	"github.com/sockeye-io/sockeye/internal/netconn"
)

// Conn is one end of a connection. Its faults are those of the network and hit
// both ends, whichever end they are called on.
type Conn struct {
	// static
	*link
	in, out       *stream
	local, remote net.Addr
}

var (
	_ net.Conn     = (*Conn)(nil)
	_ netconn.Conn = (*Conn)(nil)
)

// Pipe returns the two ends of a connection without a listener.
func Pipe(o Options) (client, server *Conn) { return pipe(o, 40_000) }

func pipe(o Options, port int) (client, server *Conn) {
	l := newLink(o)
	up, down := &stream{link: l, latency: o.ToServer}, &stream{link: l, latency: o.ToClient}
	c, s := address(port), address(serverPort)
	return &Conn{link: l, in: down, out: up, local: c, remote: s},
		&Conn{link: l, in: up, out: down, local: s, remote: c}
}

// Read waits until something has arrived and returns it; io.EOF at the end of
// the stream, an error that is net.ErrClosed after Close, ECONNRESET after Cut.
func (c *Conn) Read(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.in.waitReadableLocked(); err != nil {
		return 0, c.fail("read", err)
	}
	return c.in.takeLocked(p), nil
}

// Receive is Read into a borrowed buffer. See netconn.Conn.
func (c *Conn) Receive() (*netconn.Buffer, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.in.waitReadableLocked(); err != nil {
		return nil, c.fail("read", err)
	}
	b := netconn.Borrow()
	b.SetLen(c.in.takeLocked(b.Space()))
	return b, nil
}

// Write waits until all of p is in the buffer and returns how much is, with an
// error if that is less: EPIPE when the other end is closed, and as Read. Of two
// calls at once one waits for the other, as on a socket.
func (c *Conn) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.out.busy {
		if err := c.out.writeErrorLocked(); err != nil {
			return 0, c.fail("write", err)
		}
		c.wake.Wait()
	}
	c.out.busy = true
	defer func() {
		c.out.busy = false
		c.wake.Broadcast()
	}()
	n := 0
	for {
		if err := c.out.writeErrorLocked(); err != nil {
			return n, c.fail("write", err)
		}
		n += c.out.putLocked(p[n:])
		if n == len(p) {
			return n, nil
		}
		c.wake.Wait()
	}
}

// TryWrite is Write without the waiting. See netconn.Conn.
func (c *Conn) TryWrite(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.out.writeErrorLocked(); err != nil {
		return 0, c.fail("write", err)
	}
	n := c.out.putLocked(p)
	if n < len(p) {
		return n, netconn.ErrAgain
	}
	return n, nil
}

// WaitWrite waits until the buffer has room. See netconn.Conn.
func (c *Conn) WaitWrite() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		if err := c.out.writeErrorLocked(); err != nil {
			return c.fail("write", err)
		}
		if c.out.size < c.limit {
			return nil
		}
		c.wake.Wait()
	}
}

// CloseWrite ends this end's stream: the other end reads what is under way, then
// io.EOF. It returns an error that is net.ErrClosed if that was done before.
func (c *Conn) CloseWrite() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closeWriteLocked()
}

// Close ends both streams at this end. The other end reads what is under way,
// then io.EOF, and can write no more. Called again it returns an error that is
// net.ErrClosed.
func (c *Conn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.in.readClosed {
		return c.fail("close", net.ErrClosed)
	}
	c.in.readClosed = true
	if !c.out.writeClosed {
		_ = c.closeWriteLocked() // it is open
	}
	c.in.setLocked(&c.in.readBy, time.Time{})
	c.out.setLocked(&c.out.writeBy, time.Time{})
	return nil
}

func (c *Conn) closeWriteLocked() error {
	if c.out.writeClosed {
		return c.fail("close", net.ErrClosed)
	}
	c.out.writeClosed = true
	c.out.pushLocked(nil)
	return nil
}

// Freeze stops the network: nothing arrives at either end any more, not even the
// end of a stream, until Thaw. Writes succeed until the buffer is full.
func (c *Conn) Freeze() { c.setFrozen(true) }

// Thaw lets everything arrive that Freeze held back.
func (c *Conn) Thaw() { c.setFrozen(false) }

func (c *Conn) setFrozen(frozen bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.frozen = frozen
	c.wake.Broadcast()
}

// Cut resets the connection: what is under way is lost, and both ends read and
// write ECONNRESET at once, unless they are closed.
func (c *Conn) Cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cut = true
	c.wake.Broadcast()
}

// SetLatency makes d the time that bytes take that are written to this end from
// now on. They never overtake earlier ones. Zero or less is no time at all.
func (c *Conn) SetLatency(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.out.latency = d
}

// LocalAddr is this end's address, a made-up *net.TCPAddr.
func (c *Conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr is the other end's address, a made-up *net.TCPAddr.
func (c *Conn) RemoteAddr() net.Addr { return c.remote }

// SetDeadline limits Read, Write, Receive, TryWrite and WaitWrite. Zero is no limit.
func (c *Conn) SetDeadline(t time.Time) error { return c.setDeadlines(t, true, true) }

// SetReadDeadline limits Read and Receive. Zero is no limit.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.setDeadlines(t, true, false) }

// SetWriteDeadline limits Write, TryWrite and WaitWrite. Zero is no limit.
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.setDeadlines(t, false, true) }

func (c *Conn) setDeadlines(t time.Time, read, write bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.in.readClosed {
		return c.fail("set", net.ErrClosed)
	}
	if read {
		c.in.setLocked(&c.in.readBy, t)
	}
	if write {
		c.out.setLocked(&c.out.writeBy, t)
	}
	return nil
}

// fail dresses err as package net does; io.EOF stays bare.
func (c *Conn) fail(op string, err error) error {
	if err == io.EOF { //nolint:errorlint // our own, never wrapped
		return err
	}
	return &net.OpError{Op: op, Net: "memnet", Source: c.local, Addr: c.remote, Err: err}
}
