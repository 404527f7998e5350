package conformance

import (
	"net/http"
	"strings"

	"github.com/sockeye-io/sockeye/conformance/internal/raw"
)

const maxPayload = 1_000_000

// pollingRows is the reference's table of what long-polling does.
func pollingRows() suite {
	return suite{name: "Long-polling", endpoint: "/engine.io/", cases: []node{
		it("a poll is held until there is something to send", pollHeld, "uppercase"),
		it("packets of one POST are handled in order", pollOrder, "reverse-payload"),
		it("lengths are counted in bytes, not in characters", pollBytes, "uppercase"),
		it("a body of exactly maxPayload bytes is taken", postAtLimit, "post-answer"),
		it("a body over maxPayload is 413 without a body", postOverLimit("length"), "status"),
		it("a chunked body over maxPayload is refused", postOverLimit("chunked"), "status"),
		it("a chunked body is read", postChunked, "post-answer"),
		it("a binary content type is refused and closes the session", postBinaryType, "status"),
		it("a POST that is cut off closes the session", postAborted, "status"),
		it("an overlapping POST is refused and closes the session", postOverlap, "status"),
		it("an empty body closes the session", postMalformed(""), "status"),
		it("an unknown packet type closes the session", postMalformed("9"), "status"),
		it("a packet without a type closes the session", postMalformed("4a\x1e\x1e4b"), "status"),
		it("a separator at the end closes the session", postMalformed("4a\x1e"), "status"),
		it("a ping from the client closes the session", postMalformed("2"), "status"),
		it("packets before a malformed one are handled", postPartly, "uppercase"),
		it("other methods on a known session are answered 500 without a body", otherMethods, "status"),
		it("a POST after the upgrade is code 3", postAfterUpgrade, "status", "error-body"),
		it("a pong that nobody waits for is ignored", unexpectedPong, "uppercase"),
		describe("server close",
			it("answers a pending poll with the close packet", serverClosePending, "close-packet"),
			it("answers the next poll with noop and close", serverCloseLater, "close-payload"),
			it("delivers what is queued first", serverCloseQueued, "close-payload", "uppercase"),
		),
	}}
}

func pollHeld(t raw.T, e *Env) {
	s := e.Handshake(t)
	poll := s.GoPoll(t)
	s.PostOK(t, "4now")
	if resp := poll.Await(t); resp.Status != http.StatusOK || resp.Body != "4now" {
		t.Fatalf("pending poll = %d %q, want 4now", resp.Status, resp.Body)
	}
}

func numbered(n int) []string {
	packets := make([]string, n)
	for i := range packets {
		packets[i] = "4" + strings.Repeat("x", i)
	}
	return packets
}

func wantPackets(t raw.T, got, want []string) {
	t.Helper()
	if strings.Join(got, "\x1e") != strings.Join(want, "\x1e") {
		t.Fatalf("packets = %.300q, want %.300q", got, want)
	}
}

func pollOrder(t raw.T, e *Env) {
	s := e.Handshake(t)
	packets := numbered(16)
	s.PostOK(t, strings.Join(packets, "\x1e"))
	wantPackets(t, s.Read(t, len(packets)), packets)
}

func pollBytes(t raw.T, e *Env) {
	pollingEcho("4hello €\x1e4\U0001F41F")(t, e)
}

func postAtLimit(t raw.T, e *Env) {
	s := e.Handshake(t)
	body := "4" + strings.Repeat("a", maxPayload-1)
	s.PostOK(t, body)
	wantPackets(t, s.Read(t, 1), []string{body})
}

// postOverLimit requires 413. The reference keeps the session, ours ends it.
func postOverLimit(kind string) func(raw.T, *Env) {
	return func(t raw.T, e *Env) {
		s := e.Handshake(t)
		body := "4" + strings.Repeat("a", maxPayload)
		request := raw.Request{Method: "POST", Query: s.Query(), Body: body}
		if kind == "chunked" {
			request.Body, request.Stream = "", strings.NewReader(body)
		}
		resp := e.Do(t, request)
		if resp.Status != http.StatusRequestEntityTooLarge || resp.Body != "" {
			t.Fatalf("answer = %d %q, want 413 without a body", resp.Status, resp.Body)
		}
		if e.Reference {
			s.PostOK(t, "4still open")
		} else {
			s.Closed(t)
		}
	}
}

func postChunked(t raw.T, e *Env) {
	s := e.Handshake(t)
	resp := e.Do(t, raw.Request{Method: "POST", Query: s.Query(), Stream: strings.NewReader("4chunked")})
	if resp.Status != http.StatusOK || resp.Body != "ok" {
		t.Fatalf("chunked POST = %d %q, want 200 ok", resp.Status, resp.Body)
	}
	wantPackets(t, s.Read(t, 1), []string{"4chunked"})
}

