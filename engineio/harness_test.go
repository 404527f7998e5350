package engineio_test

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"

	"github.com/sockeye-io/sockeye/engineio"
	"github.com/sockeye-io/sockeye/internal/memnet"
)

// rig is a server in a bubble of virtual time, behind net/http over memory.
type rig struct {
	t        *testing.T
	srv      *engineio.Server
	listener *memnet.Listener
	client   *http.Client
	header   http.Header // sent with every request
}

// bubble runs fn with a server that has the given options.
func bubble(t *testing.T, o engineio.Options, fn func(t *testing.T, r *rig)) {
	t.Helper()
	bubbleWith(t, o, func(h http.Handler) http.Handler { return h }, fn)
}

// bubbleWith is bubble with HTTP middleware around the server.
func bubbleWith(t *testing.T, o engineio.Options, middleware func(http.Handler) http.Handler, fn func(t *testing.T, r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		if o.Logger == nil {
			o.Logger = slog.New(slog.DiscardHandler)
		}
		srv, err := engineio.NewServer(o)
		if err != nil {
			t.Fatal(err)
		}
		r := &rig{t: t, srv: srv, listener: memnet.Listen(memnet.Options{}), header: http.Header{}}
		transport := &http.Transport{DialContext: r.listener.DialContext}
		r.client = &http.Client{Transport: transport}
		hs := &http.Server{Handler: middleware(srv), ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)}
		served := make(chan struct{})
		go func() {
			defer close(served)
			_ = hs.Serve(r.listener)
		}()
		fn(t, r)
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := srv.Shutdown(ctx); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
		transport.CloseIdleConnections()
		_ = hs.Close()
		<-served
		if n := srv.Len(); n != 0 {
			t.Errorf("%d sessions are left after Shutdown", n)
		}
	})
}

// echo makes the server send every message back.
func (r *rig) echo() {
	r.srv.OnMessage(func(_ context.Context, s *engineio.Session, m engineio.Message) error { return s.Reply(m) })
}

// answer is an HTTP response that has been read.
type answer struct {
	status int
	header http.Header
	body   string
}

// do sends a request; query begins behind the question mark.
func (r *rig) do(method, query, body string, header ...string) answer {
	r.t.Helper()
	a, err := r.try(context.Background(), method, query, body, header...)
	if err != nil {
		r.t.Fatalf("%s ?%s: %v", method, query, err)
	}
	return a
}

func (r *rig) try(ctx context.Context, method, query, body string, header ...string) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://example.test/engine.io/?"+query, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	req.Header = r.header.Clone()
	for i := 0; i < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	resp, err := r.client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, string(b)}, err
}

// open is the JSON of an OPEN packet.
type open struct {
	SID          string   `json:"sid"`
	Upgrades     []string `json:"upgrades"`
	PingInterval int      `json:"pingInterval"`
	PingTimeout  int      `json:"pingTimeout"`
	MaxPayload   int      `json:"maxPayload"`
}

func parseOpen(t *testing.T, packet string) open {
	t.Helper()
	var o open
	rest, ok := strings.CutPrefix(packet, "0")
	if !ok {
		t.Fatalf("got %q, want an OPEN packet", packet)
	}
	if err := json.Unmarshal([]byte(rest), &o); err != nil {
		t.Fatalf("OPEN packet %q: %v", packet, err)
	}
	return o
}

const polling = "EIO=4&transport=polling"

// poller opens a polling session and returns the query of its requests.
func (r *rig) poller() (query, sid string) {
	r.t.Helper()
	first, _, _ := strings.Cut(r.do("GET", polling, "").body, "\x1e")
	sid = parseOpen(r.t, first).SID
	return polling + "&sid=" + sid, sid
}

// conn is the client's end of a WebSocket.
type conn struct {
	t  *testing.T
	nc net.Conn
	in *bufio.Reader
}

// dial opens a WebSocket.
func (r *rig) dial(query string) *conn {
	r.t.Helper()
	nc, err := r.listener.Dial(context.Background())
	if err != nil {
		r.t.Fatal(err)
	}
	c := &conn{r.t, nc, bufio.NewReader(nc)}
	fmt.Fprintf(nc, "GET /engine.io/?%s HTTP/1.1\r\nHost: example.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n", query)
	for k, vs := range r.header {
		for _, v := range vs {
			fmt.Fprintf(nc, "%s: %s\r\n", k, v)
		}
	}
	io.WriteString(nc, "\r\n")
	return c
}

// accepted reads the answer to the handshake.
func (c *conn) accepted() *conn {
	c.t.Helper()
	resp, err := http.ReadResponse(c.in, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		b, _ := io.ReadAll(resp.Body)
		c.t.Fatalf("handshake answered with %s: %s", resp.Status, b)
	}
	if got := resp.Header.Get("Sec-WebSocket-Accept"); got != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		c.t.Fatalf("Sec-WebSocket-Accept is %q", got)
	}
	return c
}

// socket opens a WebSocket session and returns it with its OPEN packet.
func (r *rig) socket() (*conn, open) {
	r.t.Helper()
	c := r.dial("EIO=4&transport=websocket").accepted()
	return c, parseOpen(r.t, c.text())
}

// send writes text frames in one write.
func (c *conn) send(packets ...string) {
	c.t.Helper()
	var b []byte
	for _, p := range packets {
		b = append(b, frame(ws.OpText, p)...)
	}
	if _, err := c.nc.Write(b); err != nil {
		c.t.Fatal(err)
	}
}

// frame encodes a masked frame.
func frame(op ws.OpCode, payload string) []byte {
	f := ws.MaskFrame(ws.NewFrame(op, true, []byte(payload)))
	b, err := ws.CompileFrame(f)
	if err != nil {
		panic(err)
	}
	return b
}

// read returns the next frame.
func (c *conn) read() ws.Frame {
	c.t.Helper()
	f, err := ws.ReadFrame(c.in)
	if err != nil {
		c.t.Fatalf("reading a frame: %v", err)
	}
	return f
}

// text returns the payload of the next frame, which must be text.
func (c *conn) text() string {
	c.t.Helper()
	f := c.read()
	if f.Header.OpCode != ws.OpText || f.Header.Masked {
		c.t.Fatalf("got frame %+v, want unmasked text", f.Header)
	}
	return string(f.Payload)
}

// closed reads the close frame and the end of the connection, and returns the
// code, zero for none.
func (c *conn) closed() int {
	c.t.Helper()
	f := c.read()
	if f.Header.OpCode != ws.OpClose {
		c.t.Fatalf("got frame %+v %q, want close", f.Header, f.Payload)
	}
	code := 0
	if len(f.Payload) >= 2 {
		code = int(f.Payload[0])<<8 | int(f.Payload[1])
	}
	if _, err := c.in.ReadByte(); err == nil {
		c.t.Fatal("something follows the close frame")
	}
	c.nc.Close()
	return code
}

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func decode64(t *testing.T, s string) string {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
