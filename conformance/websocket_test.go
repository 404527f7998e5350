package conformance

import (
	"net/http"
	"strings"

	"github.com/sockeye-io/sockeye/conformance/internal/raw"
)

// websocketRows is what the reference does with frames.
func websocketRows() suite {
	return suite{name: "WebSocket", endpoint: "/engine.io/", cases: []node{
		it("a message of exactly maxPayload bytes is taken", websocketAtLimit, "uppercase"),
		it("a message over maxPayload closes with 1009", websocketOverLimit, "close-code"),
		it("a fragmented message is one message", websocketFragments, "uppercase"),
		it("a fragmented message over maxPayload closes with 1009", websocketFragmentsOverLimit, "close-code"),
		it("text that is not UTF-8 closes with 1007", badFrame(1007, func(t raw.T, ws *raw.WS) { ws.Text(t, "4\xff\xfe") }), "close-code"),
		it("an unmasked frame closes with 1002", badFrame(1002, func(t raw.T, ws *raw.WS) { ws.Write(t, []byte{0x81, 2, '4', 'x'}) }), "close-code"),
		it("a reserved bit closes with 1002", badFrame(1002, func(t raw.T, ws *raw.WS) { ws.Frame(t, true, 0x40|raw.OpText, "4x") }), "close-code"),
		it("a reserved opcode closes with 1002", badFrame(1002, func(t raw.T, ws *raw.WS) { ws.Frame(t, true, 0x3, "4x") }), "close-code"),
		it("a continuation of nothing closes with 1002", badFrame(1002, func(t raw.T, ws *raw.WS) { ws.Frame(t, true, raw.OpContinuation, "4x") }), "close-code"),
		it("a fragmented control frame closes with 1002", badFrame(1002, func(t raw.T, ws *raw.WS) { ws.Frame(t, false, raw.OpPing, "") }), "close-code"),
		it("a close frame is answered with its code", badFrame(1000, func(t raw.T, ws *raw.WS) { ws.Frame(t, true, raw.OpClose, "\x03\xe8") }), "close-code"),
		it("an empty text message closes the session", badFrame(raw.CodeNone, func(t raw.T, ws *raw.WS) { ws.Text(t, "") }), "stay-open", "close-code"),
		it("a ping packet from the client closes the session", badFrame(raw.CodeNone, func(t raw.T, ws *raw.WS) { ws.Text(t, "2") }), "stay-open", "close-code"),
		it("an unknown packet type closes the session", badFrame(raw.CodeNone, func(t raw.T, ws *raw.WS) { ws.Text(t, "9") }), "stay-open", "close-code"),
		it("a pong that nobody waits for is ignored", websocketIgnores("3"), "uppercase"),
		it("a noop is ignored", websocketIgnores("6"), "uppercase"),
		it("an upgrade packet without an upgrade is ignored", websocketIgnores("5"), "uppercase"),
		it("base64 in a text message is a binary message", websocketBase64, "binary-reversed"),
		it("an empty binary message is a message", websocketEmptyBinary, "binary-as-text"),
		it("a server close is a close frame without a code", badFrame(raw.CodeNone, func(t raw.T, ws *raw.WS) { ws.Text(t, "4close me") }), "stay-open", "close-code"),
	}}
}

func websocketAtLimit(t raw.T, e *Env) {
	ws, _ := e.DialOpen(t)
	m := "4" + strings.Repeat("a", maxPayload-1)
	ws.Text(t, m)
	ws.Expect(t, raw.Text(m))
}

func websocketOverLimit(t raw.T, e *Env) {
	ws, _ := e.DialOpen(t)
	ws.Text(t, "4"+strings.Repeat("a", maxPayload))
	wantCode(t, ws, 1009)
}

func websocketFragments(t raw.T, e *Env) {
	ws, _ := e.DialOpen(t)
	ws.Frame(t, false, raw.OpText, "4hel")
	ws.Frame(t, false, raw.OpContinuation, "lo \xe2\x82") // cut inside a character
	ws.Frame(t, true, raw.OpContinuation, "\xac")
	ws.Expect(t, raw.Text("4hello €"))
}

