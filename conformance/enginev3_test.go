package conformance

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/sockeye-io/sockeye/conformance/internal/raw"
)

// engineV3Suite is the official Engine.IO v3 protocol suite, with the case that it skips.
func engineV3Suite() suite {
	return suite{name: "Engine.IO v3", endpoint: "/engine.io/", cases: allOn(profileV3Calm,
		describe("Engine.IO protocol",
			describe("handshake",
				describe("HTTP long-polling",
					it("successfully opens a session", pollingOpensV3, "handshake-key", "handshake-upgrades", "handshake-interval", "length", "content-type", "cacheable").on(profileV3),
					it("fails with an invalid 'transport' query parameter", pollingBadTransportV3, "status", "error-body"),
					it("fails with an invalid request method", pollingBadMethodV3, "status", "error-body"),
				),
				describe("WebSocket",
					it("successfully opens a session", websocketOpensV3, "handshake-key", "handshake-upgrades", "handshake-interval", "handshake-order").on(profileV3),
					it("fails with an invalid 'EIO' query parameter", websocketBadEIOV3, "accept-all").
						but("taken for version 3", "400 before the upgrade", "who asks for another version, or for none, would not understand the answers"),
					it("fails with an invalid 'transport' query parameter", websocketBadTransportV3, "accept-all", "status"),
				),
			),
			describe("message",
				describe("HTTP long-polling",
					it("sends and receives a payload containing one plain text packet", pollingEchoV3("&b64=1", "6:4hello", "6:4hello"), "post-answer", "post-headers", "length", "content-type"),
					it("sends and receives a payload containing several plain text packets", pollingEchoV3("&b64=1", "6:4test16:4test26:4test3", "6:4test16:4test26:4test3"), "post-answer", "length"),
					it("sends and receives a payload containing plain text and binary packets (base64 encoded)", pollingEchoV3("&b64=1", "6:4hello10:b4AQIDBA==", "6:4hello10:b4AQIDBA=="), "post-answer", "length"),
					it("sends and receives a payload containing plain text and binary packets (binary)", pollingEchoV3("", "6:4hello10:b4AQIDBA==", "\x00\x06\xff4hello\x01\x05\xff\x04\x01\x02\x03\x04"), "post-answer", "content-type", "length"),
					it("closes the session upon invalid packet format", pollingInvalidV3, "status"),
					it("closes the session upon duplicate poll requests (skipped in the official suite)", pollingOverlapV3, "status", "length"),
				),
				describe("WebSocket",
					it("sends and receives a plain text packet", websocketEchoV3(raw.Text("4hello")), "uppercase", "text-as-binary"),
					it("sends and receives a binary packet", websocketEchoV3(raw.Bytes(4, 1, 2, 3, 4)), "binary-reversed", "binary-as-text"),
					it("closes the session upon invalid packet format", websocketEndsV3("abc"), "stay-open", "close-code"),
				),
			),
			describe("heartbeat",
				describe("HTTP long-polling",
					it("sends ping/pong packets", pollingHeartbeatV3, "length", "post-answer"),
					it("closes the session upon ping timeout", pollingPingTimeoutV3, "status").on(profileV3),
				),
				describe("WebSocket",
					it("sends ping/pong packets", websocketHeartbeatV3, "pong-packet"),
					it("closes the session upon ping timeout", websocketPingTimeoutV3, "stay-open", "close-at-once").on(profileV3).differing(withoutGoodbye),
				),
			),
			describe("close",
				describe("HTTP long-polling", it("forcefully closes the session", pollingCloseV3, "status", "length", "post-answer")),
				describe("WebSocket", it("forcefully closes the session", websocketCloseV3, "stay-open").on(profileV3)),
			),
			describe("upgrade",
				it("successfully upgrades from HTTP long-polling to WebSocket", upgradeEchoV3, "probe", "length", "uppercase"),
				it("ignores HTTP requests with same sid after upgrade", upgradeThenPollV3, "status", "error-body", "uppercase"),
				it("ignores WebSocket connection with same sid after upgrade", upgradeThenSecondV3, "stay-open", "uppercase"),
			),
		))}
}

