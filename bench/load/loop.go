//go:build linux

package load

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"
)

// loop owns the connections of a WebSocket mode. Everything in it belongs to
// the goroutine that calls Run.
type loop struct {
	// static
	cfg     Config
	server  *syscall.SockaddrInet4
	request []byte
	mode    driver

	poll    int // the epoll descriptor
	events  []syscall.EpollEvent
	buf     []byte
	conns   []*conn
	joined  int       // connections in stateJoined
	start   time.Time // what now counts from
	now     time.Duration
	sources uint32 // next source address
}

// driver is what a mode does with the connections.
type driver interface {
	// join is called when CONNECT was answered.
	join(c *conn) error
	// packet is called for each Engine.IO message after that.
	packet(c *conn, p []byte) error
	// turn is called after the packets of one read.
	turn(c *conn) error
}

// state says what a connection waits for.
type state uint8

const (
	stateUpgrading state = iota // the answer to the WebSocket handshake
	stateOpening                // the open packet
	stateJoining                // the answer to CONNECT
	stateJoined                 // whatever the mode asks for
)

// dropped is the descriptor of a closed connection.
const dropped = -1

// conn is one client.
type conn struct {
	fd    int // dropped when closed
	slot  int // index in loop.conns
	state state
	dial  time.Duration // when dialing began
	in    []byte        // incomplete tail of what was read
	out   []byte        // what the kernel did not take; watched for EPOLLOUT while not empty

	// owned by the mode
	next uint32                   // index of the next message to send or, of broadcasts, to receive
	due  int                      // messages to be sent at the end of the turn
	sent *[ringSize]time.Duration // when each outstanding message left, 0 when not outstanding
}

// newLoop returns a loop without connections. Its close must be called.
func newLoop(cfg Config) (*loop, error) {
	server, err := parseAddr(cfg.Addr)
	if err != nil {
		return nil, err
	}
	poll, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll_create1: %w", err)
	}
	return &loop{
		cfg:     cfg,
		server:  server,
		request: upgradeRequest(cfg.Addr, cfg.Path, cfg.Browser),
		poll:    poll,
		events:  make([]syscall.EpollEvent, 256),
		buf:     make([]byte, 128<<10),
		start:   time.Now(),
	}, nil
}

// close closes all connections.
func (l *loop) close() {
	for _, c := range l.conns {
		if c.fd != dropped {
			l.drop(c)
		}
	}
	syscall.Close(l.poll)
}

// dialAll connects and joins cfg.Conns clients, at most 64 at a time.
func (l *loop) dialAll(ctx context.Context) error {
	const atOnce = 64
	last, progress := 0, time.Now()
	for l.joined < l.cfg.Conns {
		for len(l.conns) < l.cfg.Conns && len(l.conns)-l.joined < atOnce {
			if err := l.dial(len(l.conns)); err != nil {
				return err
			}
		}
		if err := l.once(ctx); err != nil {
			return err
		}
		if l.joined > last {
			last, progress = l.joined, time.Now()
		}
		if time.Since(progress) > l.cfg.Patience {
			return fmt.Errorf("connecting stalled for %v with %d of %d joined", l.cfg.Patience, l.joined, l.cfg.Conns)
		}
	}
	return nil
}

// runFor runs the loop for d.
func (l *loop) runFor(ctx context.Context, d time.Duration) error {
	for end := time.Now().Add(d); time.Now().Before(end); {
		if err := l.once(ctx); err != nil {
			return err
		}
	}
	return nil
}

// runUntil runs the loop until done, at most cfg.Patience.
func (l *loop) runUntil(ctx context.Context, done func() bool) error {
	for end := time.Now().Add(l.cfg.Patience); !done(); {
		if err := l.once(ctx); err != nil {
			return err
		}
		if time.Now().After(end) {
			return fmt.Errorf("replies are missing %v after the last message", l.cfg.Patience)
		}
	}
	return nil
}

// once waits for events, at most 20 ms, and handles them.
func (l *loop) once(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	n, err := syscall.EpollWait(l.poll, l.events, 20)
	if err != nil && !errors.Is(err, syscall.EINTR) {
		return fmt.Errorf("epoll_wait: %w", err)
	}
	for i := range max(n, 0) {
		ev := &l.events[i]
		c := l.conns[ev.Fd]
		if ev.Events&syscall.EPOLLOUT != 0 {
			if err := l.flush(c); err != nil {
				return err
			}
		}
		if ev.Events&^syscall.EPOLLOUT != 0 {
			if err := l.read(c); err != nil {
				return fmt.Errorf("connection %d: %w", c.slot, err)
			}
		}
	}
	return nil
}

