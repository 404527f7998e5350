package conformance

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/sockeye-io/sockeye/conformance/internal/raw"
)

// defectRows is one case for each defect that was found on the wire of the Python servers. Its defects 11
// and 12 are of JSONP and of serving files, which our server does not do.
func defectRows() suite {
	return suite{name: "Known defects", endpoint: "/socket.io/", cases: []node{
		it("0: a binary broadcast reaches polling and WebSocket clients alike", mixedBroadcast, "binary-typed", "binary-as-text"),
		it("1: a burst of packets in one POST is handled to the last", burstIn, "uppercase", "post-answer"),
		it("1: a burst of packets to a polling client arrives to the last", burstOut, "split-payload"),
		it("2: malformed polling input ends the session", malformedInput, "status"),
		it("3: closing a polling client does not hang", closePolling, "disconnect-packet"),
		it("3: a body over the limit is answered at once and hangs nobody", overLimitPrompt, "status"),
		it("4: a bad binary packet does not leave the connection wedged", badBinaryPacket, "stay-open"),
		it("4: interleaved text does not pass for an attachment", interleavedText, "stay-open"),
		it("5: an empty frame ends the session at once", emptyFrame, "stay-open"),
		it("6: a silent upgrade does not withhold data", silentUpgrade, "uppercase").on(profileHasty).differing(withoutGoodbye),
		it("7: a client cannot reach the connect and disconnect handlers", reservedHandlers, "stay-open"),
		it("8: a failing connect handler is told to the client", failingMiddleware, "connect-error").
			ours("an exception in a middleware ends the process", "CONNECT_ERROR with the message internal error", "one handler's fault is one client's trouble"),
		it("9: no upgrade is offered without WebSocket", noUpgradeOffered, "handshake-upgrades").on(profilePolling),
		it("10: a broadcast does not reach a client before it is accepted", gatedBroadcast, "connect-error"),
		it("13: an ack with id zero leaves later acks alone", strayAckZero, "event-name"),
	}}
}

// decodeEvent returns the arguments of an event packet.
func decodeEvent(t raw.T, packet, prefix, name string) []any {
	t.Helper()
	rest, ok := strings.CutPrefix(packet, prefix)
	var args []any
	if !ok || json.Unmarshal([]byte(rest), &args) != nil || len(args) == 0 || args[0] != name {
		t.Fatalf("packet = %.200q, want %s and the event %s", packet, prefix, name)
	}
	return args[1:]
}

// joined opens a polling session that has joined the main namespace.
func joined(t raw.T, e *Env) *raw.Session {
	t.Helper()
	s := e.Handshake(t)
	s.PostOK(t, "40")
	packets := s.Read(t, 2)
	wantConnect(t, raw.Text(packets[0]), "40")
	wantPackets(t, packets[1:], []string{`42["auth",{}]`})
	return s
}

func mixedBroadcast(t raw.T, e *Env) {
	room := fmt.Sprintf("mixed-%p", e)
	s := joined(t, e)
	s.PostOK(t, fmt.Sprintf(`421["join",%q]`, room))
	wantPackets(t, s.Read(t, 1), []string{"431[]"})
	ws, _ := connected(t, e)
	ws.Text(t, fmt.Sprintf(`421["join",%q]`, room))
	ws.Expect(t, raw.Text("431[]"))
	for range 3 { // the order in which the members are served must not matter
		ws.Text(t, fmt.Sprintf(`451-["in",%q,"blob",{"_placeholder":true,"num":0}]`, room))
		ws.Binary(t, 1, 2, 3)
		ws.Expect(t, raw.Text(`451-["blob",{"_placeholder":true,"num":0}]`), raw.Bytes(1, 2, 3))
		wantPackets(t, s.Read(t, 2), []string{`451-["blob",{"_placeholder":true,"num":0}]`, "bAQID"})
	}
}

const burst = 200

func burstIn(t raw.T, e *Env) {
	s := joined(t, e)
	var packets, want []string
	for i := range burst {
		packets = append(packets, fmt.Sprintf(`42["message",%d]`, i))
		want = append(want, fmt.Sprintf(`42["message-back",%d]`, i))
	}
	s.PostOK(t, strings.Join(packets, "\x1e"))
	wantPackets(t, s.Read(t, burst), want)
}

func burstOut(t raw.T, e *Env) {
	s := joined(t, e)
	s.PostOK(t, fmt.Sprintf(`42["burst",%d]`, burst))
	var want []string
	for i := range burst {
		want = append(want, fmt.Sprintf(`42["burst",%d]`, i))
	}
	wantPackets(t, s.Read(t, burst), want)
}

func malformedInput(t raw.T, e *Env) {
	for _, body := range []string{"x", "", "4\xff", "\x1e"} {
		s := joined(t, e)
		s.Post(t, body)
		s.Closed(t)
	}
}

