// Package sioclient is the client of the examples' tests: a connection on which
// Socket.IO packets are written and read as text, so that a test shows what
// travels.
package sioclient

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// Options say how a client connects.
type Options struct {
	Path    string // empty means /socket.io/
	Header  http.Header
	Polling bool // long-polling to the end; else a WebSocket from the start
}

// link carries Engine.IO packets.
type link interface {
	read() (string, error)
	write(packet string) error
	close() error
	vanish() error
}

// Client is one connection, in the namespace "/". It is for one goroutine.
type Client struct {
	tb   testing.TB
	link link
}

// Dial connects over dial, passes auth, which may be nil, and fails the test if
// the server refuses. The connection ends with the test, unless Close is called.
func Dial(tb testing.TB, dial DialFunc, auth any) *Client {
	tb.Helper()
	c := Refused(tb, dial, auth)
	c.ExpectConnected()
	return c
}

// Refused is Dial that leaves the server's answer to be read.
func Refused(tb testing.TB, dial DialFunc, auth any) *Client {
	tb.Helper()
	c, status := Open(tb, dial, Options{})
	if c == nil {
		tb.Fatalf("dial: status %d", status)
	}
	c.Join(auth)
	return c
}

// Open makes a connection that joins nothing yet. If the server refuses it, the
// Client is nil, and what matters is the HTTP status.
func Open(tb testing.TB, dial DialFunc, o Options) (*Client, int) {
	tb.Helper()
	if o.Path == "" {
		o.Path = "/socket.io/"
	}
	open := openWebSocket
	if o.Polling {
		open = openPolling
	}
	l, status, err := open(tb, dial, o)
	if err != nil {
		tb.Fatalf("dial: %v", err)
	}
	if l == nil {
		return nil, status
	}
	tb.Cleanup(func() { _ = l.close() }) // closed by the test already, maybe
	c := &Client{tb: tb, link: l}
	if packet := c.read(); !strings.HasPrefix(packet, "0{") {
		tb.Fatalf("got %s, want an OPEN packet", packet)
	}
	return c, status
}

// Join asks to join the namespace "/" with auth, which may be nil. The answer is
// left to be read.
func (c *Client) Join(auth any) {
	c.tb.Helper()
	connect := "0"
	if auth != nil {
		connect += c.encode(auth)
	}
	c.Send(connect)
}

// ExpectConnected fails the test unless the next packet says that the client has
// joined.
func (c *Client) ExpectConnected() {
	c.tb.Helper()
	if p := c.Next(); !strings.HasPrefix(p, `0{"sid":`) {
		c.tb.Fatalf("joining: got %s, want a CONNECT packet", p)
	}
}

// Upgrade moves a client that polls, and has read everything, to a WebSocket.
func (c *Client) Upgrade() {
	c.tb.Helper()
	l, ok := c.link.(*polling)
	if !ok {
		c.tb.Fatal("upgrade: the client does not poll")
	}
	upgraded, err := l.upgrade()
	if err != nil {
		c.tb.Fatal(err)
	}
	c.tb.Cleanup(func() { _ = upgraded.close() })
	c.link = upgraded
}

// Close ends the connection as the official client does.
func (c *Client) Close() {
	c.tb.Helper()
	if err := c.link.close(); err != nil {
		c.tb.Fatalf("close: %v", err)
	}
}

// Vanish ends the connection without a word, as a telephone does in a tunnel.
// Over polling that is while a poll waits for its answer.
func (c *Client) Vanish() {
	c.tb.Helper()
	if err := c.link.vanish(); err != nil {
		c.tb.Fatalf("vanish: %v", err)
	}
}

// Send writes a Socket.IO packet.
func (c *Client) Send(packet string) {
	c.tb.Helper()
	c.write("4" + packet)
}

// Emit sends an event with arguments and asks for no acknowledgement.
func (c *Client) Emit(event string, args ...any) {
	c.tb.Helper()
	c.Send("2" + c.encode(append([]any{event}, args...)))
}

// Ask sends an event and returns its acknowledgement, which must be the next
// packet, as the JSON array of its arguments.
func (c *Client) Ask(event string, args ...any) string {
	c.tb.Helper()
	c.Send("27" + c.encode(append([]any{event}, args...)))
	p := c.Next()
	ack, ok := strings.CutPrefix(p, "37")
	if !ok {
		c.tb.Fatalf("%s: got %s, want its acknowledgement", event, p)
	}
	return ack
}

// Next returns the next Socket.IO packet. It answers pings.
func (c *Client) Next() string {
	c.tb.Helper()
	for {
		packet := c.read()
		if packet == "2" {
			c.write("3")
			continue
		}
		message, ok := strings.CutPrefix(packet, "4")
		if !ok {
			c.tb.Fatalf("got Engine.IO packet %q", packet)
		}
		return message
	}
}

// Expect fails the test unless the next packets are these.
func (c *Client) Expect(packets ...string) {
	c.tb.Helper()
	for _, want := range packets {
		if got := c.Next(); got != want {
			c.tb.Fatalf("got packet\n\t%s\nwant\n\t%s", got, want)
		}
	}
}

// ExpectBinary fails the test unless the next packet is this attachment. The client
// must be polling.
func (c *Client) ExpectBinary(want []byte) {
	c.tb.Helper()
	if got := c.read(); got != "b"+base64.StdEncoding.EncodeToString(want) {
		c.tb.Fatalf("got packet %q, want the attachment %x", got, want)
	}
}

// ExpectEnd fails the test unless the server has closed the connection, or says
// that it does.
func (c *Client) ExpectEnd() {
	c.tb.Helper()
	if got, err := c.link.read(); err == nil && got != "1" {
		c.tb.Fatalf("got packet %s, want the end", got)
	}
}

func (c *Client) read() string {
	c.tb.Helper()
	packet, err := c.link.read()
	if err != nil {
		c.tb.Fatalf("read: %v", err)
	}
	return packet
}

func (c *Client) write(packet string) {
	c.tb.Helper()
	if err := c.link.write(packet); err != nil {
		c.tb.Fatalf("write %q: %v", packet, err)
	}
}

func (c *Client) encode(v any) string {
	c.tb.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		c.tb.Fatal(err)
	}
	return string(text)
}
