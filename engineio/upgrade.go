package engineio

import (
	"bufio"
	"bytes"
	"net"
	"net/http"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsflate"

	"github.com/sockeye-io/sockeye/engineio/eiowire"
	"github.com/sockeye-io/sockeye/engineio/transport"
	"github.com/sockeye-io/sockeye/engineio/transport/websocket"
	"github.com/sockeye-io/sockeye/internal/netconn"
)

// responseSize is about the length of an answer to a WebSocket handshake.
const responseSize = 192

// openPacket encodes the OPEN packet of a session.
func (s *Server) openPacket(id string, upgrades []string) *transport.Message {
	return transport.NewPacket(eiowire.AppendOpen([]byte{'0'}, eiowire.Handshake{
		SID:          id,
		Upgrades:     upgrades,
		PingInterval: s.opts.PingInterval,
		PingTimeout:  s.opts.PingTimeout,
		MaxPayload:   s.opts.MaxPayload,
	}))
}

// handshakeWebSocket opens a session over WebSocket.
func (s *Server) handshakeWebSocket(w http.ResponseWriter, r *http.Request, own endpoint, lang speech) {
	sess, refused := s.admit(r, own, lang)
	if refused != nil {
		s.refuse(w, refused)
		return
	}
	s.setHeaders(w.Header(), r, sess.id, true)
	up, ok := s.hijack(w, r)
	if !ok {
		s.remove(sess)
		return
	}
	conn := s.newConn(up, (*sink)(sess), sess)
	sess.ws = conn
	// The answer to the request stands first in the queue: it leaves together
	// with the OPEN packet, in one write.
	_ = sess.queue.WriteMessage(transport.RawMessage(up.response), false) // an empty queue takes it
	s.open(sess, []string{})
	conn.Attach((*sink)(sess))
	conn.Drain()
	if !conn.Start() {
		sess.end(Close{Reason: ReasonShutdown})
	}
}

// serveProbe serves a WebSocket that a polling session may upgrade to. A second
// one, or one for a session that is on WebSocket already, is closed again.
func (s *Server) serveProbe(w http.ResponseWriter, r *http.Request, sess *Session) {
	up, ok := s.hijack(w, r)
	if !ok {
		return
	}
	p := &probe{sess: sess}
	p.conn = s.newConn(up, p, sess)
	first := sess.beginProbe(p) // from here on a timer bounds what follows
	if err := p.conn.Respond(up.response); err != nil {
		p.abort()
		return
	}
	if !first {
		s.group.Go(p.conn.Refuse)
		return
	}
	if !p.conn.Start() {
		p.abort()
	}
}

// upgraded is a connection whose WebSocket handshake has been decided on.
type upgraded struct {
	nc       netconn.Conn
	response []byte // the answer to the handshake, to be sent
	deflate  bool   // messages may be compressed
}

// newConn returns a WebSocket of a session.
func (s *Server) newConn(up upgraded, to transport.Sink, sess *Session) *websocket.Conn {
	cfg := &s.ws
	if sess.v3 {
		cfg = &s.ws3
	}
	conn := websocket.New(up.nc, cfg, to, &sess.queue)
	if up.deflate {
		s.deflating.Store(true)
		conn.UseDeflate(s.deflate)
	}
	return conn
}

// hijack does the WebSocket handshake (RFC 6455, section 4.2) up to its answer,
// which the caller sends. Nothing of net/http is kept. When it reports false,
// the request has been answered.
func (s *Server) hijack(w http.ResponseWriter, r *http.Request) (upgraded, bool) {
	refused := &ConnectionError{Request: r, Code: CodeBadRequest, Name: "TRANSPORT_HANDSHAKE_ERROR"}
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		refused.Detail, refused.Err = "the connection cannot be taken over, as with HTTP/2 or a middleware that hides http.Hijacker", err
		s.refuse(w, refused)
		return upgraded{}, false
	}
	_ = conn.SetDeadline(time.Time{}) // a connection that is gone shows at the first read
	taken := hijacked{header: w.Header(), conn: conn, in: rw.Reader}
	taken.out.Grow(responseSize)
	upgrader := ws.HTTPUpgrader{Header: taken.header}
	// No window is kept on either side: what one message costs, it costs alone.
	deflate := wsflate.Extension{Parameters: wsflate.Parameters{ServerNoContextTakeover: true, ClientNoContextTakeover: true}}
	if s.deflate != nil {
		upgrader.Negotiate = deflate.Negotiate
	}
	_, _, _, err = upgrader.Upgrade(r, &taken)
	if err != nil {
		refused.Err, refused.Status, refused.Message = err, http.StatusBadRequest, err.Error()
		if s.opts.OnConnectionError != nil {
			s.opts.OnConnectionError(refused)
		}
		_, _ = conn.Write(taken.out.Bytes()) // a peer that is gone needs no answer
		_ = conn.Close()
		return upgraded{}, false
	}
	var early []byte
	if n := rw.Reader.Buffered(); n > 0 {
		early, _ = rw.Reader.Peek(n) // n bytes are there
	}
	_, compressed := deflate.Accepted()
	return upgraded{nc: netconn.New(conn, early), response: taken.out.Bytes(), deflate: compressed}, true
}

// hijacked is a connection that has been taken over, for an upgrader that wants
// to do it itself; what the upgrader writes is kept.
type hijacked struct {
	header http.Header
	conn   net.Conn
	in     *bufio.Reader
	out    bytes.Buffer
}

// Hijack hands the connection out.
func (h *hijacked) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return h.conn, bufio.NewReadWriter(h.in, bufio.NewWriterSize(&h.out, 16)), nil
}

// Header returns the headers set so far.
func (h *hijacked) Header() http.Header { return h.header }

// Write refuses: what is written goes through Hijack.
func (h *hijacked) Write([]byte) (int, error) { return 0, http.ErrHijacked }

// WriteHeader does nothing: what is written goes through Hijack.
func (h *hijacked) WriteHeader(int) {}