// engineV3Rows are further rules of version 3, and of JSONP and base64 in either version.
func engineV3Rows() suite {
	lost := "the timer is lost in the upgrade: the session never times out"
	return suite{name: "Engine.IO v3 and JSONP", endpoint: "/engine.io/", cases: allOn(profileV3Calm,
		describe("version 3",
			it("a binary POST is a binary payload", pollingBinaryPostV3, "length", "content-type"),
			it("lengths count UTF-16 code units", pollingEchoV3("", "4:4€😀", "4:4€😀"), "length"),
			it("a pong from the client closes the session", websocketEndsV3("3"), "stay-open"),
			it("a pong answers a ping with data, but does not repeat it", websocketPingDataV3, "pong-packet"),
			it("the heartbeat goes on after the upgrade", upgradeTimeoutV3, "stay-open").on(profileV3).
				ours(lost, "it times out", "a dead client must be noticed on any transport"),
			it("version 4 is served beside it", websocketBinaryV4(""), "binary-reversed"),
			it("a session keeps its version", mismatchV3, "status", "error-body"),
		),
		describe("base64 over WebSocket",
			it("in version 4", websocketBinaryV4("&b64=1"), "binary-text"),
			it("in version 3", websocketBase64V3, "binary-text"),
		),
		describe("JSONP",
			it("in version 4", jsonp("EIO=4&transport=polling", "4", "4\"\\t\n\u2028€\x1ebAQID", "6"), "script", "content-type"),
			it("in version 3", jsonp("EIO=3&transport=polling&b64=1", "3", "7:4\"\\t\n\u2028€6:b4AQID", "1:6"), "script", "content-type"),
		),
	)}
}

// allOn chooses the profile of all cases that have not chosen one themselves.
func allOn(profile string, nodes ...node) []node {
	for i := range nodes {
		nodes[i].children = allOn(profile, nodes[i].children...)
		if nodes[i].profile == profileCalm {
			nodes[i].profile = profile
		}
	}
	return nodes
}

// A sessionV3 is an open long-polling session of version 3.
type sessionV3 struct {
	raw.Open
	e *Env
}

// handshakeV3 opens one; more is added to the query.
func handshakeV3(t raw.T, e *Env, more string) sessionV3 {
	t.Helper()
	resp := e.Do(t, raw.Request{Method: "GET", Query: "EIO=3&transport=polling" + more})
	if resp.Status != http.StatusOK {
		t.Fatalf("handshake = %d %q, want 200", resp.Status, resp.Body)
	}
	return sessionV3{raw.ParseOpen(t, onlyPacket(t, resp.Body)), e}
}

// onlyPacket returns the packet of a payload that holds one.
func onlyPacket(t raw.T, payload string) string {
	t.Helper()
	length, packet, _ := strings.Cut(payload, ":")
	if length != strconv.Itoa(len(packet)) {
		t.Fatalf("payload = %q, want one packet", payload)
	}
	return packet
}

func (s sessionV3) query() string { return "EIO=3&transport=polling&sid=" + s.SID }

func (s sessionV3) poll(t raw.T) raw.Response {
	t.Helper()
	return s.e.Do(t, raw.Request{Method: "GET", Query: s.query()})
}

// wantPoll polls for exactly this payload.
func (s sessionV3) wantPoll(t raw.T, want string) raw.Response {
	t.Helper()
	resp := s.poll(t)
	if resp.Status != http.StatusOK || resp.Body != want || resp.Length != int64(len(want)) {
		t.Fatalf("poll = %d %q, want 200 %q", resp.Status, resp.Body, want)
	}
	return resp
}

func (s sessionV3) goPoll(t raw.T) *raw.Pending {
	return s.e.Go(t, raw.Request{Method: "GET", Query: s.query()})
}

func (s sessionV3) post(t raw.T, payload string) raw.Response {
	t.Helper()
	return s.e.Do(t, raw.Request{Method: "POST", Query: s.query(), Body: payload, Header: map[string]string{"Content-Type": "text/plain;charset=UTF-8"}})
}

func (s sessionV3) postOK(t raw.T, payload string) raw.Response {
	t.Helper()
	resp := s.post(t, payload)
	if resp.Status != http.StatusOK || resp.Body != "ok" || resp.Length != 2 {
		t.Fatalf("POST %q = %d %q, want 200 ok", payload, resp.Status, resp.Body)
	}
	return resp
}