func closePolling(t raw.T, e *Env) {
	idle := joined(t, e)
	idle.PostOK(t, `42["disconnect-me",true]`)
	if got := strings.Join(idle.Read(t, 1), "\x1e"); got != "41" {
		t.Fatalf("poll = %q, want the disconnect packet", got)
	}
	idle.Closed(t)

	polling := joined(t, e)
	poll := polling.GoPoll(t)
	polling.PostOK(t, `42["disconnect-me",true]`)
	if resp := poll.Await(t); !strings.HasPrefix(resp.Body, "41") {
		t.Fatalf("pending poll = %d %q, want the disconnect packet", resp.Status, resp.Body)
	}
	polling.Closed(t)
}

func overLimitPrompt(t raw.T, e *Env) {
	s := joined(t, e)
	poll := s.GoPoll(t)
	start := time.Now()
	if resp := s.Post(t, "4"+strings.Repeat("a", maxPayload)); resp.Status != http.StatusRequestEntityTooLarge {
		t.Fatalf("answer = %d %q, want 413", resp.Status, resp.Body)
	}
	if took := time.Since(start); took > late {
		t.Fatalf("answered after %v", took)
	}
	joined(t, e)
	poll.Abort()
}

func badBinaryPacket(t raw.T, e *Env) {
	for _, packet := range []string{`451-["message",{"_placeholder":true,"num":5}]`, `450-["message"]`, `45999999999-["e"]`} {
		ws, _ := connected(t, e)
		ws.Text(t, packet)
		ws.Binary(t, 1)
		ws.Text(t, `42["message","swallowed?"]`)
		wantCode(t, ws, raw.CodeNone)
	}
}

func interleavedText(t raw.T, e *Env) {
	ws, _ := connected(t, e)
	ws.Text(t, `452-["message",`+placeholders+`]`)
	ws.Binary(t, 1)
	ws.Text(t, `42["message","not an attachment"]`)
	wantCode(t, ws, raw.CodeNone)
}

func emptyFrame(t raw.T, e *Env) {
	ws, _ := connected(t, e)
	ws.Text(t, "")
	if _, took := ws.Closed(t); took > late {
		t.Fatalf("closed after %v", took)
	}
}

func silentUpgrade(t raw.T, e *Env) {
	s := joined(t, e)
	ws := e.Dial(t, "EIO=4&transport=websocket&sid="+s.SID)
	ws.Text(t, "2probe")
	ws.Expect(t, raw.Text("3probe"))
	closedByTimer(t, e, ws) // the upgrade timeout
	s.PostOK(t, `42["message","over polling"]`)
	for {
		got := s.Read(t, 1)[0]
		if got == "6" {
			continue // answered while the upgrade was under way
		}
		wantPackets(t, []string{got}, []string{`42["message-back","over polling"]`})
		return
	}
}

func reservedHandlers(t raw.T, e *Env) {
	for _, packet := range []string{`42["connect",{},{"auth":{"token":"secret"}}]`, `42["disconnect","x"]`} {
		ws, _ := connected(t, e)
		ws.Text(t, packet)
		wantCode(t, ws, raw.CodeNone)
	}
}

func failingMiddleware(t raw.T, e *Env) {
	ws, _ := e.DialOpen(t)
	ws.Text(t, "40/throw,")
	ws.Expect(t, raw.Text(`44/throw,{"message":"internal error"}`))
	ws.Text(t, "40")
	wantConnect(t, ws.Next(t), "40")
}

func gatedBroadcast(t raw.T, e *Env) {
	gate := fmt.Sprintf("gate-%p", e)
	admin, _ := connected(t, e)
	ws, _ := e.DialOpen(t)
	ws.Text(t, fmt.Sprintf(`40/gate,{"gate":%q}`, gate))
	admin.Text(t, fmt.Sprintf(`421["gate-waiting",%q]`, gate))
	admin.Expect(t, raw.Text("431[]"))
	admin.Text(t, `42["gate-broadcast","secret","for members only"]`)
	admin.Text(t, fmt.Sprintf(`42["gate-open",%q,false]`, gate))
	ws.Expect(t, raw.Text(`44/gate,{"message":"gate closed"}`))
}

func strayAckZero(t raw.T, e *Env) {
	ws, _ := connected(t, e)
	ws.Text(t, "430[]")
	for range 2 {
		ws.Text(t, `42["call-me","question","really?"]`)
		m := ws.Next(t)
		id, _, ok := strings.Cut(strings.TrimPrefix(m.Data, "42"), "[")
		if !ok || id == "" || m.Data != "42"+id+`["question","really?"]` {
			t.Fatalf("message = %q, want the event question with an ack id", m.Data)
		}
		ws.Text(t, "43"+id+`["answer",7]`)
		ws.Text(t, "43"+id+`["twice"]`) // an ack counts once
		ws.Expect(t, raw.Text(`42["call-result","ok","answer",7]`))
	}
}
