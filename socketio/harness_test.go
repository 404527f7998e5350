package socketio_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsflate"

	"github.com/sockeye-io/sockeye/internal/memnet"
	"github.com/sockeye-io/sockeye/socketio"
)

// rig is a server behind net/http over memory.
type rig struct {
	t        testing.TB
	srv      *socketio.Server
	listener *memnet.Listener
	http     *http.Client
}

// bubble runs fn with a server that has the given options, in virtual time.
func bubble(t *testing.T, o socketio.Options, fn func(t *testing.T, r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { fn(t, start(t, o, func(l net.Listener) net.Listener { return l })) })
}

// start runs a server until the test ends; then it shuts it down and checks that
// nothing is left of any connection. Wrap may change what the server listens on.
func start(t testing.TB, o socketio.Options, wrap func(net.Listener) net.Listener) *rig {
	t.Helper()
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	srv, err := socketio.NewServer(o)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, srv: srv, listener: memnet.Listen(memnet.Options{})}
	transport := &http.Transport{DialContext: r.listener.DialContext}
	r.http = &http.Client{Transport: transport}
	hs := &http.Server{Handler: srv, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = hs.Serve(wrap(r.listener))
	}()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := srv.Shutdown(ctx); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
		transport.CloseIdleConnections()
		_ = hs.Close()
		<-served
		equal(t, "sessions after Shutdown", srv.Engine().Len(), 0)
		equal(t, "sockets after Shutdown", srv.Len(), 0)
	})
	return r
}

// message is what a client has received.
type message struct {
	text   string // a Socket.IO packet, or an Engine.IO packet other than a message behind "engine:"
	binary bool
	end    bool // the connection is closed
}

// client is the client's end of a WebSocket, which reads all the time.
type client struct {
	t    testing.TB
	nc   *memnet.Conn
	sid  string // of the session
	in   chan message
	out  chan struct{} // holds one token while a write is under way
	mute atomic.Bool   // pings are not answered

	deflated atomic.Int32 // messages that came compressed
}

// dial opens a WebSocket session and reads its OPEN packet.
func (r *rig) dial(header ...string) *client {
	r.t.Helper()
	return r.dialQuery("EIO=4", header...)
}