// read takes what the socket holds, once, and handles every complete frame in it.
func (l *loop) read(c *conn) error {
	kept := copy(l.buf, c.in)
	n, err := syscall.Read(c.fd, l.buf[kept:])
	switch {
	case errors.Is(err, syscall.EAGAIN), errors.Is(err, syscall.EINTR):
		return nil
	case n == 0:
		return errors.New("the server closed the connection")
	case err != nil:
		return fmt.Errorf("the server closed the connection: %w", err)
	}
	l.now = time.Since(l.start)
	data := l.buf[:kept+n]
	for len(data) > 0 {
		used, err := l.consume(c, data)
		if err != nil {
			return err
		}
		if c.fd == dropped {
			return nil
		}
		if used == 0 {
			break
		}
		data = data[used:]
	}
	if len(data) == len(l.buf) {
		return fmt.Errorf("a frame is longer than %d bytes", len(data))
	}
	c.in = append(c.in[:0], data...)
	return l.mode.turn(c)
}

// consume handles what data begins with and returns its length, 0 when it is incomplete.
func (l *loop) consume(c *conn, data []byte) (int, error) {
	if c.state == stateUpgrading {
		end := bytes.Index(data, []byte("\r\n\r\n"))
		if end < 0 {
			return 0, nil
		}
		c.state = stateOpening
		return end + 4, checkUpgrade(data[:end+4])
	}
	op, payload, n, err := scanFrame(data)
	if err != nil || n == 0 {
		return 0, err
	}
	switch {
	case op == opText && len(payload) > 0:
		err = l.packet(c, payload)
	case op == opPing:
		err = l.write(c, appendClientFrame(nil, opPong, [4]byte{}, payload))
	case op == opPong:
	case op == opClose:
		err = fmt.Errorf("close frame % x", payload)
	default:
		err = fmt.Errorf("unexpected frame %x %.100q", op, payload)
	}
	return n, err
}

// packet handles one Engine.IO packet.
func (l *loop) packet(c *conn, p []byte) error {
	switch {
	case len(p) == 1 && p[0] == '2':
		return l.write(c, appendClientFrame(nil, opText, [4]byte{1, 2, 3, 4}, []byte("3")))
	case p[0] == '4' && c.state == stateJoined:
		return l.mode.packet(c, p)
	case p[0] == '0' && c.state == stateOpening:
		c.state = stateJoining
		return l.write(c, appendClientFrame(nil, opText, [4]byte{1, 2, 3, 4}, []byte("40")))
	case bytes.HasPrefix(p, []byte(`40{"sid":"`)) && c.state == stateJoining:
		c.state = stateJoined
		l.joined++
		return l.mode.join(c)
	}
	return fmt.Errorf("unexpected packet %.100q", p)
}

// write sends b, or keeps what the kernel does not take.
func (l *loop) write(c *conn, b []byte) error {
	if len(c.out) > 0 {
		c.out = append(c.out, b...)
		return nil
	}
	n, err := c.send(b)
	if err != nil || n == len(b) {
		return err
	}
	c.out = append(c.out, b[n:]...)
	return l.watch(c, syscall.EPOLL_CTL_MOD, syscall.EPOLLIN|syscall.EPOLLOUT)
}

// flush sends what an earlier write had to keep.
func (l *loop) flush(c *conn) error {
	n, err := c.send(c.out)
	if err != nil {
		return err
	}
	if c.out = append(c.out[:0], c.out[n:]...); len(c.out) > 0 {
		return nil
	}
	return l.watch(c, syscall.EPOLL_CTL_MOD, syscall.EPOLLIN)
}

// send tries once and returns how much the kernel took.
func (c *conn) send(b []byte) (int, error) {
	n, err := syscall.Write(c.fd, b)
	switch {
	case errors.Is(err, syscall.EAGAIN), errors.Is(err, syscall.EINTR):
		return 0, nil
	case err != nil:
		return 0, fmt.Errorf("the server closed the connection: %w", err)
	}
	return n, nil
}

func (l *loop) watch(c *conn, op int, events uint32) error {
	ev := syscall.EpollEvent{Events: events, Fd: int32(c.slot)}
	if err := syscall.EpollCtl(l.poll, op, c.fd, &ev); err != nil {
		return fmt.Errorf("epoll_ctl: %w", err)
	}
	return nil
}
