package raw

import (
	"bufio"
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// The opcodes of RFC 6455, section 5.2.
const (
	OpContinuation = 0x0
	OpText         = 0x1
	OpBinary       = 0x2
	OpClose        = 0x8
	OpPing         = 0x9
	OpPong         = 0xA
)

// What a close without a frame, and a close frame without a code, are reported as.
const (
	CodeNone     = 1005 // a close frame without a status code
	CodeAbnormal = 1006 // the TCP connection ended without a close frame
)

// A Message is one data message from the server.
type Message struct {
	Binary bool
	Data   string
}

// Text makes a text message, for comparisons.
func Text(s string) Message { return Message{Data: s} }

// Bytes makes a binary message, for comparisons.
func Bytes(b ...byte) Message { return Message{Binary: true, Data: string(b)} }

func (m Message) isPing() bool { return !m.Binary && m.Data == "2" }

// A WS is a WebSocket connection. It belongs to the case's goroutine.
type WS struct {
	// Heartbeat makes Next answer pings and hide them. Dial sets it.
	Heartbeat bool

	peer *Peer
	conn net.Conn
	br   *bufio.Reader

	batching bool
	batch    []byte
}

// Upgrade sends an upgrade request and returns the answer, whatever it is; ws is nil unless it is 101.
func (p *Peer) Upgrade(t T, query string, header map[string]string) (ws *WS, resp Response) {
	t.Helper()
	u, err := url.Parse(p.URL)
	if err != nil {
		t.Fatalf("endpoint: %v", err)
	}
	conn := p.connect(t, u.Host)
	t.Cleanup(func() { conn.Close() })
	var key [16]byte
	rand.Read(key[:])
	var b strings.Builder
	b.WriteString("GET " + u.Path + "?" + query + " HTTP/1.1\r\nHost: " + u.Host + "\r\n")
	fields := map[string]string{
		"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
		"Sec-WebSocket-Key": base64.StdEncoding.EncodeToString(key[:]),
	}
	maps.Copy(fields, header)
	for name, value := range fields {
		if value != "" {
			b.WriteString(name + ": " + value + "\r\n")
		}
	}
	b.WriteString("\r\n")
	conn.SetDeadline(time.Now().Add(p.Patience))
	if _, err := io.WriteString(conn, b.String()); err != nil {
		t.Fatalf("upgrade request: %v", err)
	}
	br := bufio.NewReader(conn)
	head, err := http.ReadResponse(br, nil)
	if err != nil {
		t.Fatalf("upgrade ?%s: no answer: %v", query, err)
	}
	resp = Response{Status: head.StatusCode, Header: head.Header, Length: head.ContentLength}
	if head.Close {
		head.Header.Set("Connection", "close") // net/http has taken it out
	}
	if head.StatusCode != http.StatusSwitchingProtocols {
		body, err := io.ReadAll(head.Body)
		if err != nil {
			t.Fatalf("upgrade ?%s: body: %v", query, err)
		}
		resp.Body = string(body)
		return nil, resp
	}
	sum := sha1.Sum([]byte(fields["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	if got, want := head.Header.Get("Sec-WebSocket-Accept"), base64.StdEncoding.EncodeToString(sum[:]); got != want {
		t.Fatalf("Sec-WebSocket-Accept = %q, want %q", got, want)
	}
	return &WS{Heartbeat: true, peer: p, conn: conn, br: br}, resp
}

// Dial upgrades and requires that it works.
func (p *Peer) Dial(t T, query string) *WS {
	t.Helper()
	ws, resp := p.Upgrade(t, query, nil)
	if ws == nil {
		t.Fatalf("upgrade ?%s = %d %q, want 101", query, resp.Status, resp.Body)
	}
	return ws
}

// DialOpen opens a session over WebSocket alone and reads its OPEN packet.
func (p *Peer) DialOpen(t T) (*WS, Open) {
	t.Helper()
	ws := p.Dial(t, "EIO=4&transport=websocket")
	m := ws.Next(t)
	if m.Binary {
		t.Fatalf("first message is binary: %q", m.Data)
	}
	return ws, ParseOpen(t, m.Data)
}

// Frame writes one masked frame as given.
func (w *WS) Frame(t T, fin bool, op byte, payload string) {
	t.Helper()
	head := []byte{op, 0x80}
	if fin {
		head[0] |= 0x80
	}
	switch n := len(payload); {
	case n < 126:
		head[1] |= byte(n)
	case n < 1<<16:
		head[1] |= 126
		head = binary.BigEndian.AppendUint16(head, uint16(n))
	default:
		head[1] |= 127
		head = binary.BigEndian.AppendUint64(head, uint64(n))
	}
	mask := [4]byte{0x12, 0x34, 0x56, 0x78}
	head = append(head, mask[:]...)
	at := len(head)
	head = append(head, payload...)
	for i := range head[at:] {
		head[at+i] ^= mask[i&3]
	}
	w.Write(t, head)
}

// Write writes bytes as they are. A peer that closed meanwhile is no failure: what was sent is then moot.
func (w *WS) Write(t T, b []byte) {
	t.Helper()
	if w.batching {
		w.batch = append(w.batch, b...)
		return
	}
	w.conn.SetWriteDeadline(time.Now().Add(w.peer.Patience))
	if _, err := w.conn.Write(b); err != nil && IsTimeout(err) {
		t.Fatalf("write: %v", err)
	}
}

// Batch sends what fn writes in one write.
func (w *WS) Batch(t T, fn func()) {
	t.Helper()
	w.batching = true
	fn()
	w.batching = false
	w.Write(t, w.batch)
	w.batch = nil
}

// Text sends a text message, Binary a binary one.
func (w *WS) Text(t T, s string) { t.Helper(); w.Frame(t, true, OpText, s) }

// Binary sends a binary message.
func (w *WS) Binary(t T, b ...byte) { t.Helper(); w.Frame(t, true, OpBinary, string(b)) }

// violationError is what readFrame ends with when the server breaks RFC 6455.
type violationError string

func (e violationError) Error() string { return string(e) }

func (w *WS) readFrame() (op byte, fin bool, payload []byte, err error) {
	var head [2]byte
	if _, err = io.ReadFull(w.br, head[:]); err != nil {
		return 0, false, nil, err
	}
	op, fin = head[0]&0xF, head[0]&0x80 != 0
	if head[0]&0x70 != 0 {
		return 0, false, nil, violationError("server frame with a reserved bit and no extension negotiated")
	}
	if head[1]&0x80 != 0 {
		return 0, false, nil, violationError("server frame is masked")
	}
	n := uint64(head[1] & 0x7F)
	switch n {
	case 126:
		var b [2]byte
		_, err = io.ReadFull(w.br, b[:])
		n = uint64(binary.BigEndian.Uint16(b[:]))
	case 127:
		var b [8]byte
		_, err = io.ReadFull(w.br, b[:])
		n = binary.BigEndian.Uint64(b[:])
	}
	if err != nil {
		return 0, false, nil, err
	}
	if n > 64<<20 {
		return 0, false, nil, violationError("server frame over 64 MiB")
	}
	payload = make([]byte, n)
	_, err = io.ReadFull(w.br, payload)
	return op, fin, payload, err
}

// closed is the end of a connection as the server ended it.
type closed struct {
	code   int
	reason string
}

func (c closed) Error() string { return "connection closed" }

// read returns the next data message, or a closed error. Protocol pings are answered.
func (w *WS) read(patience time.Duration) (Message, error) {
	w.conn.SetReadDeadline(time.Now().Add(patience))
	var m Message
	var open bool
	for {
		op, fin, payload, err := w.readFrame()
		var violation violationError
		switch {
		case err == nil:
		case IsTimeout(err) || errors.As(err, &violation):
			return Message{}, err
		default:
			return Message{}, closed{code: CodeAbnormal}
		}
		switch op {
		case OpText, OpBinary:
			if open {
				return Message{}, violationError("new message inside a fragmented one")
			}
			m.Binary, m.Data, open = op == OpBinary, string(payload), true
		case OpContinuation:
			if !open {
				return Message{}, violationError("continuation without a message")
			}
			m.Data += string(payload)
		case OpClose:
			return Message{}, w.answerClose(payload)
		case OpPing, OpPong:
			return Message{}, violationError("unexpected control frame")
		default:
			return Message{}, violationError("unknown opcode")
		}
		if fin {
			return m, nil
		}
	}
}

func (w *WS) answerClose(payload []byte) error {
	c := closed{code: CodeNone}
	if len(payload) >= 2 {
		c.code, c.reason = int(binary.BigEndian.Uint16(payload)), string(payload[2:])
	}
	w.conn.SetWriteDeadline(time.Now().Add(w.peer.Patience))
	w.conn.Write([]byte{0x80 | OpClose, 0x80, 0, 0, 0, 0})
	return c
}

// Next returns the next message. With Heartbeat it answers and hides pings.
func (w *WS) Next(t T) Message {
	t.Helper()
	for {
		m, err := w.read(w.peer.Patience)
		if err != nil {
			t.Fatalf("want a message: %v", describe(err))
		}
		if !w.Heartbeat || !m.isPing() {
			return m
		}
		w.Text(t, "3")
	}
}

// TryNext returns the next message as it comes, or false when the server ends the connection instead.
func (w *WS) TryNext(t T) (Message, bool) {
	t.Helper()
	m, err := w.read(w.peer.Patience)
	var c closed
	if err != nil && !errors.As(err, &c) {
		t.Fatalf("want a message: %v", err)
	}
	return m, err == nil
}

// Expect requires these messages, in this order, next.
func (w *WS) Expect(t T, want ...Message) {
	t.Helper()
	for i, m := range want {
		if got := w.Next(t); got != m {
			t.Fatalf("message %d of %d = %.200q (binary %v), want %.200q (binary %v)", i+1, len(want), got.Data, got.Binary, m.Data, m.Binary)
		}
	}
}

// Closed requires that the server ends the connection, and returns the close code and the time that took.
// With Heartbeat it answers pings meanwhile; any other message is a failure.
func (w *WS) Closed(t T) (code int, took time.Duration) {
	t.Helper()
	start := time.Now()
	for time.Since(start) < w.peer.Patience {
		m, err := w.read(w.peer.Patience - time.Since(start))
		var c closed
		switch {
		case errors.As(err, &c):
			return c.code, time.Since(start)
		case err != nil:
			t.Fatalf("want the connection to close: %v", describe(err))
		case !m.isPing():
			t.Fatalf("want the connection to close, got message %.200q", m.Data)
		case w.Heartbeat:
			w.Text(t, "3")
		}
	}
	t.Fatalf("connection still open after %v", w.peer.Patience)
	return 0, 0
}

func describe(err error) string {
	var c closed
	if errors.As(err, &c) {
		return "the server closed the connection with code " + strconv.Itoa(c.code) + " " + c.reason
	}
	return err.Error()
}

// Close ends the connection from this side: a close frame, then the TCP connection.
func (w *WS) Close() {
	w.conn.SetWriteDeadline(time.Now().Add(w.peer.Patience))
	w.conn.Write([]byte{0x80 | OpClose, 0x80, 0, 0, 0, 0})
	w.conn.Close()
}

// Cut ends the TCP connection without a close frame.
func (w *WS) Cut() { w.conn.Close() }
