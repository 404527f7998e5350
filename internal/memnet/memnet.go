// Package memnet is a network in memory: a listener and stream connections with
// bounded buffers, latency and faults.
//
// Its connections are net.Conns that net/http serves and dials, deadlines and
// hijacking included, and netconn.Conns, so the code that serves sockets runs
// over them unchanged. Every wait is one that testing/synctest counts as
// blocked, so tests run in virtual time.
//
// All methods may be called from any goroutine at any time, as those of a
// net.Conn, but for the roles that package netconn gives to its methods.
package memnet

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// DefaultBuffer is the capacity of each direction of a connection in bytes.
const DefaultBuffer = 64 << 10

// Options describe a network; the zero value has no latency.
type Options struct {
	// Buffer is how many bytes each direction holds that nobody has read. Zero or
	// less is DefaultBuffer.
	Buffer int

	// ToServer and ToClient are how long a byte takes in that direction. Zero or
	// less is no time at all.
	ToServer, ToClient time.Duration
}

// Listener is a net.Listener that is dialed by its own methods only.
type Listener struct {
	// static
	options Options
	backlog chan *Conn
	done    chan struct{} // closed by Close
	close   sync.Once

	port atomic.Int32 // of the client dialed last
}

// Listen makes a network with one server on it.
func Listen(o Options) *Listener {
	l := &Listener{options: o, backlog: make(chan *Conn, 128), done: make(chan struct{})}
	l.port.Store(40_000)
	return l
}

// Dial connects and returns the client's end. It waits for an Accept only if 128
// connections wait for one already, and no longer than ctx. Without a server it
// returns ECONNREFUSED in a net.OpError.
func (l *Listener) Dial(ctx context.Context) (*Conn, error) {
	client, server := pipe(l.options, int(l.port.Add(1)))
	select {
	case <-l.done:
		return nil, l.dialError(syscall.ECONNREFUSED)
	default:
	}
	select {
	case l.backlog <- server:
	case <-l.done:
		return nil, l.dialError(syscall.ECONNREFUSED)
	case <-ctx.Done():
		return nil, l.dialError(ctx.Err())
	}
	select {
	case <-l.done: // Close may have looked into the backlog before
		l.drain()
	default:
	}
	return client, nil
}

// DialContext is Dial in the shape that http.Transport and its like take. The
// network and the address make no difference.
func (l *Listener) DialContext(ctx context.Context, _, _ string) (net.Conn, error) {
	c, err := l.Dial(ctx)
	if err != nil {
		return nil, err
	}
	return c, nil
}

// Accept returns the server's end, a *Conn, of the next connection dialed. After
// Close it returns an error that is net.ErrClosed.
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case <-l.done:
		return nil, l.closedError("accept")
	default:
	}
	select {
	case c := <-l.backlog:
		return c, nil
	case <-l.done:
		return nil, l.closedError("accept")
	}
}

// Close makes Accept end and Dial refuse, and cuts the connections that nobody
// has accepted. Accepted ones stay. Called again it returns an error that is
// net.ErrClosed.
func (l *Listener) Close() error {
	err := l.closedError("close")
	l.close.Do(func() {
		close(l.done)
		err = nil
	})
	l.drain()
	return err
}

// Addr is 127.0.0.1:80, whose clients are on ports above 40,000.
func (l *Listener) Addr() net.Addr { return address(serverPort) }

// drain cuts the connections in the backlog of a closed listener.
func (l *Listener) drain() {
	for {
		select {
		case c := <-l.backlog:
			c.Cut()
		default:
			return
		}
	}
}

func (l *Listener) dialError(err error) error {
	return &net.OpError{Op: "dial", Net: "memnet", Addr: l.Addr(), Err: err}
}

func (l *Listener) closedError(op string) error {
	return &net.OpError{Op: op, Net: "memnet", Addr: l.Addr(), Err: net.ErrClosed}
}

const serverPort = 80

func address(port int) net.Addr {
	return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port}
}
