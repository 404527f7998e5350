package conformance

import (
	"fmt"
	"strings"

	"github.com/sockeye-io/sockeye/conformance/internal/raw"
)

// packetRows is the reference's table of malformed and edge packets, sent by a socket that has joined the
// main namespace.
func packetRows() suite {
	closes := func(rule string, packets ...string) node {
		return it(rule, invalidPacket(packets...), "stay-open", "close-code")
	}
	ignores := func(rule string, packets ...string) node {
		return it(rule, toleratedPacket(packets...), "event-name")
	}
	return suite{name: "Packets", endpoint: "/socket.io/", cases: []node{
		describe("close the connection",
			closes("truncated JSON", `42["x",1`),
			closes("an object as an event's payload", `42{}`),
			closes("an empty array", `42[]`),
			closes("a string as an event's payload", `42"x"`),
			closes("null as an event's name", `42[null]`),
			closes("an unknown packet type", "47"),
			closes("a packet type that is no digit", "4abc"),
			closes("an empty message", "4"),
			closes("no attachments in a binary packet", `450-["x"]`),
			closes("an empty number of attachments", `45-["x"]`),
			closes("a binary packet without the number's end", `452["x"]`),
			closes("a binary packet without a number", `45["x"]`),
			closes("more than ten attachments", `4511-["message",`+placeholder(11)+`]`),
			closes("a number of attachments that nobody will send", `45999999999-["message",`+placeholder(1)+`]`),
			closes("a text packet where an attachment is due", `451-["message",`+placeholder(1)+`]`, `42["message","text"]`),
			closes("a placeholder that no attachment fills", `451-["message",{"_placeholder":true,"num":7}]`).sends([]byte{1}),
			closes("a negative placeholder", `451-["message",{"_placeholder":true,"num":-1}]`).sends([]byte{1}),
			it("an attachment that nobody announced", unannouncedAttachment, "stay-open", "close-code"),
			closes("a disconnect with a payload", "41{}"),
			closes("an array as the connect payload", "40[]"),
			closes("a second connect", "40"),
			closes("a connect error from the client", `44{"message":"no"}`),
			closes("a connect error without a payload", "44"),
			closes("a namespace without its comma", `42/["x"]`),
			closes("a negative ack id", `42-1["x"]`),
			closes("a fractional ack id", `4212.5["x"]`),
			closes("an event for a namespace that is not joined", `42/custom,["message",1]`),
			closes("a disconnect from a namespace that is not joined", "41/custom,"),
			it("an event after the disconnect", eventAfterDisconnect, "stay-open", "close-code"),
			closes("the reserved name connect", `42["connect"]`),
			closes("the reserved name connect_error", `42["connect_error"]`),
			closes("the reserved name disconnect", `42["disconnect"]`),
			closes("the reserved name disconnecting", `42["disconnecting"]`),
			closes("the reserved name newListener", `42["newListener"]`),
			closes("the reserved name removeListener", `42["removeListener"]`),
			it("an event before the connect", eventBeforeConnect, "stay-open", "close-code"),
			it("malformed packets over polling, too", malformedPost, "status"),
		),
		describe("are tolerated",
			ignores("an event without a payload", "42"),
			ignores("a number as an event's name", "42[1,2]"),
			ignores("an event that nobody handles", `42["nobody",1]`),
			ignores("an ack without an id", "43[1]"),
			ignores("an ack that nobody waits for", "431[1]"),
			ignores("a binary ack that nobody waits for", `461-1[`+placeholder(1)+`]`).sends([]byte{1}),
			it("the main namespace written out", writtenOutNamespace, "event-name"),
			it("digits after a connect", connectCase("401", "40", `42["auth",{}]`), "connect-extra"),
			it("a space for an ack id", spaceAckID, "stay-open").
				but("it is the ack id 0", "the connection is closed", "an id consists of digits"),
			it("placeholders in a text packet are data", literalPlaceholder, "event-name"),
			it("white space and escapes in JSON", jsonSpelling, "event-name"),
			it("an ack id of zero", ackIDZero, "ack-id-0"),
			it("up to ten attachments", tenAttachments, "event-name", "binary-reversed"),
			it("several namespaces on one connection", twoNamespaces, "namespace", "auth"),
			it("a disconnect with the end of the connection behind it", disconnectThenClose, "reason"),
			it("a namespace that is joined again after leaving it", rejoin, "namespace"),
		),
	}}
}

// sends adds binary messages after a case's packets.
func (n node) sends(attachments ...[]byte) node {
	n.attachments = attachments
	return n
}

func placeholder(n int) string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf(`{"_placeholder":true,"num":%d}`, i)
	}
	return strings.Join(all, ",")
}

func toleratedPacket(packets ...string) func(raw.T, *Env) {
	return func(t raw.T, e *Env) {
		ws, _ := connected(t, e)
		for _, p := range packets {
			ws.Text(t, p)
		}
		e.attach(t, ws)
		ws.Text(t, `42["message","still here"]`)
		ws.Expect(t, raw.Text(`42["message-back","still here"]`))
	}
}

