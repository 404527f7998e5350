package raw

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"
)

// A Peer talks to one endpoint, such as http://127.0.0.1:3000/socket.io/.
type Peer struct {
	// static
	URL      string        // with the trailing slash
	Patience time.Duration // the longest wait for any one answer

	dial   Dial
	client *http.Client
}

// Dial makes a connection to the server of an endpoint.
type Dial func(ctx context.Context, network, addr string) (net.Conn, error)

// NewPeer returns a peer of the endpoint. Its idle connections are closed at the end of the test.
func NewPeer(t T, endpoint string, patience time.Duration) *Peer {
	return NewPeerOver(t, endpoint, patience, new(net.Dialer).DialContext)
}

// NewPeerOver returns a peer whose connections are made by dial: with TLS, if the endpoint begins with https.
func NewPeerOver(t T, endpoint string, patience time.Duration, dial Dial) *Peer {
	transport := &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 4, DialContext: dial, DialTLSContext: dial}
	t.Cleanup(transport.CloseIdleConnections)
	return &Peer{URL: endpoint, Patience: patience, dial: dial, client: &http.Client{Transport: transport}}
}

// connect opens a connection for a request that is written by hand.
func (p *Peer) connect(t T, host string) net.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), p.Patience)
	defer cancel()
	conn, err := p.dial(ctx, "tcp", host)
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	return conn
}

// A Response is an HTTP answer with its body read.
type Response struct {
	Status int
	Header http.Header
	Body   string
	Length int64 // Content-Length, -1 when the answer had none
}

// A Request is one HTTP request in the making.
type Request struct {
	Method string
	Query  string // without the "?"
	Body   string
	Stream io.Reader // sent chunked instead of Body
	Header map[string]string
}

// Send performs the request. Every network error is returned: some cases expect one.
func (p *Peer) Send(ctx context.Context, r Request) (Response, error) {
	ctx, cancel := context.WithTimeout(ctx, p.Patience)
	defer cancel()
	var body io.Reader
	switch {
	case r.Stream != nil:
		body = r.Stream
	case r.Body != "":
		body = strings.NewReader(r.Body)
	}
	req, err := http.NewRequestWithContext(ctx, r.Method, p.URL+"?"+r.Query, body)
	if err != nil {
		return Response{}, err
	}
	for name, value := range r.Header {
		req.Header.Set(name, value)
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return Response{}, err
	}
	defer resp.Body.Close()
	var buf bytes.Buffer
	if _, err := io.Copy(&buf, resp.Body); err != nil {
		return Response{}, err
	}
	return Response{Status: resp.StatusCode, Header: resp.Header, Body: buf.String(), Length: resp.ContentLength}, nil
}

// Do performs the request and fails the case when there is no answer.
func (p *Peer) Do(t T, r Request) Response {
	t.Helper()
	resp, err := p.Send(t.Context(), r)
	if err != nil {
		t.Fatalf("%s ?%s: %v", r.Method, r.Query, err)
	}
	return resp
}

// A Pending answer is on its way.
type Pending struct {
	cancel context.CancelFunc
	done   chan struct{}
	resp   Response
	err    error
}

// Go starts a request and returns when it is written, without waiting for its answer.
func (p *Peer) Go(t T, r Request) *Pending {
	ctx, cancel := context.WithCancel(t.Context())
	w := &Pending{cancel: cancel, done: make(chan struct{})}
	wrote := make(chan struct{})
	var once sync.Once // a retried request is written twice
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		WroteRequest: func(httptrace.WroteRequestInfo) { once.Do(func() { close(wrote) }) },
	})
	go func() {
		defer close(w.done)
		w.resp, w.err = p.Send(ctx, r)
	}()
	t.Cleanup(func() { cancel(); <-w.done })
	select {
	case <-wrote:
	case <-w.done:
	}
	return w
}

// Abort cuts the request off and waits until its connection is closed.
func (w *Pending) Abort() {
	w.cancel()
	<-w.done
}

// Outcome waits for the answer or the error that came instead.
func (w *Pending) Outcome() (Response, error) {
	<-w.done
	return w.resp, w.err
}

// Await waits for the answer and fails the case when there is none.
func (w *Pending) Await(t T) Response {
	t.Helper()
	resp, err := w.Outcome()
	if err != nil {
		t.Fatalf("no answer: %v", err)
	}
	return resp
}