func websocketFragmentsOverLimit(t raw.T, e *Env) {
	ws, _ := e.DialOpen(t)
	ws.Frame(t, false, raw.OpText, "4"+strings.Repeat("a", maxPayload/2))
	ws.Frame(t, false, raw.OpContinuation, strings.Repeat("a", maxPayload/2))
	ws.Frame(t, true, raw.OpContinuation, "a")
	wantCode(t, ws, 1009)
}

func badFrame(code int, send func(raw.T, *raw.WS)) func(raw.T, *Env) {
	return func(t raw.T, e *Env) {
		ws, _ := e.DialOpen(t)
		send(t, ws)
		wantCode(t, ws, code)
	}
}

func websocketIgnores(packet string) func(raw.T, *Env) {
	return func(t raw.T, e *Env) {
		ws, _ := e.DialOpen(t)
		ws.Text(t, packet)
		ws.Text(t, "4still here")
		ws.Expect(t, raw.Text("4still here"))
	}
}

func websocketBase64(t raw.T, e *Env) {
	ws, _ := e.DialOpen(t)
	ws.Text(t, "bAQIDBA==")
	ws.Expect(t, raw.Bytes(1, 2, 3, 4))
}

func websocketEmptyBinary(t raw.T, e *Env) {
	ws, _ := e.DialOpen(t)
	ws.Binary(t)
	ws.Expect(t, raw.Bytes())
}

// upgradeRows is the reference's upgrade sequence with everything that can go wrong in it.
func upgradeRows() suite {
	return suite{name: "Upgrade", endpoint: "/engine.io/", cases: []node{
		it("a pending poll is released with a noop", upgradeReleasesPoll, "noop-packet"),
		it("packets that wait arrive once and in order on the WebSocket", upgradeKeepsOrder, "uppercase"),
		it("a silent WebSocket is closed after the upgrade timeout and the session stays on polling", upgradeSilent, "stay-open").on(profileHasty).differing(withoutGoodbye),
		it("a WebSocket that stops after the probe is closed after the upgrade timeout", upgradeHalf, "stay-open").on(profileHasty).differing(withoutGoodbye),
		it("anything but a probe closes the WebSocket and the session stays on polling", upgradeAborted("4hello"), "stay-open", "uppercase"),
		it("an upgrade packet without a probe", upgradeUnprobed, "stay-open").
			but("the upgrade is taken for complete", "the WebSocket is closed and the session stays on polling", "the path must have carried a packet both ways before it is trusted"),
		it("a message between probe and upgrade closes the WebSocket", upgradeAborted("2probe", "4hello"), "stay-open"),
		it("a WebSocket that ends before the upgrade leaves the session on polling", upgradeCut, "uppercase"),
		it("a second WebSocket during the upgrade is closed and the first completes", upgradeTwice, "stay-open"),
		it("the heartbeat goes on after an upgrade between ping and pong", upgradeHeartbeat, "stay-open").on(profileSuite).
			ours("the timer is lost in the upgrade: the session never times out", "it times out", "a dead client must be noticed on any transport"),
	}}
}

func upgradeReleasesPoll(t raw.T, e *Env) {
	s := e.Handshake(t)
	poll := s.GoPoll(t)
	ws := e.Dial(t, "EIO=4&transport=websocket&sid="+s.SID)
	ws.Text(t, "2probe")
	ws.Expect(t, raw.Text("3probe"))
	if resp := poll.Await(t); resp.Status != http.StatusOK || resp.Body != "6" {
		t.Fatalf("pending poll = %d %q, want the noop packet", resp.Status, resp.Body)
	}
	ws.Text(t, "5")
	ws.Text(t, "4hello")
	ws.Expect(t, raw.Text("4hello"))
}

