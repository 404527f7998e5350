package conformance

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-io/sockeye/conformance/internal/raw"
)

const (
	pingInterval   = 300 * time.Millisecond
	pingTimeout    = 200 * time.Millisecond
	connectTimeout = time.Second
	late           = 3 * time.Second // what a busy machine may add to a timer
	early          = 20 * time.Millisecond
)

// lateRefusal is what the reference does with a WebSocket handshake of an unsupported protocol version.
const lateRefusal = "101, then an HTTP answer inside the WebSocket stream"

// engineSuite is the official Engine.IO v4 protocol suite.
func engineSuite() suite {
	return suite{name: "Engine.IO v4", endpoint: "/engine.io/", cases: []node{
		describe("Engine.IO protocol",
			describe("handshake",
				describe("HTTP long-polling",
					it("successfully opens a session", pollingOpens, "handshake-key", "handshake-upgrades", "handshake-interval", "handshake-order", "content-type", "cacheable").on(profileSuite),
					it("fails with an invalid 'EIO' query parameter", pollingBadEIO, "status", "error-body"),
					it("fails with an invalid 'transport' query parameter", pollingBadTransport, "status", "error-body"),
					it("fails with an invalid request method", pollingBadMethod, "status", "error-body"),
				),
				describe("WebSocket",
					it("successfully opens a session", websocketOpens, "handshake-key", "handshake-upgrades", "handshake-interval", "handshake-order").on(profileSuite),
					it("fails with an invalid 'EIO' query parameter", websocketBadEIO, "accept-all").
						but(lateRefusal, "400 before the upgrade", "a client must not take an error for a connection"),
					it("fails with an invalid 'transport' query parameter", websocketBadTransport, "accept-all", "status"),
				),
			),
			describe("message",
				describe("HTTP long-polling",
					it("sends and receives a payload containing one plain text packet", pollingEcho("4hello"), "post-answer", "post-headers", "uppercase", "content-type"),
					it("sends and receives a payload containing several plain text packets", pollingEcho("4test1\x1e4test2\x1e4test3"), "post-answer", "split-payload", "reverse-payload"),
					it("sends and receives a payload containing plain text and binary packets", pollingEcho("4hello\x1ebAQIDBA=="), "post-answer", "split-payload", "binary-typed"),
					it("closes the session upon invalid packet format", pollingInvalid, "status"),
					it("closes the session upon duplicate poll requests", pollingOverlap, "status", "close-packet"),
					it("closes the session upon cancelled polling request", pollingCancelled, "status"),
				),
				describe("WebSocket",
					it("sends and receives a plain text packet", websocketText, "uppercase", "text-as-binary"),
					it("sends and receives a binary packet", websocketBinary, "binary-reversed", "binary-as-text"),
					it("closes the session upon invalid packet format", websocketInvalid, "stay-open", "close-code"),
				),
			),
			heartbeatCases("sends ping/pong packets", "closes the session upon ping timeout"),
			closeCases("forcefully closes the session"),
			describe("upgrade",
				it("successfully upgrades from HTTP long-polling to WebSocket", upgradeEcho, "probe", "noop-packet", "uppercase"),
				it("ignores HTTP requests with same sid after upgrade", upgradeThenPoll, "status", "error-body", "uppercase"),
				it("ignores WebSocket connection with same sid after upgrade", upgradeThenSecond, "stay-open", "uppercase"),
			),
		),
	}}
}

func heartbeatCases(pingPong, timeout string) node {
	return describe("heartbeat",
		describe("HTTP long-polling",
			it(pingPong, pollingHeartbeat, "ping-packet", "post-answer").on(profileSuite),
			it(timeout, pollingPingTimeout, "status").on(profileSuite),
		),
		describe("WebSocket",
			it(pingPong, websocketHeartbeat, "ping-packet", "no-ping").on(profileSuite),
			it(timeout, websocketPingTimeout, "stay-open", "close-at-once").on(profileSuite).differing(withoutGoodbye),
		),
	)
}

func closeCases(title string) node {
	return describe("close",
		describe("HTTP long-polling", it(title, pollingClose, "status", "noop-packet", "post-answer")),
		describe("WebSocket", it(title, websocketClose, "stay-open").on(profileSuite)),
	)
}

func TestWire(t *testing.T) {
	t.Parallel()
	runCases(t, sockeye(t), false)
}

func TestWireReference(t *testing.T) {
	t.Parallel()
	runCases(t, reference(t), true)
}

