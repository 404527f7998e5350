//go:build linux

package load

import (
	"errors"
	"fmt"
	"syscall"
	"time"
)

// sources is the number of loopback addresses that connections come from. One
// address has about 28,000 ports to one server, and a port that was closed
// rests for a minute.
const sources = 32

// dial opens the connection of a slot, the next free one or one that was
// dropped, and sends the handshake.
func (l *loop) dial(slot int) error {
	began := time.Since(l.start)
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	if err := l.connect(fd); err != nil {
		syscall.Close(fd)
		return err
	}
	c := &conn{fd: fd, slot: slot, dial: began}
	if slot == len(l.conns) {
		l.conns = append(l.conns, c)
	} else {
		l.conns[slot] = c
	}
	if err := l.watch(c, syscall.EPOLL_CTL_ADD, syscall.EPOLLIN); err != nil {
		return err
	}
	return l.write(c, l.request)
}

// connect connects a blocking socket, which on loopback takes no waiting while
// the server's backlog has room, and makes it non-blocking.
func (l *loop) connect(fd int) error {
	const bindAddressNoPort = 24 // IP_BIND_ADDRESS_NO_PORT: the port is chosen with the whole pair in view
	patience := syscall.NsecToTimeval(int64(l.cfg.Patience))
	if err := syscall.SetsockoptTimeval(fd, syscall.SOL_SOCKET, syscall.SO_SNDTIMEO, &patience); err != nil {
		return fmt.Errorf("setsockopt: %w", err)
	}
	if err := syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1); err != nil {
		return fmt.Errorf("setsockopt: %w", err)
	}
	if l.server.Addr[0] == 127 {
		if err := syscall.SetsockoptInt(fd, syscall.IPPROTO_IP, bindAddressNoPort, 1); err != nil {
			return fmt.Errorf("setsockopt: %w", err)
		}
		l.sources = (l.sources + 1) % sources
		if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, byte(2 + l.sources)}}); err != nil {
			return fmt.Errorf("bind: %w", err)
		}
	}
	err := syscall.Connect(fd, l.server)
	for errors.Is(err, syscall.EINTR) { // connecting goes on: wait for its end again
		err = syscall.Connect(fd, l.server)
	}
	if err != nil {
		return fmt.Errorf("connect to %s: %w", l.cfg.Addr, err)
	}
	if err := syscall.SetNonblock(fd, true); err != nil {
		return fmt.Errorf("set non-blocking: %w", err)
	}
	return nil
}

// drop closes a connection. Its slot may be dialed again.
func (l *loop) drop(c *conn) {
	syscall.Close(c.fd)
	c.fd = dropped
}