func upgradeKeepsOrder(t raw.T, e *Env) {
	s := e.Handshake(t)
	s.PostOK(t, "4one")
	ws := e.Dial(t, "EIO=4&transport=websocket&sid="+s.SID)
	ws.Text(t, "2probe")
	ws.Expect(t, raw.Text("3probe"))
	s.PostOK(t, "4two\x1ebAw==")
	ws.Text(t, "5")
	ws.Text(t, "4four")
	ws.Expect(t, raw.Text("4one"), raw.Text("4two"), raw.Bytes(3), raw.Text("4four"))
}

// alive requires that a session works over polling.
func alive(t raw.T, s *raw.Session) {
	t.Helper()
	s.PostOK(t, "4alive")
	for {
		switch packets := s.Read(t, 1); packets[0] {
		case "6": // left over from the upgrade
		case "4alive":
			return
		default:
			t.Fatalf("packets = %q, want 4alive", packets)
		}
	}
}

func upgradeSilent(t raw.T, e *Env) {
	s := e.Handshake(t)
	ws := e.Dial(t, "EIO=4&transport=websocket&sid="+s.SID)
	alive(t, s)
	closedByTimer(t, e, ws)
	alive(t, s)
}

func upgradeHalf(t raw.T, e *Env) {
	s := e.Handshake(t)
	ws := e.Dial(t, "EIO=4&transport=websocket&sid="+s.SID)
	ws.Text(t, "2probe")
	ws.Expect(t, raw.Text("3probe"))
	closedByTimer(t, e, ws)
	alive(t, s)
}

func upgradeAborted(packets ...string) func(raw.T, *Env) {
	return func(t raw.T, e *Env) {
		s := e.Handshake(t)
		ws := e.Dial(t, "EIO=4&transport=websocket&sid="+s.SID)
		for _, packet := range packets {
			ws.Text(t, packet)
			if packet == "2probe" {
				ws.Expect(t, raw.Text("3probe"))
			}
		}
		wantCode(t, ws, raw.CodeNone)
		alive(t, s)
	}
}

func upgradeUnprobed(t raw.T, e *Env) {
	if !e.Reference(t) {
		upgradeAborted("5")(t, e)
		return
	}
	ws := e.Dial(t, "EIO=4&transport=websocket&sid="+e.Handshake(t).SID)
	ws.Text(t, "5")
	ws.Text(t, "4hello")
	ws.Expect(t, raw.Text("4hello"))
}

func upgradeCut(t raw.T, e *Env) {
	s := e.Handshake(t)
	ws := e.Dial(t, "EIO=4&transport=websocket&sid="+s.SID)
	ws.Text(t, "2probe")
	ws.Expect(t, raw.Text("3probe"))
	ws.Cut()
	alive(t, s)
}

func upgradeTwice(t raw.T, e *Env) {
	s := e.Handshake(t)
	first := e.Dial(t, "EIO=4&transport=websocket&sid="+s.SID)
	first.Text(t, "2probe")
	first.Expect(t, raw.Text("3probe"))
	wantCode(t, e.Dial(t, "EIO=4&transport=websocket&sid="+s.SID), raw.CodeNone)
	first.Text(t, "5")
	first.Text(t, "4hello")
	first.Expect(t, raw.Text("4hello"))
}

// As in pollingHeartbeat, a session that a busy machine lost before the upgrade is tried again.
func upgradeHeartbeat(t raw.T, e *Env) {
	for range attempts {
		s := e.Handshake(t)
		if resp := s.Poll(t); resp.Body != "2" {
			continue
		}
		ws, resp := e.Upgrade(t, "EIO=4&transport=websocket&sid="+s.SID, nil)
		if ws == nil {
			if resp.Body != "Session ID unknown" {
				t.Fatalf("upgrade = %d %q, want 101", resp.Status, resp.Body)
			}
			continue
		}
		ws.Heartbeat = false
		ws.Text(t, "2probe")
		if m, open := ws.TryNext(t); !open || m != raw.Text("3probe") {
			continue
		}
		ws.Text(t, "5")
		if _, took := ws.Closed(t); took > pingInterval+2*pingTimeout+late {
			t.Fatalf("closed after %v", took)
		}
		return
	}
	t.Fatalf("no session lived long enough for the upgrade")
}