func pollingOpens(t raw.T, e *Env) {
	resp := e.Do(t, raw.Request{Method: "GET", Query: "EIO=4&transport=polling"})
	if resp.Status != http.StatusOK {
		t.Fatalf("status = %d, want 200", resp.Status)
	}
	checkOpen(t, raw.ParseOpen(t, resp.Body), "websocket")
	wantHeaders(t, resp, "Content-Type", "text/plain; charset=UTF-8", "Cache-Control", "no-store")
	if resp.Length != int64(len(resp.Body)) {
		t.Fatalf("Content-Length = %d, want %d", resp.Length, len(resp.Body))
	}
}

func checkOpen(t raw.T, o raw.Open, upgrades ...string) {
	t.Helper()
	want := raw.Open{SID: o.SID, PingInterval: 300, PingTimeout: 200, MaxPayload: 1_000_000}
	if got := o; got.PingInterval != want.PingInterval || got.PingTimeout != want.PingTimeout || got.MaxPayload != want.MaxPayload {
		t.Fatalf("OPEN = %+v, want %+v", got, want)
	}
	if strings.Join(o.Upgrades, ",") != strings.Join(upgrades, ",") || o.Upgrades == nil {
		t.Fatalf("upgrades = %q, want %q", o.Upgrades, upgrades)
	}
}

// wantHeaders checks name, value pairs.
func wantHeaders(t raw.T, resp raw.Response, pairs ...string) {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if got := resp.Header.Get(pairs[i]); got != pairs[i+1] {
			t.Fatalf("%s = %q, want %q", pairs[i], got, pairs[i+1])
		}
	}
}

// wantError checks the JSON answer to a bad request.
func wantError(t raw.T, resp raw.Response, status int, body string) {
	t.Helper()
	if resp.Status != status || resp.Body != body {
		t.Fatalf("answer = %d %q, want %d %q", resp.Status, resp.Body, status, body)
	}
	if got := resp.Header.Get("Content-Type"); got != "application/json" {
		t.Fatalf("Content-Type = %q, want application/json", got)
	}
}

// The bodies of the reference's error table.
const (
	errTransport = `{"code":0,"message":"Transport unknown"}`
	errSession   = `{"code":1,"message":"Session ID unknown"}`
	errMethod    = `{"code":2,"message":"Bad handshake method"}`
	errRequest   = `{"code":3,"message":"Bad request"}`
	errForbidden = `{"code":4,"message":"Forbidden"}`
	errProtocol  = `{"code":5,"message":"Unsupported protocol version"}`
)

func pollingBadEIO(t raw.T, e *Env) {
	for _, query := range []string{"transport=polling", "EIO=abc&transport=polling", "EIO=3&transport=polling"} {
		wantError(t, e.Do(t, raw.Request{Method: "GET", Query: query}), 400, errProtocol)
	}
}

func pollingBadTransport(t raw.T, e *Env) {
	for _, query := range []string{"EIO=4", "EIO=4&transport=abc"} {
		wantError(t, e.Do(t, raw.Request{Method: "GET", Query: query}), 400, errTransport)
	}
}

func pollingBadMethod(t raw.T, e *Env) {
	for _, method := range []string{"POST", "PUT"} {
		wantError(t, e.Do(t, raw.Request{Method: method, Query: "EIO=4&transport=polling"}), 400, errMethod)
	}
}

func websocketOpens(t raw.T, e *Env) {
	ws, open := e.DialOpen(t)
	defer ws.Close()
	checkOpen(t, open)
}

func websocketBadEIO(t raw.T, e *Env) {
	for _, query := range []string{"transport=websocket", "EIO=abc&transport=websocket"} {
		ws, resp := e.Upgrade(t, query, nil)
		if e.Reference(t) { // accepted, then its answer is written into the stream and the connection destroyed
			if ws == nil {
				t.Fatalf("answer = %d, want the reference's 101", resp.Status)
			}
			continue
		}
		if ws != nil || resp.Status != 400 {
			t.Fatalf("answer = %d %q, want 400", resp.Status, resp.Body)
		}
	}
}

func websocketBadTransport(t raw.T, e *Env) {
	for _, query := range []string{"EIO=4", "EIO=4&transport=abc"} {
		ws, resp := e.Upgrade(t, query, nil)
		if ws != nil || resp.Status != 400 || resp.Body != "Transport unknown" && e.Reference(t) {
			t.Fatalf("answer = %d %q, want 400 Transport unknown", resp.Status, resp.Body)
		}
	}
}