func unannouncedAttachment(t raw.T, e *Env) {
	ws, _ := connected(t, e)
	ws.Binary(t, 1)
	wantCode(t, ws, raw.CodeNone)
}

func eventBeforeConnect(t raw.T, e *Env) {
	ws, _ := e.DialOpen(t)
	ws.Text(t, `42["message",1]`)
	wantCode(t, ws, raw.CodeNone)
}

// settle waits until a namespace has answered, and so until what was sent before has been handled.
func settle(t raw.T, ws *raw.WS, prefix string) {
	t.Helper()
	ws.Text(t, "42"+prefix+`["message","settled"]`)
	ws.Expect(t, raw.Text("42"+prefix+`["message-back","settled"]`))
}

func eventAfterDisconnect(t raw.T, e *Env) {
	ws, _ := connected(t, e)
	ws.Text(t, "40/custom,")
	wantConnect(t, ws.Next(t), "40/custom,")
	ws.Expect(t, raw.Text(`42/custom,["auth",{}]`))
	ws.Text(t, "41")
	settle(t, ws, "/custom,")
	ws.Text(t, `42["message",1]`)
	wantCode(t, ws, raw.CodeNone)
}

func malformedPost(t raw.T, e *Env) {
	for _, packet := range []string{`42{}`, `42["disconnect"]`, `47`, `4abc`, `42/custom,["x"]`} {
		s := e.Handshake(t)
		s.PostOK(t, "40")
		s.Read(t, 2)
		s.Post(t, packet)
		s.Closed(t)
	}
}

func writtenOutNamespace(t raw.T, e *Env) {
	ws, _ := connected(t, e)
	ws.Text(t, `42/,["message","x"]`)
	ws.Expect(t, raw.Text(`42["message-back","x"]`))
}

func spaceAckID(t raw.T, e *Env) {
	ws, _ := connected(t, e)
	ws.Text(t, `42 ["message-with-ack",1]`)
	if e.Reference(t) {
		ws.Expect(t, raw.Text("430[1]"))
		return
	}
	wantCode(t, ws, raw.CodeNone)
}

func literalPlaceholder(t raw.T, e *Env) {
	ws, _ := connected(t, e)
	ws.Text(t, `42["message",{"_placeholder":true,"num":0}]`)
	ws.Expect(t, raw.Text(`42["message-back",{"_placeholder":true,"num":0}]`))
}

// What a value means must survive; how it is spelled may differ, so the answer to a plain spelling is compared.
func jsonSpelling(t raw.T, e *Env) {
	ws, _ := connected(t, e)
	ws.Text(t, `42[ "message" , "A\u20ac\"\\" , [ ] ]`)
	m := ws.Next(t)
	args := decodeEvent(t, m.Data, "42", "message-back")
	if len(args) != 2 || args[0] != "A€\"\\" {
		t.Fatalf("message = %q", m.Data)
	}
}

func ackIDZero(t raw.T, e *Env) {
	ws, _ := connected(t, e)
	ws.Text(t, `420["message-with-ack","zero"]`)
	ws.Expect(t, raw.Text(`430["zero"]`))
}

func tenAttachments(t raw.T, e *Env) {
	ws, _ := connected(t, e)
	ws.Text(t, `4510-["message",`+placeholder(10)+`]`)
	want := []raw.Message{raw.Text(`4510-["message-back",` + placeholder(10) + `]`)}
	for i := range byte(10) {
		ws.Binary(t, i, i+1)
		want = append(want, raw.Bytes(i, i+1))
	}
	ws.Expect(t, want...)
}

func twoNamespaces(t raw.T, e *Env) {
	ws, _ := connected(t, e)
	for _, name := range []string{"/custom", "/other"} {
		ws.Text(t, "40"+name+",")
		wantConnect(t, ws.Next(t), "40"+name+",")
		ws.Expect(t, raw.Text("42"+name+`,["auth",{}]`))
	}
	ws.Text(t, `42/other,["message",2]`)
	ws.Text(t, `42/custom,7["message-with-ack",1]`)
	ws.Expect(t, raw.Text(`42/other,["message-back",2]`), raw.Text(`43/custom,7[1]`))
}

// The three leave in one write, so the server finds them in one read.
func disconnectThenClose(t raw.T, e *Env) {
	witness, _ := connected(t, e)
	ws, sid := connected(t, e)
	ws.Batch(t, func() {
		ws.Text(t, "41")
		ws.Text(t, "1")
		ws.Frame(t, true, raw.OpClose, "")
	})
	witness.Text(t, `427["reason-of","`+sid+`"]`)
	witness.Expect(t, raw.Text(`437["client namespace disconnect"]`))
}

func rejoin(t raw.T, e *Env) {
	ws, _ := connected(t, e)
	var ids [2]string
	for i := range ids {
		ws.Text(t, "40/custom,")
		ids[i] = wantConnect(t, ws.Next(t), "40/custom,")
		ws.Expect(t, raw.Text(`42/custom,["auth",{}]`))
		ws.Text(t, "41/custom,")
		settle(t, ws, "")
	}
	if ids[0] == ids[1] {
		t.Fatalf("the same socket id twice: %q", ids[0])
	}
}
