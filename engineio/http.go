package engineio

import (
	"encoding/json"
	"errors"
	"html"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/sockeye-io/sockeye/engineio/transport/polling"
)

// ServeHTTP serves one request of a client: a handshake, a poll, a POST or a
// WebSocket.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	own := s.endpointOf(r)
	if !s.checkOrigin(w, r, own) {
		return
	}
	query := r.URL.Query()
	if page := scriptPage(r, query); page != "" && !s.opts.CORS.allows(r, page, own) {
		s.refuseOrigin(w, r, page)
		return
	}
	upgrade := isUpgrade(r)
	sess, refused := s.verify(r, query, upgrade)
	switch {
	case refused != nil:
		s.refuse(w, refused)
	case sess != nil:
		s.setHeaders(w.Header(), r, sess.id, false)
		if upgrade {
			s.serveProbe(w, r, sess)
		} else {
			s.servePolling(w, r, sess)
		}
	case upgrade:
		s.handshakeWebSocket(w, r, own, speechOf(query))
	default:
		s.handshakePolling(w, r, own, speechOf(query))
	}
}

// CheckOrigin applies Options.CORS to a request for something that is served
// beside the sessions, under the same path: it sets the headers of the answer. It
// reports false when it has answered the request itself, because its origin may not
// connect or because it was a preflight. It may be called concurrently.
func (s *Server) CheckOrigin(w http.ResponseWriter, r *http.Request) bool {
	return s.checkOrigin(w, r, s.endpointOf(r))
}

func (s *Server) checkOrigin(w http.ResponseWriter, r *http.Request, own endpoint) bool {
	origin := r.Header.Get("Origin")
	if origin != "" && !s.opts.CORS.allows(r, origin, own) {
		s.refuseOrigin(w, r, origin)
		return false
	}
	s.opts.CORS.setHeaders(w.Header(), origin)
	if r.Method == http.MethodOptions && s.opts.CORS.crossOrigin() {
		s.opts.CORS.preflight(w, r)
		return false
	}
	return true
}

// isUpgrade reports whether a request asks for a WebSocket.
func isUpgrade(r *http.Request) bool {
	if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		return false
	}
	for _, v := range r.Header.Values("Connection") {
		for token := range strings.SplitSeq(v, ",") {
			if strings.EqualFold(strings.TrimSpace(token), "upgrade") {
				return true
			}
		}
	}
	return false
}

// verify applies the rules that need no hook, in the order of the reference
// server. It returns the session that the request names, if it names one.
func (s *Server) verify(r *http.Request, query url.Values, upgrade bool) (*Session, *ConnectionError) {
	name := query.Get("transport")
	if !s.allows(name) {
		return nil, &ConnectionError{Request: r, Code: CodeUnknownTransport, Detail: name}
	}
	if name == WebSocket && r.ProtoMajor > 1 {
		return nil, &ConnectionError{
			Request: r, Code: CodeBadRequest, Message: "WebSocket needs HTTP/1.1",
			Name: "TRANSPORT_HANDSHAKE_ERROR", Detail: r.Proto, Err: ErrNotHTTP1,
		}
	}
	if sid, ok := query["sid"]; ok {
		return s.verifySession(r, query, name, sid[0], upgrade)
	}
	if r.Method != http.MethodGet {
		return nil, &ConnectionError{Request: r, Code: CodeBadHandshakeMethod, Detail: r.Method}
	}
	if (name == WebSocket) != upgrade {
		return nil, &ConnectionError{Request: r, Code: CodeBadRequest, Name: "TRANSPORT_HANDSHAKE_ERROR", Detail: name}
	}
	if versions := query["EIO"]; len(versions) != 1 || !s.speaks(versions[0]) {
		return nil, &ConnectionError{Request: r, Code: CodeUnsupportedVersion, Detail: strings.Join(versions, ",")}
	}
	return nil, nil
}

// verifySession applies the rules for a request of an existing session.
func (s *Server) verifySession(r *http.Request, query url.Values, name, sid string, upgrade bool) (*Session, *ConnectionError) {
	sess := s.Session(sid)
	if sess == nil {
		if s.sidLog.due() {
			s.opts.Logger.Warn("engineio: a request names a session that this server does not have: it has ended, or the request was meant for another node (with several nodes, a load balancer must send all requests of a session to the same one)",
				"remote", r.RemoteAddr)
		}
		return nil, &ConnectionError{Request: r, Code: CodeUnknownSID}
	}
	if version := query.Get("EIO"); version != "" && version != strconv.Itoa(sess.Protocol()) {
		return nil, &ConnectionError{Request: r, Code: CodeBadRequest, Name: "PROTOCOL_MISMATCH", Detail: version}
	}
	if upgrade {
		if name != WebSocket {
			return nil, &ConnectionError{Request: r, Code: CodeBadRequest, Name: "TRANSPORT_HANDSHAKE_ERROR", Detail: name}
		}
		return sess, nil
	}
	if current := sess.Transport(); name != current || name != Polling {
		return nil, &ConnectionError{Request: r, Code: CodeBadRequest, Name: "TRANSPORT_MISMATCH", Detail: name + ", the session uses " + current}
	}
	return sess, nil
}