func pollingEcho(payload string) func(raw.T, *Env) {
	return func(t raw.T, e *Env) {
		s := e.Handshake(t)
		post := s.Post(t, payload)
		if post.Status != http.StatusOK || post.Body != "ok" || post.Length != 2 {
			t.Fatalf("POST = %d %q (length %d), want 200 ok", post.Status, post.Body, post.Length)
		}
		wantHeaders(t, post, "Content-Type", "text/html", "Cache-Control", "no-store")
		poll := s.Poll(t)
		if poll.Status != http.StatusOK || poll.Body != payload || poll.Length != int64(len(payload)) {
			t.Fatalf("GET = %d %q, want 200 and the payload %q in one answer", poll.Status, poll.Body, payload)
		}
		wantHeaders(t, poll, "Content-Type", "text/plain; charset=UTF-8", "Cache-Control", "no-store")
	}
}

func pollingInvalid(t raw.T, e *Env) {
	s := e.Handshake(t)
	s.Post(t, "abc")
	s.Closed(t)
}

func pollingOverlap(t raw.T, e *Env) {
	s := e.Handshake(t)
	one, two := s.GoPoll(t), s.GoPoll(t)
	first, second := one.Await(t), two.Await(t)
	if first.Status != http.StatusOK {
		first, second = second, first
	}
	if first.Status != http.StatusOK || first.Body != "1" {
		t.Fatalf("the earlier poll = %d %q, want 200 and the close packet", first.Status, first.Body)
	}
	if second.Status != http.StatusBadRequest || second.Body != "" {
		t.Fatalf("the overlapping poll = %d %q, want 400 without a body", second.Status, second.Body)
	}
	s.Closed(t)
}

func pollingCancelled(t raw.T, e *Env) {
	s := e.Handshake(t)
	e.Abandon(t, "GET", s.Query(), "", "")
	s.Closed(t)
}

func websocketText(t raw.T, e *Env) {
	ws, _ := e.DialOpen(t)
	ws.Text(t, "4hello")
	ws.Expect(t, raw.Text("4hello"))
	ws.Close()
}

func websocketBinary(t raw.T, e *Env) {
	ws, _ := e.DialOpen(t)
	ws.Binary(t, 1, 2, 3, 4)
	ws.Expect(t, raw.Bytes(1, 2, 3, 4))
	ws.Close()
}

func websocketInvalid(t raw.T, e *Env) {
	ws, _ := e.DialOpen(t)
	ws.Text(t, "abc")
	wantCode(t, ws, raw.CodeNone)
}

// wantCode requires that the connection closes with this code.
func wantCode(t raw.T, ws *raw.WS, want int) {
	t.Helper()
	if code, _ := ws.Closed(t); code != want {
		t.Fatalf("close code = %d, want %d", code, want)
	}
}

// attempts is how often a heartbeat case tries again after its pong was late: the suites ask for 200 ms, which
// a busy machine does not always grant.
const attempts = 5

func pollingHeartbeat(t raw.T, e *Env) {
	for range attempts {
		s := e.Handshake(t)
		pongs := 0
		for ; pongs < 3; pongs++ {
			resp := s.Poll(t)
			if resp.Body == "1" || resp.Status == http.StatusBadRequest {
				break
			}
			if resp.Status != http.StatusOK || resp.Body != "2" {
				t.Fatalf("poll = %d %q, want the ping alone", resp.Status, resp.Body)
			}
			if resp := s.Post(t, "3"); resp.Status == http.StatusBadRequest {
				break
			} else if resp.Status != http.StatusOK || resp.Body != "ok" {
				t.Fatalf("POST of a pong = %d %q, want 200 ok", resp.Status, resp.Body)
			}
		}
		if pongs == 3 {
			return
		}
	}
	t.Fatalf("every session ended by ping timeout")
}

// The polling session is silent all the while; a WebSocket session opened after it serves as the clock.
func pollingPingTimeout(t raw.T, e *Env) {
	s := e.Handshake(t)
	clock, _ := e.DialOpen(t)
	clock.Heartbeat = false
	clock.Closed(t)
	s.Closed(t)
}

func websocketHeartbeat(t raw.T, e *Env) {
	for range attempts {
		ws, _ := e.DialOpen(t)
		ws.Heartbeat = false
		pongs := 0
		for ; pongs < 3; pongs++ {
			m, open := ws.TryNext(t)
			if !open {
				break
			}
			if m != raw.Text("2") {
				t.Fatalf("message = %q, want a ping", m.Data)
			}
			ws.Text(t, "3")
		}
		if pongs == 3 {
			ws.Close()
			return
		}
	}
	t.Fatalf("every session ended by ping timeout")
}