// closed requires that the server forgets the session within the peer's patience.
func (s sessionV3) closed(t raw.T) {
	t.Helper()
	resp := s.poll(t)
	if resp.Status == http.StatusOK {
		resp = s.poll(t) // the first was told the end
	}
	wantError(t, resp, 400, errSession)
}

func dialV3(t raw.T, e *Env, more string) (*raw.WS, raw.Open) {
	t.Helper()
	ws := e.Dial(t, "EIO=3&transport=websocket"+more)
	return ws, raw.ParseOpen(t, ws.Next(t).Data)
}

func pollingOpensV3(t raw.T, e *Env) {
	resp := e.Do(t, raw.Request{Method: "GET", Query: "EIO=3&transport=polling"})
	if resp.Status != http.StatusOK {
		t.Fatalf("status = %d, want 200", resp.Status)
	}
	checkOpen(t, raw.ParseOpen(t, onlyPacket(t, resp.Body)), "websocket")
	wantHeaders(t, resp, "Content-Type", "text/plain; charset=UTF-8", "Cache-Control", "no-store")
}

func pollingBadTransportV3(t raw.T, e *Env) {
	for _, query := range []string{"EIO=3", "EIO=3&transport=abc"} {
		wantError(t, e.Do(t, raw.Request{Method: "GET", Query: query}), 400, errTransport)
	}
}

func pollingBadMethodV3(t raw.T, e *Env) {
	wantError(t, e.Do(t, raw.Request{Method: "POST", Query: "EIO=3&transport=polling"}), 400, errMethod)
}

func websocketOpensV3(t raw.T, e *Env) {
	ws, open := dialV3(t, e, "")
	defer ws.Close()
	checkOpen(t, open)
}

func websocketBadEIOV3(t raw.T, e *Env) {
	for _, query := range []string{"transport=websocket", "EIO=abc&transport=websocket"} {
		ws, resp := e.Upgrade(t, query, nil)
		if e.Reference(t) {
			if ws == nil {
				t.Fatalf("answer = %d, want the reference's 101", resp.Status)
			}
			raw.ParseOpen(t, ws.Next(t).Data)
			ws.Close()
			continue
		}
		if ws != nil || resp.Status != 400 {
			t.Fatalf("answer = %d %q, want 400", resp.Status, resp.Body)
		}
	}
}

func websocketBadTransportV3(t raw.T, e *Env) {
	for _, query := range []string{"EIO=3", "EIO=3&transport=abc"} {
		if ws, resp := e.Upgrade(t, query, nil); ws != nil || resp.Status != 400 {
			t.Fatalf("answer = %d %q, want 400", resp.Status, resp.Body)
		}
	}
}

// typeOf is the Content-Type of a payload.
func typeOf(payload string) string {
	if strings.ContainsRune(payload, '\x00') {
		return "application/octet-stream"
	}
	return "text/plain; charset=UTF-8"
}

func pollingEchoV3(more, payload, want string) func(raw.T, *Env) {
	return func(t raw.T, e *Env) {
		s := handshakeV3(t, e, more)
		wantHeaders(t, s.postOK(t, payload), "Content-Type", "text/html", "Cache-Control", "no-store")
		wantHeaders(t, s.wantPoll(t, want), "Content-Type", typeOf(want), "Cache-Control", "no-store")
	}
}

func pollingBinaryPostV3(t raw.T, e *Env) {
	s := handshakeV3(t, e, "")
	payload := "\x00\x06\xff4hello\x00\x04\xff4€\x01\x01\x01\xff\x04123456789\x00"
	resp := e.Do(t, raw.Request{Method: "POST", Query: s.query(), Body: payload, Header: map[string]string{"Content-Type": "application/octet-stream"}})
	if resp.Status != http.StatusOK || resp.Body != "ok" {
		t.Fatalf("POST = %d %q, want 200 ok", resp.Status, resp.Body)
	}
	wantHeaders(t, s.wantPoll(t, payload), "Content-Type", typeOf(payload))
}

func pollingInvalidV3(t raw.T, e *Env) {
	s := handshakeV3(t, e, "")
	s.post(t, "abc")
	s.closed(t)
}