// Answered reports whether the answer is there already.
func (w *Pending) Answered() bool {
	select {
	case <-w.done:
		return true
	default:
		return false
	}
}

// An Open is the payload of the OPEN packet.
type Open struct {
	SID          string   `json:"sid"`
	Upgrades     []string `json:"upgrades"`
	PingInterval int      `json:"pingInterval"`
	PingTimeout  int      `json:"pingTimeout"`
	MaxPayload   int      `json:"maxPayload"`
}

var sidPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{20}$`)

// ParseOpen checks an OPEN packet to the last key: exactly five of them, in the reference's order.
func ParseOpen(t T, packet string) Open {
	t.Helper()
	var o Open
	rest, ok := strings.CutPrefix(packet, "0")
	if !ok {
		t.Fatalf("OPEN packet = %q, want it to begin with 0", packet)
	}
	if err := json.Unmarshal([]byte(rest), &o); err != nil {
		t.Fatalf("OPEN packet %q: %v", packet, err)
	}
	if again, err := json.Marshal(o); err != nil || string(again) != rest {
		t.Fatalf("OPEN packet = %s, want exactly %s (%v)", rest, again, err)
	}
	if !sidPattern.MatchString(o.SID) {
		t.Fatalf("sid = %q, want 20 URL-safe base64 characters", o.SID)
	}
	return o
}

// A Session is an open long-polling session.
type Session struct {
	Open
	peer *Peer
}

// Handshake opens a long-polling session.
func (p *Peer) Handshake(t T) *Session {
	t.Helper()
	resp := p.Do(t, Request{Method: "GET", Query: "EIO=4&transport=polling"})
	if resp.Status != http.StatusOK {
		t.Fatalf("handshake = %d %q, want 200", resp.Status, resp.Body)
	}
	return &Session{Open: ParseOpen(t, resp.Body), peer: p}
}

// Query is the session's query string.
func (s *Session) Query() string { return "EIO=4&transport=polling&sid=" + url.QueryEscape(s.SID) }

// Poll asks for packets and fails the case when there is no answer.
func (s *Session) Poll(t T) Response {
	t.Helper()
	return s.peer.Do(t, Request{Method: "GET", Query: s.Query()})
}

// GoPoll asks for packets without waiting for them.
func (s *Session) GoPoll(t T) *Pending {
	return s.peer.Go(t, Request{Method: "GET", Query: s.Query()})
}

// Post sends a payload.
func (s *Session) Post(t T, payload string) Response {
	t.Helper()
	return s.peer.Do(t, Request{Method: "POST", Query: s.Query(), Body: payload, Header: map[string]string{"Content-Type": "text/plain;charset=UTF-8"}})
}

// PostOK sends a payload and requires the reference's answer to it.
func (s *Session) PostOK(t T, payload string) {
	t.Helper()
	if resp := s.Post(t, payload); resp.Status != http.StatusOK || resp.Body != "ok" {
		t.Fatalf("POST %.80q = %d %q, want 200 ok", payload, resp.Status, resp.Body)
	}
}

// Read polls until it has n packets that are no pings; pings are answered.
func (s *Session) Read(t T, n int) []string {
	t.Helper()
	var packets []string
	for len(packets) < n {
		resp := s.Poll(t)
		if resp.Status != http.StatusOK {
			t.Fatalf("poll = %d %q after the packets %.200q, want %d packets", resp.Status, resp.Body, packets, n)
		}
		for packet := range strings.SplitSeq(resp.Body, "\x1e") {
			if packet == "2" {
				s.PostOK(t, "3")
				continue
			}
			packets = append(packets, packet)
		}
	}
	return packets
}

// Closed requires that the server has forgotten the session, now or within the peer's patience.
func (s *Session) Closed(t T) {
	t.Helper()
	deadline := time.Now().Add(s.peer.Patience)
	for {
		resp := s.Poll(t)
		if resp.Status == http.StatusBadRequest && resp.Body == `{"code":1,"message":"Session ID unknown"}` {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("poll of a closed session = %d %q, want 400 with code 1", resp.Status, resp.Body)
		}
	}
}

// IsTimeout reports whether err is the end of the peer's patience.
func IsTimeout(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout() || errors.Is(err, context.DeadlineExceeded)
}
