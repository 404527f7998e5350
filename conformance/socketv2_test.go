package conformance

import (
	"encoding/json"
	"strings"

	"github.com/sockeye-io/sockeye/conformance/internal/raw"
)

// versionTwoRows are what clients of Socket.IO 1 and 2 see.
func versionTwoRows() suite {
	return suite{name: "Socket.IO v2", endpoint: "/socket.io/", cases: allOn(profileV3Calm,
		it("the client is in the main namespace from the start", v2Connects, "close-at-once", "text-as-binary"),
		it("over polling, the handshake is answered with the OPEN packet alone", v2Polls, "length"),
		it("events and acknowledgements are those of today", v2Events, "event-name", "ack-type"),
		it("binary messages begin with their type", v2Binary, "binary-reversed"),
		it("the query of a namespace is its auth", v2Query, "auth", "namespace"),
		it("a refusal is told its data alone", v2Refused, "bad-token"),
		it("an unknown namespace is told as today", v2Unknown, "connect-error"),
		it("a namespace can be left and joined again", v2Again, "namespace"),
	)}
}

// dialV2 opens a session over WebSocket and reads what comes unasked.
func dialV2(t raw.T, e *Env) *raw.WS {
	t.Helper()
	ws, _ := dialV3(t, e, "")
	ws.Expect(t, raw.Text("40"), raw.Text(`42["auth",{}]`))
	return ws
}

func v2Connects(t raw.T, e *Env) {
	dialV2(t, e).Close()
}

func v2Polls(t raw.T, e *Env) {
	s := handshakeV3(t, e, "")
	rest := "2:40" + `13:42["auth",{}]`
	resp := s.poll(t)
	if resp.Body == "2:40" {
		rest, resp = `13:42["auth",{}]`, s.poll(t)
	}
	if resp.Body != rest {
		t.Fatalf("poll = %q, want %q", resp.Body, rest)
	}
}

func v2Events(t raw.T, e *Env) {
	ws := dialV2(t, e)
	ws.Text(t, `42["message",1,"2",{"3":[true]}]`)
	ws.Expect(t, raw.Text(`42["message-back",1,"2",{"3":[true]}]`))
	ws.Text(t, `42456["message-with-ack",1]`)
	ws.Expect(t, raw.Text(`43456[1]`))
	ws.Close()
}

func v2Binary(t raw.T, e *Env) {
	ws := dialV2(t, e)
	ws.Text(t, `451-["message",{"_placeholder":true,"num":0}]`)
	ws.Binary(t, 4, 1, 2)
	ws.Expect(t, raw.Text(`451-["message-back",{"_placeholder":true,"num":0}]`), raw.Bytes(4, 1, 2))
	ws.Close()
}

func v2Query(t raw.T, e *Env) {
	for connect, auth := range map[string]string{"40/custom?token=a%20b": `{"token":"a b"}`, "40/custom?x=1,": `{"x":"1"}`, "40/custom,": "{}"} {
		ws := dialV2(t, e)
		ws.Text(t, connect)
		ws.Expect(t, raw.Text("40/custom,"), raw.Text(`42/custom,["auth",`+auth+`]`))
		ws.Close()
	}
}

func v2Refused(t raw.T, e *Env) {
	ws := dialV2(t, e)
	ws.Text(t, "40/auth?token=wrong")
	m := ws.Next(t)
	data, ok := strings.CutPrefix(m.Data, "44/auth,")
	got := make(map[string]any)
	if err := json.Unmarshal([]byte(data), &got); err != nil || !ok || len(got) != 2 || got["code"] != "bad-token" || got["retry"] != false {
		t.Fatalf("message = %q, want the data of the refusal (%v)", m.Data, err)
	}
	ws.Close()
}

func v2Unknown(t raw.T, e *Env) {
	ws := dialV2(t, e)
	ws.Text(t, "40/nowhere")
	ws.Expect(t, raw.Text(`44/nowhere,{"message":"Invalid namespace"}`))
	ws.Close()
}

func v2Again(t raw.T, e *Env) {
	ws := dialV2(t, e)
	for range 3 {
		ws.Text(t, "40/custom")
		ws.Expect(t, raw.Text("40/custom,"), raw.Text(`42/custom,["auth",{}]`))
		ws.Text(t, "41/custom,")
		ws.Text(t, `421["message-with-ack"]`) // the reference handles the leaving a little later
		ws.Expect(t, raw.Text("431[]"))
	}
	ws.Close()
}