// refuseOrigin answers a request from a page that may not connect.
func (s *Server) refuseOrigin(w http.ResponseWriter, r *http.Request, origin string) {
	if s.originLog.due() {
		s.opts.Logger.Warn("engineio: refused a connection from a web page of another origin; allow it with Options.CORS.Origins",
			"origin", origin, "host", r.Host, "remote", r.RemoteAddr)
	}
	s.refuse(w, &ConnectionError{
		Request: r,
		Code:    CodeForbidden,
		Message: "Origin not allowed (server option CORS.Origins)",
		Name:    "ORIGIN_NOT_ALLOWED",
		Detail:  origin,
	})
}

// refuse answers a request that breaks a rule.
func (s *Server) refuse(w http.ResponseWriter, e *ConnectionError) {
	if e.Message == "" {
		e.Message = e.Code.String()
	}
	if e.Status == 0 {
		e.Status = http.StatusBadRequest
		if e.Code == CodeForbidden {
			e.Status = http.StatusForbidden
		}
	}
	if s.opts.OnConnectionError != nil {
		s.opts.OnConnectionError(e)
	}
	h := w.Header()
	if isUpgrade(e.Request) {
		h.Set("Connection", "close")
		h.Set("Content-Type", "text/html")
		text := html.EscapeString(e.Message)
		h.Set("Content-Length", strconv.Itoa(len(text)))
		w.WriteHeader(e.Status)
		_, _ = io.WriteString(w, text) // a peer that is gone needs no answer
		return
	}
	body, err := json.Marshal(struct {
		Code    Code   `json:"code"`
		Message string `json:"message"`
	}{e.Code, e.Message})
	if err != nil {
		s.opts.Logger.Error("engineio: encoding a refusal", "error", err)
	}
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(e.Status)
	_, _ = w.Write(body) // a peer that is gone needs no answer
}

// admit asks the hooks about a new session.
func (s *Server) admit(r *http.Request, own endpoint, lang speech) (*Session, *ConnectionError) {
	if s.down.Load() {
		return nil, &ConnectionError{
			Request: r, Code: CodeBadRequest, Status: http.StatusServiceUnavailable,
			Message: "Server is shutting down", Name: "SHUTTING_DOWN",
		}
	}
	var value any
	if s.opts.Handshake != nil {
		var err error
		if value, err = s.opts.Handshake(r); err != nil {
			refused := &ConnectionError{Request: r, Code: CodeForbidden, Err: err}
			var public *RefusalError
			if errors.As(err, &public) {
				refused.Message = public.Message
			}
			return nil, refused
		}
	}
	id, err := s.newID(r)
	if err != nil {
		return nil, &ConnectionError{Request: r, Code: CodeBadRequest, Name: "ID_GENERATION_ERROR", Err: err}
	}
	sess := &Session{srv: s, id: id, hs: s.newHandshake(r, own, value), v3: lang.v3, awaiting: lang.v3}
	sess.queue.Init(s.flusher, s.opts.OutboundLimit)
	sess.queue.Speak(lang.dialect())
	if err := s.add(sess); err != nil {
		return nil, &ConnectionError{Request: r, Code: CodeBadRequest, Name: "ID_GENERATION_ERROR", Err: err}
	}
	return sess, nil
}

// open queues the OPEN packet, puts the protocol above the session, starts the
// heartbeat and tells the protocol. The session's transport is set.
func (s *Server) open(sess *Session, upgrades []string) {
	_ = sess.queue.WriteMessage(s.openPacket(sess.id, upgrades), false) // an empty queue takes it
	sess.recv = s.accept(sess)
	if s.opts.InitialMessage != "" {
		_ = sess.Write([]byte(s.opts.InitialMessage), nil, WriteOptions{}) // what fails here ends the session
	}
	s.wheel.Schedule(&sess.timer, sess, sess.firstBeat())
	if o, ok := sess.recv.(Opener); ok {
		o.Opened()
	}
}

// handshakePolling opens a session over polling; the request is its first poll.
func (s *Server) handshakePolling(w http.ResponseWriter, r *http.Request, own endpoint, lang speech) {
	sess, refused := s.admit(r, own, lang)
	if refused != nil {
		s.refuse(w, refused)
		return
	}
	upgrades := []string{}
	if !s.opts.DisableUpgrades && s.allows(WebSocket) {
		upgrades = append(upgrades, WebSocket)
	}
	s.setHeaders(w.Header(), r, sess.id, true)
	sess.poll = polling.New(&s.polling, (*pollSink)(sess), &sess.queue, s.pollPackets(r))
	if lang.v3 || lang.jsonp {
		sess.poll.Speak(polling.Form{V3: lang.v3, JSONP: lang.jsonp, Index: lang.index})
	}
	sess.queue.SetDrainer(sess.poll, true)
	s.open(sess, upgrades)
	sess.poll.Poll(w, r)
}

// pollPackets returns how many packets one answer may carry to the client that
// sent r.
func (s *Server) pollPackets(r *http.Request) int {
	switch {
	case s.opts.PollPackets > 0:
		return s.opts.PollPackets
	case s.opts.PollPackets < 0:
		return 0
	}
	agent := r.UserAgent()
	if strings.HasPrefix(agent, "Mozilla/") || strings.HasPrefix(agent, "node") {
		return 0
	}
	return DefaultPollPackets
}

// servePolling serves a poll or a POST.
func (s *Server) servePolling(w http.ResponseWriter, r *http.Request, sess *Session) {
	switch r.Method {
	case http.MethodGet:
		sess.poll.Poll(w, r)
	case http.MethodPost:
		sess.poll.Post(w, r)
	default:
		w.Header().Set("Allow", "GET, POST")
		w.WriteHeader(http.StatusMethodNotAllowed)
	}
}
