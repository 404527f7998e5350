package conformance

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/sockeye-io/sockeye/conformance/internal/raw"
)

// socketSuite is the official Socket.IO v5 protocol suite.
func socketSuite() suite {
	return suite{name: "Socket.IO v5", endpoint: "/socket.io/", cases: []node{
		describe("Engine.IO protocol",
			describe("handshake",
				describe("HTTP long-polling",
					it("should successfully open a session", pollingOpens, "handshake-key", "handshake-upgrades", "handshake-interval").on(profileSuite),
					it("should fail with an invalid 'EIO' query parameter", pollingBadEIO, "status", "error-body"),
					it("should fail with an invalid 'transport' query parameter", pollingBadTransport, "status", "error-body"),
					it("should fail with an invalid request method", pollingBadMethod, "status", "error-body"),
				),
				describe("WebSocket",
					it("should successfully open a session", websocketOpens, "handshake-key", "handshake-upgrades", "handshake-interval").on(profileSuite),
					it("should fail with an invalid 'EIO' query parameter", websocketBadEIO, "accept-all").
						but(lateRefusal, "400 before the upgrade", "a client must not take an error for a connection"),
					it("should fail with an invalid 'transport' query parameter", websocketBadTransport, "accept-all"),
				),
			),
			heartbeatCases("should send ping/pong packets", "should close the session upon ping timeout"),
			closeCases("should forcefully close the session"),
			describe("upgrade",
				it("should successfully upgrade from HTTP long-polling to WebSocket", socketUpgrade, "probe", "noop-packet", "connect-extra"),
				it("should ignore HTTP requests with same sid after upgrade", socketUpgradeThenPoll, "status", "error-body"),
				it("should ignore WebSocket connection with same sid after upgrade", socketUpgradeThenSecond, "stay-open"),
			),
		),
		describe("Socket.IO protocol",
			describe("connect",
				it("should allow connection to the main namespace", connectCase("40", "40", `42["auth",{}]`), "connect-extra", "auth"),
				it("should allow connection to the main namespace with a payload", connectCase(`40{"token":"123"}`, "40", `42["auth",{"token":"123"}]`), "connect-extra", "auth"),
				it("should allow connection to a custom namespace", connectCase("40/custom,", "40/custom,", `42/custom,["auth",{}]`), "connect-extra", "auth", "namespace"),
				it("should allow connection to a custom namespace with a payload", connectCase(`40/custom,{"token":"abc"}`, "40/custom,", `42/custom,["auth",{"token":"abc"}]`), "connect-extra", "auth", "namespace"),
				it("should disallow connection to an unknown namespace", connectUnknown, "connect-error"),
				it("should disallow connection with an invalid handshake", connectInvalid, "stay-open", "close-code"),
				it("should close the connection if no handshake is received", connectMissing, "stay-open", "close-at-once").on(profileSuite).differing(withoutGoodbye),
			),
			describe("disconnect",
				it("should disconnect from the main namespace", disconnectMain, "ping-packet", "no-ping").on(profileSuite),
				it("should connect then disconnect from a custom namespace", disconnectCustom, "uppercase"),
			),
			describe("message",
				it("should send a plain-text packet", messageText, "event-name", "text-as-binary"),
				it("should send a packet with binary attachments", messageBinary, "event-name", "binary-reversed", "placeholder"),
				it("should send a plain-text packet with an ack", messageAck, "ack-id", "ack-type"),
				it("should send a packet with binary attachments and an ack", messageBinaryAck, "ack-id", "binary-reversed", "placeholder"),
				it("should close the connection upon invalid format (unknown packet type)", invalidPacket("4abc"), "stay-open", "close-code"),
				it("should close the connection upon invalid format (invalid payload format)", invalidPacket("42{}"), "stay-open", "close-code"),
				it("should close the connection upon invalid format (invalid ack id)", invalidPacket(`42abc["message-with-ack",1,"2",{"3":[false]}]`), "stay-open", "close-code"),
			),
		),
	}}
}

// wantConnect requires the answer to a CONNECT: prefix and an object with a socket id alone.
func wantConnect(t raw.T, m raw.Message, prefix string) (sid string) {
	t.Helper()
	var payload struct {
		SID string `json:"sid"`
	}
	rest, ok := strings.CutPrefix(m.Data, prefix)
	if m.Binary || !ok || json.Unmarshal([]byte(rest), &payload) != nil {
		t.Fatalf("answer to CONNECT = %q, want %s{\"sid\":...}", m.Data, prefix)
	}
	if again, _ := json.Marshal(payload); string(again) != rest || len(payload.SID) != 20 {
		t.Fatalf("answer to CONNECT = %s, want exactly a sid of 20 characters", rest)
	}
	return payload.SID
}

// connected opens a WebSocket session that has joined the main namespace.
func connected(t raw.T, e *Env) (ws *raw.WS, sid string) {
	t.Helper()
	ws, open := e.DialOpen(t)
	ws.Text(t, "40")
	sid = wantConnect(t, ws.Next(t), "40")
	ws.Expect(t, raw.Text(`42["auth",{}]`))
	if sid == open.SID {
		t.Fatalf("the socket id is the session id, which is a secret")
	}
	return ws, sid
}

