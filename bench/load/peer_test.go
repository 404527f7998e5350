//go:build linux

package load_test

import (
	"bufio"
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// peer is a server that keeps the contract by copying bytes and can be told to
// break it. The fields that are functions are set before the first connection.
type peer struct {
	// static
	addr   string
	refuse bool                                 // answer handshakes with 503
	reject bool                                 // answer CONNECT with CONNECT_ERROR
	fault  func(n int64, reply string) []string // what is sent in place of the n-th reply, counted from 1; nil for all as they are; "close" closes
	ping   bool                                 // send a ping ahead of every 10th reply and count the pongs

	echoes, deliveries, connects, pongs atomic.Int64

	replies atomic.Int64
	wait    sync.WaitGroup // of the connections

	mu      sync.Mutex
	over    bool                   // guarded by mu: the test ends
	members map[*member]bool       // guarded by mu
	polls   map[string]chan string // guarded by mu: what a session's GET fetches
}

type member struct {
	mu   sync.Mutex // serializes writes
	conn net.Conn
}

// start serves p until the test ends.
func start(t *testing.T, p *peer) *peer {
	t.Helper()
	p.members, p.polls = map[*member]bool{}, map[string]chan string{}
	s := httptest.NewServer(p)
	p.addr = s.Listener.Addr().String()
	t.Cleanup(func() {
		s.Close()
		p.mu.Lock()
		p.over = true
		for m := range p.members {
			m.conn.Close()
		}
		p.mu.Unlock()
		p.wait.Wait()
	})
	return p
}

func (p *peer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case p.refuse:
		http.Error(w, "no", http.StatusServiceUnavailable)
	case r.URL.Query().Get("transport") == "polling":
		p.serveHTTP(w, r)
	default:
		p.upgrade(w, r)
	}
}

// serveHTTP answers GET and POST of polling sessions.
func (p *peer) serveHTTP(w http.ResponseWriter, r *http.Request) {
	sid := r.URL.Query().Get("sid")
	p.mu.Lock()
	queue := p.polls[sid]
	if sid == "" {
		sid = fmt.Sprintf("p%d", len(p.polls))
		queue = make(chan string, 10)
		p.polls[sid] = queue
	}
	p.mu.Unlock()
	switch {
	case r.URL.Query().Get("sid") == "":
		io.WriteString(w, `0{"sid":"`+sid+`"}`)
	case r.Method == http.MethodPost:
		body, _ := io.ReadAll(r.Body)
		for packet := range strings.SplitSeq(string(body), "\x1e") {
			for _, reply := range p.handle(packet) {
				queue <- reply
			}
		}
		io.WriteString(w, "ok")
	default:
		var out []string
		for len(out) == 0 || len(queue) > 0 {
			select {
			case packet := <-queue:
				out = append(out, packet)
			case <-r.Context().Done():
				return
			}
		}
		if len(out)%2 == 0 { // let some answers be chunked
			w.(http.Flusher).Flush()
		}
		io.WriteString(w, strings.Join(out, "\x1e"))
	}
}

// handle returns the replies to a packet other than broadcast.
func (p *peer) handle(packet string) []string {
	switch {
	case packet == "3":
		p.pongs.Add(1)
	case packet == "40" && p.reject:
		return []string{`44{"message":"no"}`}
	case packet == "40":
		p.connects.Add(1)
		return []string{`40{"sid":"s"}`}
	case strings.HasPrefix(packet, "42"):
		p.echoes.Add(1)
		id, payload, _ := strings.Cut(packet[2:], `["echo",`)
		return p.reply(`43` + id + `[` + payload)
	}
	return nil
}

// reply passes a reply through the fault.
func (p *peer) reply(reply string) []string {
	n := p.replies.Add(1)
	out := []string{reply}
	if p.fault != nil {
		out = p.fault(n, reply)
	}
	if p.ping && n%10 == 0 {
		out = append([]string{"2"}, out...)
	}
	return out
}

func (p *peer) upgrade(w http.ResponseWriter, r *http.Request) {
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	sum := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
		base64.StdEncoding.EncodeToString(sum[:]))
	m := &member{conn: conn}
	m.send(`0{"sid":"x"}`)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over {
		conn.Close()
		return
	}
	p.members[m] = true
	p.wait.Go(func() {
		defer conn.Close()
		for {
			packet, err := readFrame(rw.Reader)
			if err != nil {
				break
			}
			if payload, ok := strings.CutPrefix(packet, `42["broadcast",`); ok {
				p.broadcast(`42["msg",` + payload)
				continue
			}
			m.send(p.handle(packet)...)
		}
		p.mu.Lock()
		delete(p.members, m)
		p.mu.Unlock()
	})
}

func (p *peer) broadcast(msg string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for m := range p.members {
		p.deliveries.Add(1)
		m.send(p.reply(msg)...)
	}
}

// send writes packets as frames, all at once.
func (m *member) send(packets ...string) {
	var b []byte
	for _, s := range packets {
		if s == "close" {
			m.conn.Close()
			return
		}
		b = appendServerFrame(b, s)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.conn.Write(b)
}

func appendServerFrame(b []byte, s string) []byte {
	if len(s) < 126 {
		return append(append(b, 0x81, byte(len(s))), s...)
	}
	b = binary.BigEndian.AppendUint16(append(b, 0x81, 126), uint16(len(s)))
	return append(b, s...)
}

// readFrame reads one masked frame of less than 64 kB.
func readFrame(r *bufio.Reader) (string, error) {
	head := make([]byte, 2, 8)
	if _, err := io.ReadFull(r, head); err != nil {
		return "", err
	}
	if head[0] != 0x81 || head[1]&0x80 == 0 {
		return "", fmt.Errorf("frame % x", head)
	}
	size := int(head[1] & 0x7f)
	if size == 126 {
		head = head[:4]
		if _, err := io.ReadFull(r, head[2:]); err != nil {
			return "", err
		}
		size = int(binary.BigEndian.Uint16(head[2:]))
	}
	body := make([]byte, 4+size)
	if _, err := io.ReadFull(r, body); err != nil {
		return "", err
	}
	mask, payload := body[:4], body[4:]
	for i := range payload {
		payload[i] ^= mask[i%4]
	}
	return string(bytes.Clone(payload)), nil
}