func pollingOverlapV3(t raw.T, e *Env) {
	s := handshakeV3(t, e, "")
	one, two := s.goPoll(t), s.goPoll(t)
	first, second := one.Await(t), two.Await(t)
	if first.Status != http.StatusOK {
		first, second = second, first
	}
	if first.Status != http.StatusOK || first.Body != "1:1" {
		t.Fatalf("the earlier poll = %d %q, want 200 and the close packet", first.Status, first.Body)
	}
	if second.Status != http.StatusBadRequest || second.Body != "" {
		t.Fatalf("the overlapping poll = %d %q, want 400 without a body", second.Status, second.Body)
	}
	s.closed(t)
}

func websocketEchoV3(m raw.Message) func(raw.T, *Env) {
	return func(t raw.T, e *Env) {
		ws, _ := dialV3(t, e, "")
		if m.Binary {
			ws.Binary(t, []byte(m.Data)...)
		} else {
			ws.Text(t, m.Data)
		}
		ws.Expect(t, m)
		ws.Close()
	}
}

// websocketEndsV3 sends a packet that ends the session.
func websocketEndsV3(packet string) func(raw.T, *Env) {
	return func(t raw.T, e *Env) {
		ws, _ := dialV3(t, e, "")
		ws.Text(t, packet)
		wantCode(t, ws, raw.CodeNone)
	}
}

func pollingHeartbeatV3(t raw.T, e *Env) {
	s := handshakeV3(t, e, "")
	for range 3 {
		s.postOK(t, "1:2")
		s.wantPoll(t, "1:3")
	}
}

// A WebSocket session that is silent too serves as the clock.
func pollingPingTimeoutV3(t raw.T, e *Env) {
	s := handshakeV3(t, e, "")
	clock, _ := dialV3(t, e, "")
	clock.Closed(t)
	s.closed(t)
}

func websocketHeartbeatV3(t raw.T, e *Env) {
	ws, _ := dialV3(t, e, "")
	for range 3 {
		ws.Text(t, "2")
		ws.Expect(t, raw.Text("3"))
	}
	ws.Close()
}

func websocketPingDataV3(t raw.T, e *Env) {
	ws, _ := dialV3(t, e, "")
	ws.Text(t, "2data")
	ws.Expect(t, raw.Text("3"))
	ws.Close()
}

func websocketPingTimeoutV3(t raw.T, e *Env) {
	const want = pingInterval + pingTimeout
	start := time.Now()
	ws, _ := dialV3(t, e, "")
	took := closedByTimer(t, e, ws)
	if since := time.Since(start); since < want-early || took > want+late {
		t.Fatalf("closed after %v, want %v", since, want)
	}
}

func pollingCloseV3(t raw.T, e *Env) {
	for range 20 { // see pollingClose
		s := handshakeV3(t, e, "")
		poll := s.goPoll(t)
		s.postOK(t, "1:1")
		resp := poll.Await(t)
		s.closed(t)
		switch {
		case resp.Status == http.StatusOK && resp.Body == "1:6":
			return
		case resp.Status != http.StatusBadRequest:
			t.Fatalf("pending poll = %d %q, want 200 and the noop packet", resp.Status, resp.Body)
		}
	}
	t.Fatalf("no poll was ever pending")
}

func websocketCloseV3(t raw.T, e *Env) {
	ws, _ := dialV3(t, e, "")
	ws.Text(t, "1")
	ws.Closed(t)
}

// probedV3 opens a session over polling and probes a WebSocket for it.
func probedV3(t raw.T, e *Env) (sessionV3, *raw.WS) {
	t.Helper()
	s := handshakeV3(t, e, "")
	ws := e.Dial(t, "EIO=3&transport=websocket&sid="+s.SID)
	ws.Text(t, "2probe")
	ws.Expect(t, raw.Text("3probe"))
	return s, ws
}

func upgradeEchoV3(t raw.T, e *Env) {
	s, ws := probedV3(t, e)
	s.wantPoll(t, "1:6")
	ws.Text(t, "5")
	ws.Text(t, "4hello")
	ws.Expect(t, raw.Text("4hello"))
	ws.Close()
}

func upgradeThenPollV3(t raw.T, e *Env) {
	s, ws := probedV3(t, e)
	ws.Text(t, "5")
	ws.Text(t, "4sync") // its echo shows that the upgrade packet has been handled
	ws.Expect(t, raw.Text("4sync"))
	wantError(t, s.poll(t), 400, errRequest)
	ws.Text(t, "4hello")
	ws.Expect(t, raw.Text("4hello"))
}