func connectCase(packet, prefix, auth string) func(raw.T, *Env) {
	return func(t raw.T, e *Env) {
		ws, _ := e.DialOpen(t)
		ws.Text(t, packet)
		wantConnect(t, ws.Next(t), prefix)
		ws.Expect(t, raw.Text(auth))
		ws.Close()
	}
}

func connectUnknown(t raw.T, e *Env) {
	ws, _ := e.DialOpen(t)
	ws.Text(t, "40/random")
	ws.Expect(t, raw.Text(`44/random,{"message":"Invalid namespace"}`))
	ws.Text(t, "40") // the connection stays open
	wantConnect(t, ws.Next(t), "40")
}

func connectInvalid(t raw.T, e *Env) {
	ws, _ := e.DialOpen(t)
	ws.Text(t, "4abc")
	wantCode(t, ws, raw.CodeNone)
}

func connectMissing(t raw.T, e *Env) { closesAfter(t, e, true, connectTimeout) }

func disconnectMain(t raw.T, e *Env) {
	ws, _ := connected(t, e)
	ws.Heartbeat = false
	ws.Text(t, "41")
	ws.Expect(t, raw.Text("2"))
}

func disconnectCustom(t raw.T, e *Env) {
	ws, _ := connected(t, e)
	ws.Text(t, "40/custom")
	wantConnect(t, ws.Next(t), "40/custom,")
	ws.Expect(t, raw.Text(`42/custom,["auth",{}]`))
	ws.Text(t, "41/custom")
	ws.Text(t, `42["message","message to main namespace"]`)
	ws.Expect(t, raw.Text(`42["message-back","message to main namespace"]`))
}

func messageText(t raw.T, e *Env) {
	ws, _ := connected(t, e)
	ws.Text(t, `42["message",1,"2",{"3":[true]}]`)
	ws.Expect(t, raw.Text(`42["message-back",1,"2",{"3":[true]}]`))
}

const placeholders = `{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}`

func messageBinary(t raw.T, e *Env) {
	ws, _ := connected(t, e)
	ws.Text(t, `452-["message",`+placeholders+`]`)
	ws.Binary(t, 1, 2, 3)
	ws.Binary(t, 4, 5, 6)
	ws.Expect(t, raw.Text(`452-["message-back",`+placeholders+`]`), raw.Bytes(1, 2, 3), raw.Bytes(4, 5, 6))
	ws.Close()
}

func messageAck(t raw.T, e *Env) {
	ws, _ := connected(t, e)
	ws.Text(t, `42456["message-with-ack",1,"2",{"3":[false]}]`)
	ws.Expect(t, raw.Text(`43456[1,"2",{"3":[false]}]`))
}

func messageBinaryAck(t raw.T, e *Env) {
	ws, _ := connected(t, e)
	ws.Text(t, `452-789["message-with-ack",`+placeholders+`]`)
	ws.Binary(t, 1, 2, 3)
	ws.Binary(t, 4, 5, 6)
	ws.Expect(t, raw.Text(`462-789[`+placeholders+`]`), raw.Bytes(1, 2, 3), raw.Bytes(4, 5, 6))
	ws.Close()
}

// invalidPacket requires that a packet ends the connection of a socket that has joined the main namespace.
func invalidPacket(packets ...string) func(raw.T, *Env) {
	return func(t raw.T, e *Env) {
		ws, _ := connected(t, e)
		for _, p := range packets {
			ws.Text(t, p)
		}
		e.attach(t, ws)
		wantCode(t, ws, raw.CodeNone)
	}
}

// socketUpgraded opens a session over polling, joins the main namespace there and moves to WebSocket.
func socketUpgraded(t raw.T, e *Env) (*raw.Session, *raw.WS) {
	t.Helper()
	s := e.Handshake(t)
	s.PostOK(t, "40")
	packets := s.Read(t, 2)
	wantConnect(t, raw.Text(packets[0][1:]), "0")
	ws := e.Dial(t, "EIO=4&transport=websocket&sid="+s.SID)
	ws.Text(t, "2probe")
	ws.Expect(t, raw.Text("3probe"))
	if resp := s.Poll(t); resp.Status != http.StatusOK || resp.Body != "6" {
		t.Fatalf("poll during the upgrade = %d %q, want the noop packet", resp.Status, resp.Body)
	}
	ws.Text(t, "5")
	ws.Text(t, `42["message","upgraded"]`)
	ws.Expect(t, raw.Text(`42["message-back","upgraded"]`))
	return s, ws
}

func socketUpgrade(t raw.T, e *Env) {
	_, ws := socketUpgraded(t, e)
	ws.Close()
}

func socketUpgradeThenPoll(t raw.T, e *Env) {
	s, _ := socketUpgraded(t, e)
	wantError(t, s.Poll(t), 400, errRequest)
}

func socketUpgradeThenSecond(t raw.T, e *Env) {
	s, ws := socketUpgraded(t, e)
	wantCode(t, e.Dial(t, "EIO=4&transport=websocket&sid="+s.SID), raw.CodeNone)
	ws.Text(t, `42["message","still here"]`)
	ws.Expect(t, raw.Text(`42["message-back","still here"]`))
}