func postBinaryType(t raw.T, e *Env) {
	s := e.Handshake(t)
	resp := e.Do(t, raw.Request{Method: "POST", Query: s.Query(), Body: "4a", Header: map[string]string{"Content-Type": "application/octet-stream"}})
	if resp.Status != http.StatusBadRequest || resp.Body != "" {
		t.Fatalf("answer = %d %q, want 400 without a body", resp.Status, resp.Body)
	}
	s.Closed(t)
}

func postAborted(t raw.T, e *Env) {
	s := e.Handshake(t)
	e.Abandon(t, "POST", s.Query(), "Content-Length: 100\r\n", "4incomplete")
	s.Closed(t)
}

// The first POST must be known to the server before the second. That cannot be seen from outside, so the
// second is repeated until it overlaps.
func postOverlap(t raw.T, e *Env) {
	s := e.Handshake(t)
	e.Begin(t, "POST", s.Query(), "Content-Length: 100\r\n", "4incomplete")
	for range 200 {
		resp := s.Post(t, "3")
		if resp.Status == http.StatusOK {
			continue
		}
		if resp.Status != http.StatusBadRequest || resp.Body != "" {
			t.Fatalf("overlapping POST = %d %q, want 400 without a body", resp.Status, resp.Body)
		}
		s.Closed(t)
		return
	}
	t.Fatalf("no POST was refused although another one is under way")
}

// postMalformed requires that the session ends. The reference answers 200 ok all the same, ours 400.
func postMalformed(body string) func(raw.T, *Env) {
	return func(t raw.T, e *Env) {
		s := e.Handshake(t)
		resp := s.Post(t, body)
		want := http.StatusBadRequest
		if e.Reference {
			want = http.StatusOK
		}
		if resp.Status != want {
			t.Fatalf("malformed POST = %d %q, want %d", resp.Status, resp.Body, want)
		}
		s.Closed(t)
	}
}

func postPartly(t raw.T, e *Env) {
	s := e.Handshake(t)
	poll := s.GoPoll(t)
	s.PostOK(t, "4a") // the poll is known to be held when its answer comes
	wantPackets(t, []string{poll.Await(t).Body}, []string{"4a"})
	poll = s.GoPoll(t)
	s.Post(t, "4before\x1e9\x1e4after")
	if resp := poll.Await(t); resp.Body != "4before" && resp.Body != "4before\x1e1" {
		t.Fatalf("pending poll = %d %q, want the packet before the malformed one", resp.Status, resp.Body)
	}
	s.Closed(t)
}

func otherMethods(t raw.T, e *Env) {
	for _, method := range []string{"PUT", "DELETE", "PATCH"} {
		s := e.Handshake(t)
		resp := e.Do(t, raw.Request{Method: method, Query: s.Query()})
		if resp.Status != http.StatusInternalServerError || resp.Body != "" {
			t.Fatalf("%s = %d %q, want 500 without a body", method, resp.Status, resp.Body)
		}
	}
}

func postAfterUpgrade(t raw.T, e *Env) {
	s, ws := upgraded(t, e)
	ws.Text(t, "4sync")
	ws.Expect(t, raw.Text("4sync"))
	wantError(t, s.Post(t, "4late"), 400, errRequest)
}

func unexpectedPong(t raw.T, e *Env) {
	s := e.Handshake(t)
	s.PostOK(t, "3\x1e3\x1e4still here")
	wantPackets(t, s.Read(t, 1), []string{"4still here"})
}

func serverClosePending(t raw.T, e *Env) {
	s := e.Handshake(t)
	poll := s.GoPoll(t)
	s.PostOK(t, "4close me")
	if resp := poll.Await(t); resp.Status != http.StatusOK || resp.Body != "1" && resp.Body != "6\x1e1" {
		t.Fatalf("pending poll = %d %q, want the close packet", resp.Status, resp.Body)
	}
	s.Closed(t)
}

func serverCloseLater(t raw.T, e *Env) {
	s := e.Handshake(t)
	s.PostOK(t, "4close me")
	if resp := s.Poll(t); resp.Status != http.StatusOK || resp.Body != "6\x1e1" {
		t.Fatalf("next poll = %d %q, want noop and close", resp.Status, resp.Body)
	}
	s.Closed(t)
}

func serverCloseQueued(t raw.T, e *Env) {
	s := e.Handshake(t)
	s.PostOK(t, "4last words")
	s.PostOK(t, "4close me")
	if resp := s.Poll(t); resp.Status != http.StatusOK || resp.Body != "4last words" {
		t.Fatalf("next poll = %d %q, want what was queued", resp.Status, resp.Body)
	}
	if resp := s.Poll(t); resp.Status != http.StatusOK || resp.Body != "6\x1e1" {
		t.Fatalf("poll after it = %d %q, want noop and close", resp.Status, resp.Body)
	}
	s.Closed(t)
}
