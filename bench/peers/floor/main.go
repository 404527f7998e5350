//go:build linux

// Floor keeps the benchmark contract with as little as will do: it recognizes
// the generator's packets by their first bytes and copies the rest. It has no
// heartbeats, no rooms, no JSON, no limits and no way to close, so it is no
// Socket.IO server; it shows what the sockets alone cost on the machine of the run.
// Each connection is a goroutine parked in RawConn.Read that answers
// everything it read with one write. WebSocket only.
//
//	floor -addr 127.0.0.1:3000
package main

import (
	"bytes"
	"context"
	"crypto/sha1" //nolint:gosec // RFC 6455 asks for it
	"encoding/base64"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"syscall"
	"time"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:0", "address to listen on")
	flag.Parse()
	if err := run(context.Background(), *addr); err != nil {
		fmt.Fprintln(os.Stderr, "floor:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, addr string) error {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp4", addr)
	if err != nil {
		return err
	}
	fmt.Println("ready", l.Addr())
	s := &server{members: map[*member]bool{}}
	hs := &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second}
	return hs.Serve(l)
}

// server is the contract's namespace.
type server struct {
	buffers sync.Pool // of *[]byte, borrowed while a connection is readable

	mu      sync.Mutex
	members map[*member]bool // guarded by mu
}

// member is one connection.
type member struct {
	conn net.Conn
	raw  syscall.RawConn
	tail []byte // incomplete frame, owned by the reading goroutine
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotImplemented)
		return
	}
	sc, ok := conn.(syscall.Conn)
	if !ok || rw.Reader.Buffered() > 0 {
		conn.Close()
		return
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		conn.Close()
		return
	}
	sum := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) //nolint:gosec // as above
	head := "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
		base64.StdEncoding.EncodeToString(sum[:]) + "\r\n\r\n"
	open := `0{"sid":"floor","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`
	if _, err := conn.Write(appendFrame([]byte(head), []byte(open))); err != nil {
		conn.Close()
		return
	}
	go s.serve(&member{conn: conn, raw: raw})
}

// serve reads until the connection ends. Nobody waits for it: the program is
// ended by a signal.
func (s *server) serve(m *member) {
	defer m.conn.Close()
	defer func() {
		s.mu.Lock()
		delete(s.members, m)
		s.mu.Unlock()
	}()
	for {
		if err := s.turn(m); err != nil {
			return
		}
	}
}

// turn waits for bytes, handles the frames in them and answers with one write.
func (s *server) turn(m *member) error {
	var (
		buf  *[]byte
		n    int
		fail error
	)
	err := m.raw.Read(func(fd uintptr) bool {
		if buf == nil {
			if buf, _ = s.buffers.Get().(*[]byte); buf == nil {
				buf = new([]byte)
				*buf = make([]byte, 128<<10)
			}
		}
		kept := copy(*buf, m.tail)
		n, fail = syscall.Read(int(fd), (*buf)[kept:64<<10])
		if errors.Is(fail, syscall.EAGAIN) {
			s.buffers.Put(buf)
			buf = nil
			return false
		}
		n += kept
		return true
	})
	if buf == nil {
		return err
	}
	defer s.buffers.Put(buf)
	if err := errors.Join(err, fail); err != nil {
		return err
	}
	if n == len(m.tail) {
		return io.EOF
	}
	data, out := (*buf)[:n], (*buf)[64<<10:64<<10]
	var toAll []byte
	for {
		payload, used := scan(data)
		if used == 0 {
			break
		}
		out, toAll = s.answer(m, out, toAll, payload)
		data = data[used:]
	}
	s.broadcast(toAll)
	m.tail = append(m.tail[:0], data...)
	if len(m.tail) == 0 {
		m.tail = nil
	}
	if len(out) == 0 {
		return nil
	}
	_, err = m.conn.Write(out)
	return err
}

// answer appends what a packet calls for, to out for its sender and to toAll for everyone.
func (s *server) answer(m *member, out, toAll, packet []byte) ([]byte, []byte) {
	echo, broadcast := []byte(`["echo",`), []byte(`42["broadcast",`)
	switch {
	case string(packet) == "40":
		s.mu.Lock()
		s.members[m] = true
		s.mu.Unlock()
		out = appendFrame(out, []byte(`40{"sid":"floor"}`))
	case bytes.HasPrefix(packet, broadcast):
		toAll = appendFrame(toAll, append([]byte(`42["msg",`), packet[len(broadcast):]...))
	default:
		if i := bytes.Index(packet, echo); i > 0 {
			ack := append([]byte("43"), packet[2:i]...)
			ack = append(append(ack, '['), packet[i+len(echo):]...)
			out = appendFrame(out, ack)
		}
	}
	return out, toAll
}

// broadcast writes the frames of one turn to every member.
func (s *server) broadcast(frames []byte) {
	if len(frames) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for to := range s.members {
		if _, err := to.conn.Write(frames); err != nil {
			to.conn.Close() // its reader takes it from the members
		}
	}
}

// scan unmasks the client frame that data begins with. used is 0 when it is incomplete.
func scan(data []byte) (payload []byte, used int) {
	if len(data) < 6 {
		return nil, 0
	}
	head, size := 2, int(data[1]&0x7f)
	if size == 126 {
		head, size = 4, int(binary.BigEndian.Uint16(data[2:]))
	}
	if len(data) < head+4+size {
		return nil, 0
	}
	mask, payload := data[head:head+4], data[head+4:head+4+size]
	for i := range payload {
		payload[i] ^= mask[i&3]
	}
	return payload, head + 4 + size
}

// appendFrame appends a server frame.
func appendFrame(dst, payload []byte) []byte {
	dst = append(dst, 0x81)
	if n := len(payload); n < 126 {
		dst = append(dst, byte(n))
	} else {
		dst = append(dst, 126)
		dst = binary.BigEndian.AppendUint16(dst, uint16(n))
	}
	return append(dst, payload...)
}