func upgradeThenSecondV3(t raw.T, e *Env) {
	s, ws := probedV3(t, e)
	ws.Text(t, "5")
	ws.Text(t, "4sync")
	ws.Expect(t, raw.Text("4sync"))
	wantCode(t, e.Dial(t, "EIO=3&transport=websocket&sid="+s.SID), raw.CodeNone)
	ws.Text(t, "4hello")
	ws.Expect(t, raw.Text("4hello"))
}

func upgradeTimeoutV3(t raw.T, e *Env) {
	_, ws := probedV3(t, e)
	ws.Text(t, "5")
	ws.Text(t, "4sync")
	ws.Expect(t, raw.Text("4sync"))
	if _, took := ws.Closed(t); took > pingInterval+pingTimeout+late {
		t.Fatalf("closed after %v", took)
	}
}

func mismatchV3(t raw.T, e *Env) {
	s := handshakeV3(t, e, "")
	wantError(t, e.Do(t, raw.Request{Method: "GET", Query: "EIO=4&transport=polling&sid=" + s.SID}), 400, errRequest)
	s.postOK(t, "6:4hello")
	s.wantPoll(t, "6:4hello")
}

func websocketBinaryV4(more string) func(raw.T, *Env) {
	return func(t raw.T, e *Env) {
		ws := e.Dial(t, "EIO=4&transport=websocket"+more)
		raw.ParseOpen(t, ws.Next(t).Data)
		ws.Binary(t, 1, 2, 3, 4)
		if more == "" {
			ws.Expect(t, raw.Bytes(1, 2, 3, 4))
		} else {
			ws.Expect(t, raw.Text("bAQIDBA=="))
		}
		ws.Close()
	}
}

func websocketBase64V3(t raw.T, e *Env) {
	ws, _ := dialV3(t, e, "&b64=1")
	ws.Binary(t, 4, 1, 2, 3)
	ws.Expect(t, raw.Text("b4AQID"))
	ws.Close()
}

// jsonp opens a session by scripts, has the payload echoed, and begins an upgrade.
func jsonp(query, version, payload, noop string) func(raw.T, *Env) {
	return func(t raw.T, e *Env) {
		script := func(query string) string {
			t.Helper()
			resp := e.Do(t, raw.Request{Method: "GET", Query: query})
			wantHeaders(t, resp, "Content-Type", "text/plain; charset=UTF-8", "Cache-Control", "no-store")
			text, begins := strings.CutPrefix(resp.Body, "___eio[12](")
			text, ends := strings.CutSuffix(text, ");")
			var got string
			if err := json.Unmarshal([]byte(text), &got); err != nil || !begins || !ends || strings.ContainsRune(text, '\u2028') {
				t.Fatalf("poll = %d %q, want a script for callback 12 (%v)", resp.Status, resp.Body, err)
			}
			return got
		}
		packet := script(query + "&j=1x2")
		if version == "3" {
			packet = onlyPacket(t, packet)
		}
		query += "&sid=" + raw.ParseOpen(t, packet).SID
		// Newlines travel as two characters, and the two characters as three.
		form := "d=" + escapeForm(strings.ReplaceAll(payload, "\n", `\n`))
		resp := e.Do(t, raw.Request{Method: "POST", Query: query + "&j=12", Body: form, Header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}})
		if resp.Status != http.StatusOK || resp.Body != "ok" {
			t.Fatalf("POST = %d %q, want 200 ok", resp.Status, resp.Body)
		}
		if got := script(query + "&j=99"); got != payload {
			t.Fatalf("poll = %q, want %q", got, payload)
		}
		ws := e.Dial(t, strings.Replace(query, "polling", "websocket", 1))
		ws.Text(t, "2probe")
		ws.Expect(t, raw.Text("3probe"))
		if got := script(query); got != noop {
			t.Fatalf("poll during the upgrade = %q, want %q", got, noop)
		}
		ws.Close()
	}
}

// escapeForm escapes every byte of a form's field.
func escapeForm(text string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for _, c := range []byte(text) {
		b.WriteByte('%')
		b.WriteByte(hex[c>>4])
		b.WriteByte(hex[c&0xf])
	}
	return b.String()
}
