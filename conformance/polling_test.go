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
		it("a body over maxPayload is 413 without a body", postOverLimit("length"), "status").
			but("413, and the session goes on", "413, and the session ends", "the message is lost: a session that went on would hide a hole in the stream"),
		it("a chunked body over maxPayload is refused", postOverLimit("chunked"), "status").
			but("413, and the session goes on", "413, and the session ends", "the message is lost: a session that went on would hide a hole in the stream"),
		it("a chunked body is read", postChunked, "post-answer"),
		it("a binary content type is refused and closes the session", postBinaryType, "status"),
		it("a POST that is cut off closes the session", postAborted, "status"),
		it("an overlapping POST is refused and closes the session", postOverlap, "status"),
		it("an empty body closes the session", postMalformed(""), "status").
			but("200 ok, and the session ends", "400, and the session ends", "the answer must not say that all is well"),
		it("an unknown packet type closes the session", postMalformed("9"), "status").
			but("200 ok, and the session ends", "400, and the session ends", "the answer must not say that all is well"),
		it("a packet without a type closes the session", postMalformed("4a\x1e\x1e4b"), "status").
			but("200 ok, and the session ends", "400, and the session ends", "the answer must not say that all is well"),
		it("a separator at the end closes the session", postMalformed("4a\x1e"), "status").
			but("200 ok, and the session ends", "400, and the session ends", "the answer must not say that all is well"),
		it("a ping from the client closes the session", postMalformed("2"), "status").
			but("200 ok, and the session ends", "400, and the session ends", "the answer must not say that all is well"),
		it("packets behind a malformed one are not handled", postPartly, "close-packet").
			but("those before it are always handled", "those before it may be handled", "the server ends the session, and what was not handled then is dropped"),
		it("other methods on a known session are refused without a body", otherMethods, "status").
			but("500", "405 with Allow", "it is the client's fault and says what is allowed"),
		it("a POST after the upgrade is code 3", postAfterUpgrade, "status", "error-body"),
		it("a pong that nobody waits for is ignored", unexpectedPong, "uppercase"),
		describe("server close",
			it("answers a pending poll with the close packet", serverClosePending, "close-packet"),
			it("answers the next poll with noop and close", serverCloseLater, "close-packet").
				but("6 and 1", "1", "the noop tells the client nothing that the close packet does not"),
			it("delivers what is queued first", serverCloseQueued, "close-packet", "uppercase").
				but("6 and 1 in the answer after it", "1 in the answer after it", "the noop tells the client nothing that the close packet does not"),
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

// postOverLimit requires 413.
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
		if e.Reference(t) {
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
// second is repeated until it overlaps. If the first one came in the middle of a repetition, it was the one that
// was refused, which cannot be seen either: then all of it is done again.
func postOverlap(t raw.T, e *Env) {
	for range 20 {
		if s := e.Handshake(t); overlapped(t, e, s) {
			s.Closed(t)
			return
		}
	}
	t.Fatalf("no POST was refused although another one is under way")
}

// overlapped reports whether a POST was refused because another one was under way.
func overlapped(t raw.T, e *Env, s *raw.Session) bool {
	e.Begin(t, "POST", s.Query(), "Content-Length: 100\r\n", "4incomplete")
	for range 200 {
		resp := s.Post(t, "3")
		switch {
		case resp.Status == http.StatusOK:
		case resp.Status == http.StatusBadRequest && resp.Body == "":
			return true
		case resp.Status == http.StatusBadRequest && strings.HasPrefix(resp.Body, `{"code":1,`):
			return false
		default:
			t.Fatalf("overlapping POST = %d %q, want 400 without a body", resp.Status, resp.Body)
		}
	}
	return false
}

// postMalformed requires that the session ends.
func postMalformed(body string) func(raw.T, *Env) {
	return func(t raw.T, e *Env) {
		s := e.Handshake(t)
		resp := s.Post(t, body)
		want := http.StatusBadRequest
		if e.Reference(t) {
			want = http.StatusOK
		}
		if resp.Status != want {
			t.Fatalf("malformed POST = %d %q, want %d", resp.Status, resp.Body, want)
		}
		s.Closed(t)
	}
}

// As in pollingClose, a poll that was not pending in time is tried again.
func postPartly(t raw.T, e *Env) {
	for range 20 {
		s := e.Handshake(t)
		poll := s.GoPoll(t)
		s.Post(t, "4before\x1e9\x1e4after")
		resp := poll.Await(t)
		s.Closed(t)
		switch {
		case resp.Status == http.StatusOK:
			handled := resp.Body == "4before" || resp.Body == "4before\x1e1"
			if !handled && (e.Reference(t) || resp.Body != "1") {
				t.Fatalf("pending poll = %q, want the packet before the malformed one, or the close packet", resp.Body)
			}
			return
		case resp.Status != http.StatusBadRequest:
			t.Fatalf("pending poll = %d %q, want 200", resp.Status, resp.Body)
		}
	}
	t.Fatalf("no poll was ever pending")
}

func otherMethods(t raw.T, e *Env) {
	for _, method := range []string{"PUT", "DELETE", "PATCH"} {
		s := e.Handshake(t)
		resp := e.Do(t, raw.Request{Method: method, Query: s.Query()})
		want := http.StatusMethodNotAllowed
		if e.Reference(t) {
			want = http.StatusInternalServerError
		}
		if resp.Status != want || resp.Body != "" {
			t.Fatalf("%s = %d %q, want %d without a body", method, resp.Status, resp.Body, want)
		}
		if resp.Header.Get("Allow") == "" && !e.Reference(t) {
			t.Fatalf("%s: no Allow header", method)
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

// closePayload is what a poll after the server's close is answered with.
func closePayload(t raw.T, e *Env) string {
	t.Helper()
	if e.Reference(t) {
		return "6\x1e1"
	}
	return "1"
}

// A poll that came only after the close is tried again: its answer is another case's.
func serverClosePending(t raw.T, e *Env) {
	for range 20 {
		s := e.Handshake(t)
		poll := s.GoPoll(t)
		s.PostOK(t, "4close me")
		resp := poll.Await(t)
		s.Closed(t)
		switch {
		case resp.Status == http.StatusOK && resp.Body == "1":
			return
		case resp.Status != http.StatusOK || resp.Body != "6\x1e1":
			t.Fatalf("pending poll = %d %q, want the close packet", resp.Status, resp.Body)
		}
	}
	t.Fatalf("no poll was ever pending")
}

func serverCloseLater(t raw.T, e *Env) {
	s := e.Handshake(t)
	s.PostOK(t, "4close me")
	if resp, want := s.Poll(t), closePayload(t, e); resp.Status != http.StatusOK || resp.Body != want {
		t.Fatalf("next poll = %d %q, want 200 %q", resp.Status, resp.Body, want)
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
	if resp, want := s.Poll(t), closePayload(t, e); resp.Status != http.StatusOK || resp.Body != want {
		t.Fatalf("poll after it = %d %q, want 200 %q", resp.Status, resp.Body, want)
	}
	s.Closed(t)
}
