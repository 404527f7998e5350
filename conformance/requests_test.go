package conformance

import (
	"net/http"

	"github.com/sockeye-io/sockeye/conformance/internal/raw"
)

// requestRows is the reference's table of refused requests, in the order in which it checks them.
func requestRows() suite {
	return suite{name: "Refused requests", endpoint: "/engine.io/", cases: []node{
		describe("HTTP",
			it("an unknown transport is code 0", refused("GET", "EIO=4&transport=pigeon", 400, errTransport), "status", "error-body", "error-type"),
			it("webtransport is an unknown transport until it is asked for", refused("GET", "EIO=4&transport=webtransport", 400, errTransport), "status", "error-body"),
			it("the transport is looked at before the session", refused("GET", "EIO=4&transport=pigeon&sid=nobody", 400, errTransport), "error-body"),
			it("a poll of an unknown session is code 1", refused("GET", "EIO=4&transport=polling&sid=nobody", 400, errSession), "status", "error-body"),
			it("a POST to an unknown session is code 1", refused("POST", "EIO=4&transport=polling&sid=nobody", 400, errSession), "status", "error-body"),
			it("the session is looked at before the protocol version", refused("GET", "EIO=3&transport=polling&sid=nobody", 400, errSession), "error-body"),
			it("a handshake by POST is code 2", refused("POST", "EIO=4&transport=polling", 400, errMethod), "status", "error-body"),
			it("a handshake by DELETE is code 2", refused("DELETE", "EIO=4&transport=polling", 400, errMethod), "status", "error-body"),
			it("a handshake by HEAD is refused", refusedHead, "status"),
			it("the method is looked at before the protocol version", refused("POST", "EIO=3&transport=polling", 400, errMethod), "error-body"),
			it("a WebSocket handshake without an upgrade is code 3", refused("GET", "EIO=4&transport=websocket", 400, errRequest), "status", "error-body"),
			it("a known session on another transport without an upgrade is code 3", mismatch, "status", "error-body"),
			it("a known session with another protocol version is code 3", otherProtocol, "status", "error-body"),
			it("a handshake that the application refuses is 403 with code 4", refused("GET", "EIO=4&transport=polling&refuse=1", 403, errForbidden), "status", "error-body"),
			it("both the application and the protocol version refuse", refusedOrder, "error-body").
				but("403 with code 4", "400 with code 5", "the hook is asked only about handshakes that could succeed"),
			it("a missing protocol version is code 5", refused("GET", "transport=polling", 400, errProtocol), "status", "error-body"),
			it("protocol version 3 is code 5", refused("GET", "EIO=3&transport=polling", 400, errProtocol), "status", "error-body"),
		),
		describe("CORS",
			it("a preflight is answered 204 with what is allowed", preflight, "status-204", "no-cors"),
			it("an allowed origin is named on answers and on errors", corsHeaders, "no-cors"),
		),
		describe("WebSocket",
			it("an unknown session is refused before the upgrade", refusedUpgrade("EIO=4&transport=websocket&sid=nobody", "Session ID unknown"), "accept-all", "status"),
			it("an unknown transport is refused before the upgrade", refusedUpgrade("EIO=4&transport=pigeon", "Transport unknown"), "accept-all", "error-type"),
			it("a handshake that the application refuses is refused before the upgrade", refusedByApplication, "accept-all", "status").
				but("400", "403", "the same refusal has the same status on every transport"),
			it("an upgrade request for polling gets no session", upgradeForPolling, "accept-all").
				but("101, then an empty close frame", "400", "what is refused is not upgraded first"),
		),
		describe("polling alone",
			it("WebSocket is an unknown transport", websocketOff, "accept-all").on(profilePolling).
				but("400 with JSON, as if it were no upgrade", "400 with the message alone", "every refused upgrade is answered in one form"),
			it("no upgrade is offered", noUpgradeOffered, "handshake-upgrades").on(profilePolling),
		),
	}}
}

func refused(method, query string, status int, body string) func(raw.T, *Env) {
	return func(t raw.T, e *Env) {
		wantError(t, e.Do(t, raw.Request{Method: method, Query: query}), status, body)
	}
}

func refusedHead(t raw.T, e *Env) {
	if resp := e.Do(t, raw.Request{Method: "HEAD", Query: "EIO=4&transport=polling"}); resp.Status != 400 {
		t.Fatalf("status = %d, want 400", resp.Status)
	}
}