func websocketPingTimeout(t raw.T, e *Env) {
	const want = pingInterval + pingTimeout
	closesAfter(t, e, false, want)
}

// closesAfter requires that a WebSocket session ends by itself: not before the time has passed since the request
// was sent, and not long after it has passed since the session is known to be open.
func closesAfter(t raw.T, e *Env, heartbeat bool, want time.Duration) {
	t.Helper()
	start := time.Now()
	ws, _ := e.DialOpen(t)
	ws.Heartbeat = heartbeat
	took := closedByTimer(t, e, ws)
	if since := time.Since(start); since < want-early || took > want+late {
		t.Fatalf("closed after %v, want %v", since, want)
	}
}

// closedByTimer requires that the server ends the connection because the client was silent.
func closedByTimer(t raw.T, e *Env, ws *raw.WS) (took time.Duration) {
	t.Helper()
	code, took := ws.Closed(t)
	if code != raw.CodeNone && (e.Reference(t) || code != raw.CodeAbnormal) {
		t.Fatalf("close code = %d, want %d", code, raw.CodeNone)
	}
	return took
}

// withoutGoodbye is the difference of the cases that use closedByTimer.
var withoutGoodbye = difference{
	reference: "an empty close frame",
	ours:      "the TCP connection ends, with or without a close frame",
	why:       "the peer has stopped answering, so nothing waits for it",
}

// The poll must be pending when the close packet comes. That cannot be seen from outside, so a poll that
// came too late is tried again with another session.
func pollingClose(t raw.T, e *Env) {
	for range 20 {
		s := e.Handshake(t)
		poll := s.GoPoll(t)
		s.PostOK(t, "1")
		resp := poll.Await(t)
		s.Closed(t)
		switch {
		case resp.Status == http.StatusOK && resp.Body == "6":
			return
		case resp.Status != http.StatusBadRequest:
			t.Fatalf("pending poll = %d %q, want 200 and the noop packet", resp.Status, resp.Body)
		}
	}
	t.Fatalf("no poll was ever pending")
}

func websocketClose(t raw.T, e *Env) {
	ws, _ := e.DialOpen(t)
	ws.Text(t, "1")
	ws.Heartbeat = false
	ws.Closed(t)
}

// upgraded opens a session over polling and moves it to WebSocket.
func upgraded(t raw.T, e *Env) (*raw.Session, *raw.WS) {
	t.Helper()
	s := e.Handshake(t)
	ws := e.Dial(t, "EIO=4&transport=websocket&sid="+s.SID)
	ws.Text(t, "2probe")
	ws.Expect(t, raw.Text("3probe"))
	ws.Text(t, "5")
	return s, ws
}

func upgradeEcho(t raw.T, e *Env) {
	s := e.Handshake(t)
	ws := e.Dial(t, "EIO=4&transport=websocket&sid="+s.SID)
	ws.Text(t, "2probe")
	ws.Expect(t, raw.Text("3probe"))
	if resp := s.Poll(t); resp.Status != http.StatusOK || resp.Body != "6" {
		t.Fatalf("poll during the upgrade = %d %q, want the noop packet", resp.Status, resp.Body)
	}
	ws.Text(t, "5")
	ws.Text(t, "4hello")
	ws.Expect(t, raw.Text("4hello"))
	ws.Close()
}

func upgradeThenPoll(t raw.T, e *Env) {
	s, ws := upgraded(t, e)
	ws.Text(t, "4sync") // its echo shows that the upgrade packet has been handled
	ws.Expect(t, raw.Text("4sync"))
	wantError(t, s.Poll(t), 400, errRequest)
	ws.Text(t, "4hello")
	ws.Expect(t, raw.Text("4hello"))
}

func upgradeThenSecond(t raw.T, e *Env) {
	s, ws := upgraded(t, e)
	ws.Text(t, "4sync")
	ws.Expect(t, raw.Text("4sync"))
	second, resp := e.Upgrade(t, "EIO=4&transport=websocket&sid="+s.SID, nil)
	if second == nil {
		t.Fatalf("second WebSocket = %d %q, want 101 and then a close", resp.Status, resp.Body)
	}
	wantCode(t, second, raw.CodeNone)
	ws.Text(t, "4hello")
	ws.Expect(t, raw.Text("4hello"))
}