// dialQuery is dial with a query of the test's.
func (r *rig) dialQuery(query string, header ...string) *client {
	r.t.Helper()
	nc, err := r.listener.Dial(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	fmt.Fprintf(nc, "GET /socket.io/?%s&transport=websocket HTTP/1.1\r\nHost: example.test\r\n"+
		"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n", query)
	for i := 0; i < len(header); i += 2 {
		fmt.Fprintf(nc, "%s: %s\r\n", header[i], header[i+1])
	}
	io.WriteString(nc, "\r\n")
	in := bufio.NewReader(nc)
	resp, err := http.ReadResponse(in, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		r.t.Fatalf("handshake answered with %s", resp.Status)
	}
	c := &client{t: r.t, nc: nc, in: make(chan message, 256), out: make(chan struct{}, 1)}
	go c.read(in)
	body, ok := strings.CutPrefix(c.next(), "engine:0")
	var open struct {
		SID string `json:"sid"`
	}
	if err := json.Unmarshal([]byte(body), &open); err != nil || !ok {
		r.t.Fatalf("got %q, want OPEN: %v", body, err)
	}
	c.sid = open.SID
	return c
}

// read takes everything that comes and answers pings.
func (c *client) read(in *bufio.Reader) {
	defer close(c.in)
	defer c.nc.Close()
	for {
		f, err := ws.ReadFrame(in)
		if err != nil || f.Header.OpCode == ws.OpClose {
			c.in <- message{end: true}
			return
		}
		text := string(f.Payload)
		if f.Header.Rsv != 0 { // compressed
			inflated, err := wsflate.DefaultHelper.Decompress(f.Payload)
			if err != nil {
				c.in <- message{text: err.Error(), end: true}
				return
			}
			text = string(inflated)
			c.deflated.Add(1)
		}
		switch {
		case f.Header.OpCode == ws.OpBinary:
			c.in <- message{text: text, binary: true}
		case text == "2":
			if !c.mute.Load() {
				_ = c.write(frame(ws.OpText, "3"))
			}
		case strings.HasPrefix(text, "4"):
			c.in <- message{text: text[1:]}
		default:
			c.in <- message{text: "engine:" + text}
		}
	}
}

// frame encodes a masked frame.
func frame(op ws.OpCode, payload string) []byte {
	b, err := ws.CompileFrame(ws.MaskFrame(ws.NewFrame(op, true, []byte(payload))))
	if err != nil {
		panic(err)
	}
	return b
}

// join joins a namespace, "" being "/", and returns the id of the socket.
func (c *client) join(namespace string) string {
	c.t.Helper()
	prefix := ""
	if namespace != "" {
		prefix = namespace + ","
	}
	c.send("0" + prefix)
	return c.joined(prefix)
}

// joined reads the CONNECT packet and returns the id in it.
func (c *client) joined(prefix string) string {
	c.t.Helper()
	got := c.next()
	body, ok := strings.CutPrefix(got, "0"+prefix)
	var reply struct {
		SID string `json:"sid"`
	}
	if err := json.Unmarshal([]byte(body), &reply); !ok || err != nil || len(reply.SID) != 20 {
		c.t.Fatalf("got %q, want CONNECT with a sid (%v)", got, err)
	}
	return reply.SID
}

// socket opens a session, joins "/" and returns the server's end too.
func (r *rig) socket() (*client, *socketio.Socket) {
	r.t.Helper()
	c := r.dial()
	s := r.srv.Socket(c.join(""))
	if s == nil {
		r.t.Fatal("the server does not know the socket")
	}
	return c, s
}

// send writes Socket.IO packets in one write.
func (c *client) send(packets ...string) {
	c.t.Helper()
	var b []byte
	for _, p := range packets {
		b = append(b, frame(ws.OpText, "4"+p)...)
	}
	c.raw(b)
}

// sendBinary writes a binary message.
func (c *client) sendBinary(b string) {
	c.t.Helper()
	c.raw(frame(ws.OpBinary, b))
}

func (c *client) raw(b []byte) {
	c.t.Helper()
	if err := c.write(b); err != nil {
		c.t.Fatal(err)
	}
}

// write writes whole frames: memnet would let another write cut in where this one
// waits for room.
func (c *client) write(b []byte) error {
	c.out <- struct{}{}
	defer func() { <-c.out }()
	_, err := c.nc.Write(b)
	return err
}

// receive returns the next message.
func (c *client) receive() message {
	c.t.Helper()
	select {
	case m, ok := <-c.in:
		if !ok {
			c.t.Fatal("reading behind the end of the connection")
		}
		return m
	case <-time.After(time.Hour):
		c.t.Fatal("nothing came within an hour")
		panic("unreachable")
	}
}

// next returns the next text message.
func (c *client) next() string {
	c.t.Helper()
	m := c.receive()
	if m.end || m.binary {
		c.t.Fatalf("got %+v, want a text message", m)
	}
	return m.text
}

// expect reads messages, which must be these.
func (c *client) expect(want ...string) {
	c.t.Helper()
	for _, w := range want {
		if got := c.next(); got != w {
			c.t.Fatalf("got %q, want %q", got, w)
		}
	}
}

// expectBinary reads a binary message.
func (c *client) expectBinary(want string) {
	c.t.Helper()
	if m := c.receive(); m.end || !m.binary || m.text != want {
		c.t.Fatalf("got %+v, want the binary message %q", m, want)
	}
}

// nothing checks that nothing has been sent when everything has come to rest.
func (c *client) nothing() {
	c.t.Helper()
	synctest.Wait()
	select {
	case m := <-c.in:
		c.t.Fatalf("got %+v, want nothing", m)
	default:
	}
}

// closed reads the end of the connection.
func (c *client) closed() {
	c.t.Helper()
	if m := c.receive(); !m.end {
		c.t.Fatalf("got %q, want the connection to close", m.text)
	}
}

// leave closes the connection from the client's side.
func (c *client) leave() { _ = c.nc.Close() }

// poller is a polling client.
type poller struct {
	r     *rig
	query string
}

// poller opens a polling session.
func (r *rig) poller() *poller {
	r.t.Helper()
	p := &poller{r: r, query: "EIO=4&transport=polling"}
	var open struct {
		SID string `json:"sid"`
	}
	if err := json.Unmarshal([]byte(p.get()[1:]), &open); err != nil {
		r.t.Fatal(err)
	}
	p.query += "&sid=" + open.SID
	return p
}

// join joins "/" and returns the id.
func (p *poller) join() string {
	p.r.t.Helper()
	equal(p.r.t, "answer to the POST", p.post("40"), "ok")
	got := p.get()
	body, ok := strings.CutPrefix(got, `40{"sid":"`)
	if !ok {
		p.r.t.Fatalf("got %q, want CONNECT", got)
	}
	return strings.TrimSuffix(body, `"}`)
}

func (p *poller) get() string                { return p.do(http.MethodGet, "") }
func (p *poller) post(payload string) string { return p.do(http.MethodPost, payload) }

func (p *poller) do(method, body string) string {
	p.r.t.Helper()
	req, err := http.NewRequestWithContext(p.r.t.Context(), method, "http://example.test/socket.io/?"+p.query, strings.NewReader(body))
	if err != nil {
		p.r.t.Fatal(err)
	}
	resp, err := p.r.http.Do(req)
	if err != nil {
		p.r.t.Errorf("%s: %v", method, err)
		return ""
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		p.r.t.Errorf("%s: %v", method, err)
	}
	return string(b)
}

func equal[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// must fails the test at an error.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wait receives from a channel within a virtual minute.
func wait[T any](t testing.TB, what string, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(time.Minute):
		t.Fatalf("%s: nothing came within a minute", what)
		panic("unreachable")
	}
}