func mismatch(t raw.T, e *Env) {
	s := e.Handshake(t)
	wantError(t, e.Do(t, raw.Request{Method: "GET", Query: "EIO=4&transport=websocket&sid=" + s.SID}), 400, errRequest)
	s.PostOK(t, "4the session is untouched")
}

func otherProtocol(t raw.T, e *Env) {
	s := e.Handshake(t)
	wantError(t, e.Do(t, raw.Request{Method: "GET", Query: "EIO=3&transport=polling&sid=" + s.SID}), 400, errRequest)
	s.PostOK(t, "4the session is untouched")
}

// refusedUpgrade requires an answer that is no upgrade: the message alone, not JSON.
func refusedUpgrade(query, message string) func(raw.T, *Env) {
	return func(t raw.T, e *Env) {
		ws, resp := e.Upgrade(t, query, nil)
		if ws != nil || resp.Status != http.StatusBadRequest || resp.Body != message {
			t.Fatalf("answer = %d %q, want 400 %q", resp.Status, resp.Body, message)
		}
		wantHeaders(t, resp, "Content-Type", "text/html", "Connection", "close")
	}
}

func websocketOff(t raw.T, e *Env) {
	ws, resp := e.Upgrade(t, "EIO=4&transport=websocket", nil)
	want := "Transport unknown"
	if e.Reference(t) {
		want = errTransport
	}
	if ws != nil || resp.Status != http.StatusBadRequest || resp.Body != want {
		t.Fatalf("answer = %d %q, want 400 %q", resp.Status, resp.Body, want)
	}
}

func refusedOrder(t raw.T, e *Env) {
	resp := e.Do(t, raw.Request{Method: "GET", Query: "EIO=3&transport=polling&refuse=1"})
	if e.Reference(t) {
		wantError(t, resp, 403, errForbidden)
	} else {
		wantError(t, resp, 400, errProtocol)
	}
}

func refusedByApplication(t raw.T, e *Env) {
	ws, resp := e.Upgrade(t, "EIO=4&transport=websocket&refuse=1", nil)
	want := http.StatusForbidden
	if e.Reference(t) {
		want = http.StatusBadRequest
	}
	if ws != nil || resp.Status != want {
		t.Fatalf("answer = %d %q, want %d", resp.Status, resp.Body, want)
	}
}

func upgradeForPolling(t raw.T, e *Env) {
	ws, resp := e.Upgrade(t, "EIO=4&transport=polling", nil)
	if e.Reference(t) {
		if ws == nil {
			t.Fatalf("answer = %d, want the reference's 101", resp.Status)
		}
		wantCode(t, ws, raw.CodeNone)
		return
	}
	if ws != nil || resp.Status != http.StatusBadRequest {
		t.Fatalf("answer = %d %q, want 400", resp.Status, resp.Body)
	}
}

func preflight(t raw.T, e *Env) {
	resp := e.Do(t, raw.Request{Method: "OPTIONS", Query: "EIO=4&transport=polling", Header: map[string]string{
		"Origin": "http://elsewhere.example", "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-custom",
	}})
	if resp.Status != http.StatusNoContent || resp.Body != "" {
		t.Fatalf("preflight = %d %q, want 204", resp.Status, resp.Body)
	}
	wantHeaders(t, resp, "Access-Control-Allow-Origin", "*", "Access-Control-Allow-Headers", "x-custom")
	if resp.Header.Get("Access-Control-Allow-Methods") == "" {
		t.Fatalf("no Access-Control-Allow-Methods")
	}
}

func corsHeaders(t raw.T, e *Env) {
	for _, query := range []string{"EIO=4&transport=polling", "EIO=4&transport=pigeon"} {
		resp := e.Do(t, raw.Request{Method: "GET", Query: query, Header: map[string]string{"Origin": "http://elsewhere.example"}})
		wantHeaders(t, resp, "Access-Control-Allow-Origin", "*")
	}
}

func noUpgradeOffered(t raw.T, e *Env) {
	if open := e.Handshake(t).Open; len(open.Upgrades) != 0 || open.Upgrades == nil {
		t.Fatalf("upgrades = %q, want []", open.Upgrades)
	}
}
