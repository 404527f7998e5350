// Package sioclient is the client of the examples' tests: a WebSocket on which
// Socket.IO packets are written and read as text, so that a test shows what
// travels.
package sioclient

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
)

// Client is one connection, in the namespace "/". It is for one goroutine.
type Client struct {
	tb   testing.TB
	conn net.Conn
	rw   io.ReadWriter
}

// Dial connects over dial, passes auth, which may be nil, and fails the test if
// the server refuses. The connection ends with the test, unless Close is called.
func Dial(tb testing.TB, dial func(ctx context.Context, network, addr string) (net.Conn, error), auth any) *Client {
	tb.Helper()
	c := Refused(tb, dial, auth)
	if p := c.Next(); !strings.HasPrefix(p, `0{"sid":`) {
		tb.Fatalf("joining: got %s, want a CONNECT packet", p)
	}
	return c
}

// Refused is Dial that leaves the server's answer to be read.
func Refused(tb testing.TB, dial func(ctx context.Context, network, addr string) (net.Conn, error), auth any) *Client {
	tb.Helper()
	d := ws.Dialer{NetDial: dial}
	conn, br, _, err := d.Dial(tb.Context(), "ws://server.test/socket.io/?EIO=4&transport=websocket")
	if err != nil {
		tb.Fatalf("dial: %v", err)
	}
	tb.Cleanup(func() { _ = conn.Close() }) // closed by the test already, maybe
	c := &Client{tb: tb, conn: conn, rw: conn}
	if br != nil { // it holds what came right behind the handshake
		c.rw = struct {
			io.Reader
			io.Writer
		}{br, conn}
	}
	if open := c.read(); !strings.HasPrefix(open, "0{") {
		tb.Fatalf("got %s, want an OPEN packet", open)
	}
	connect := "0"
	if auth != nil {
		connect += c.encode(auth)
	}
	c.Send(connect)
	return c
}

// Close ends the connection as a browser does whose tab is closed.
func (c *Client) Close() {
	c.tb.Helper()
	if err := c.conn.Close(); err != nil {
		c.tb.Fatalf("close: %v", err)
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

// ExpectEnd fails the test unless the server has closed the connection.
func (c *Client) ExpectEnd() {
	c.tb.Helper()
	if got, err := wsutil.ReadServerText(c.rw); err == nil {
		c.tb.Fatalf("got packet %s, want the end", got)
	}
}

func (c *Client) read() string {
	c.tb.Helper()
	packet, err := wsutil.ReadServerText(c.rw)
	if err != nil {
		c.tb.Fatalf("read: %v", err)
	}
	return string(packet)
}

func (c *Client) write(packet string) {
	c.tb.Helper()
	if err := wsutil.WriteClientText(c.conn, []byte(packet)); err != nil {
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
