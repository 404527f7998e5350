// Package proxy_test starts the proxies that docs/deploy has recipes for, with those recipes, and puts clients through
// them. The recipes are read from the pages; only addresses, files and the port are replaced.
package proxy_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-io/sockeye/conformance/internal/page"
	"github.com/sockeye-io/sockeye/conformance/internal/peer"
	"github.com/sockeye-io/sockeye/conformance/internal/raw"
	"github.com/sockeye-io/sockeye/socketio"
)

// clientAddr is an address of this machine that is not the proxy's.
const clientAddr = "127.0.0.9"

// testsAtOnce is how many tests run side by side: nearly all of their time is waiting.
const testsAtOnce = 16

func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", strconv.Itoa(testsAtOnce)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func TestRecipe(t *testing.T) {
	t.Parallel()
	for _, r := range recipes() {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			b := newBackend(t)
			f := start(t, r, r.one(t), map[string]*backend{"127.0.0.1:3000": b})
			for name, test := range map[string]func(t *testing.T, b *backend, f *front){
				"polling":                          polling,
				"WebSocket":                        webSocket,
				"upgrade":                          upgrade,
				"polling over HTTP/2":              pollingOverHTTP2,
				"the largest message":              largestMessage,
				"silence":                          silent,
				"origins":                          origins,
				"the address of the client":        addresses,
				"the files of the client":          clientFiles,
				"a WebSocket that the server ends": serverCloses,
			} {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					test(t, b, f)
				})
			}
		})
	}
}

// TestRecipeInBrowser lets Chromium do what it likes: it may open the WebSocket over HTTP/2.
func TestRecipeInBrowser(t *testing.T) {
	t.Parallel()
	for _, r := range recipes() {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			chromium := peer.Chromium(t)
			node := peer.Node(t, "../js")
			f := start(t, r, r.one(t), map[string]*backend{"127.0.0.1:3000": newBackend(t)})
			const build = "socket.io.min.js"
			results := peer.Run(t, peer.Command{Path: node, Dir: "../js", Args: []string{"page.mjs", chromium, "https://" + f.host(), build}})
			results[build].Check(t, page.Outcome)
		})
	}
}

// TestClientThatLeaves is about a poll whose client goes away: the server hears of it at once, or by the heartbeat.
func TestClientThatLeaves(t *testing.T) {
	t.Parallel()
	for _, r := range recipes() {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			b := newBackend(t)
			f := start(t, r, r.one(t), map[string]*backend{"127.0.0.1:3000": b})
			s := joined(t, f.peer(t, clientAddr))
			s.GoPoll(t).Abort()
			select {
			case why := <-b.ended:
				if why.Reason != socketio.ReasonTransportError {
					t.Errorf("ended with %q (%v), want %q", why.Reason, why.Err, socketio.ReasonTransportError)
				}
			case <-time.After(silence / 2):
				t.Error("the server does not hear of it before the heartbeat")
			}
		})
	}
}

// joined opens a session over polling and joins the namespace "/".
func joined(t *testing.T, p *raw.Peer) *raw.Session {
	t.Helper()
	s := p.Handshake(t)
	s.PostOK(t, "40")
	if got := s.Read(t, 1)[0]; !strings.HasPrefix(got, `40{"sid":`) {
		t.Fatalf("answer to CONNECT = %q", got)
	}
	return s
}

// call is a message of an event with an acknowledgement, answer the acknowledgement.
func call(event, arg string) string { return fmt.Sprintf(`420["%s","%s"]`, event, arg) }
func answer(arg string) string      { return fmt.Sprintf(`430["%s"]`, arg) }

func wantPacket(t *testing.T, s *raw.Session, want string) {
	t.Helper()
	if got := s.Read(t, 1)[0]; got != want {
		t.Fatalf("packet = %.200q, want %.200q", got, want)
	}
}

func polling(t *testing.T, _ *backend, f *front) {
	t.Helper()
	s := joined(t, f.peer(t, clientAddr))
	for i := range 5 {
		word := fmt.Sprint("word ", i)
		s.PostOK(t, call("echo", word))
		wantPacket(t, s, answer(word))
	}
	poll := s.GoPoll(t) // is held until there is something
	s.PostOK(t, call("echo", "later"))
	if resp := poll.Await(t); resp.Status != http.StatusOK || resp.Body != answer("later") {
		t.Errorf("poll = %d %q", resp.Status, resp.Body)
	}
}

func webSocket(t *testing.T, _ *backend, f *front) {
	t.Helper()
	ws, _ := f.peer(t, clientAddr).DialOpen(t)
	ws.Text(t, "40")
	ws.Next(t)
	ws.Text(t, call("echo", "hello"))
	ws.Expect(t, raw.Text(answer("hello")))
	ws.Close()
}

// upgraded moves a session to WebSocket.
func upgraded(t *testing.T, p *raw.Peer, s *raw.Session, header map[string]string) *raw.WS {
	t.Helper()
	ws, resp := p.Upgrade(t, "EIO=4&transport=websocket&sid="+s.SID, header)
	if ws == nil {
		t.Fatalf("upgrade = %d %q, want 101", resp.Status, resp.Body)
	}
	ws.Text(t, "2probe")
	ws.Expect(t, raw.Text("3probe"))
	if resp := s.Poll(t); resp.Status != http.StatusOK || resp.Body != "6" {
		t.Fatalf("poll during the upgrade = %d %q, want the noop packet", resp.Status, resp.Body)
	}
	ws.Text(t, "5")
	return ws
}

func upgrade(t *testing.T, _ *backend, f *front) {
	t.Helper()
	p := f.peer(t, clientAddr)
	s := joined(t, p)
	ws := upgraded(t, p, s, nil)
	ws.Text(t, call("echo", "hello"))
	ws.Expect(t, raw.Text(answer("hello")))
	ws.Close()
}

// pollingOverHTTP2 speaks HTTP/2 to the proxy, which speaks HTTP/1.1 to the server.
func pollingOverHTTP2(t *testing.T, _ *backend, f *front) {
	t.Helper()
	var protocols http.Protocols
	protocols.SetHTTP2(true)
	transport := &http.Transport{DialTLSContext: f.dialer(clientAddr, "h2"), Protocols: &protocols}
	t.Cleanup(transport.CloseIdleConnections)
	client := &http.Client{Transport: transport, Timeout: patience}
	do := func(method, query, body string) string {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, f.endpoint()+"?EIO=4&transport=polling"+query, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Origin", "https://"+f.host())
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != http.StatusOK || resp.ProtoMajor != 2 {
			t.Fatalf("%s = %s %s %q (%v), want 200 over HTTP/2", method, resp.Proto, resp.Status, b, err)
		}
		return string(b)
	}
	sid := "&sid=" + raw.ParseOpen(t, do("GET", "", "")).SID
	do("POST", sid, "40")
	do("GET", sid, "")
	do("POST", sid, call("echo", "hello"))
	if got := do("GET", sid, ""); got != answer("hello") {
		t.Errorf("poll = %q", got)
	}
}

func largestMessage(t *testing.T, _ *backend, f *front) {
	t.Helper()
	p := f.peer(t, clientAddr)
	s := joined(t, p)
	word := strings.Repeat("x", s.MaxPayload-len(call("echo", "")))
	s.PostOK(t, call("echo", word))
	wantPacket(t, s, answer(word))
	ws := upgraded(t, p, s, nil)
	ws.Text(t, call("echo", word))
	ws.Expect(t, raw.Text(answer(word)))
	ws.Close()
}

// silent holds a poll and a WebSocket without a byte in either direction.
func silent(t *testing.T, _ *backend, f *front) {
	t.Helper()
	p := f.peer(t, clientAddr)
	ws, _ := p.DialOpen(t)
	ws.Heartbeat = false
	ws.Text(t, "40")
	ws.Next(t)
	s := joined(t, p)
	began := time.Now()
	poll := s.GoPoll(t)
	ws.Expect(t, raw.Text("2"))
	if resp := poll.Await(t); resp.Status != http.StatusOK || resp.Body != "2" {
		t.Fatalf("poll = %d %q, want a ping", resp.Status, resp.Body)
	}
	if took := time.Since(began); took < 45*time.Second {
		t.Fatalf("the silence was %v, want more than 45s", took)
	}
	ws.Text(t, "3")
	ws.Text(t, call("echo", "awake"))
	ws.Expect(t, raw.Text(answer("awake")))
	ws.Close()
	s.PostOK(t, "3\x1e"+call("echo", "awake"))
	wantPacket(t, s, answer("awake"))
}

// origins relies on the headers of the proxy: the server has no TLS and is called by another name.
func origins(t *testing.T, _ *backend, f *front) {
	t.Helper()
	p := f.peer(t, clientAddr)
	for _, tc := range []struct {
		rule    string
		header  map[string]string
		allowed bool
	}{
		{"own site", map[string]string{"Origin": "https://" + f.host()}, true},
		{"own site without TLS", map[string]string{"Origin": "http://" + f.host()}, false},
		{"own site without TLS, and a claim", map[string]string{"Origin": "http://" + f.host(), "X-Forwarded-Proto": "http"}, false},
		{"another site", map[string]string{"Origin": "https://evil.example"}, false},
		{"another site, and a claim", map[string]string{"Origin": "https://evil.example", "X-Forwarded-Host": "evil.example"}, false},
		{"another port", map[string]string{"Origin": "https://example.org"}, false},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			t.Parallel()
			want := http.StatusForbidden
			if tc.allowed {
				want = http.StatusOK
			}
			if resp := p.Do(t, raw.Request{Method: "GET", Query: "EIO=4&transport=polling", Header: tc.header}); resp.Status != want {
				t.Errorf("polling = %d %q, want %d", resp.Status, resp.Body, want)
			}
			if ws, resp := p.Upgrade(t, "EIO=4&transport=websocket", tc.header); (ws != nil) != tc.allowed || ws == nil && resp.Status != http.StatusForbidden {
				t.Errorf("WebSocket = %d %q, want it allowed: %v", resp.Status, resp.Body, tc.allowed)
			}
		})
	}
}

// addresses: what a client claims must not count, not even if its own address is one that is trusted.
func addresses(t *testing.T, _ *backend, f *front) {
	t.Helper()
	for _, addr := range []string{clientAddr, "127.0.0.1"} {
		t.Run(addr, func(t *testing.T) {
			t.Parallel()
			ws, resp := f.peer(t, addr).Upgrade(t, "EIO=4&transport=websocket", map[string]string{"X-Forwarded-For": "203.0.113.7"})
			if ws == nil {
				t.Fatalf("WebSocket = %d %q", resp.Status, resp.Body)
			}
			ws.Next(t) // OPEN
			ws.Text(t, "40")
			ws.Next(t)
			ws.Text(t, call("who", ""))
			var got []who
			if err := json.Unmarshal([]byte(strings.TrimPrefix(ws.Next(t).Data, "430")), &got); err != nil || len(got) != 1 {
				t.Fatalf("answer: %v, %v", got, err)
			}
			if want := (who{Addr: addr, Host: f.host(), Secure: true}); got[0] != want {
				t.Errorf("the server sees %+v, want %+v", got[0], want)
			}
			ws.Close()
		})
	}
}

func clientFiles(t *testing.T, _ *backend, f *front) {
	t.Helper()
	p := raw.NewPeerOver(t, f.endpoint()+"socket.io.min.js", patience, f.dialer(clientAddr, "http/1.1"))
	resp := p.Do(t, raw.Request{Method: "GET", Header: map[string]string{"Accept-Encoding": "gzip"}})
	if resp.Status != http.StatusOK || resp.Header.Get("Content-Encoding") != "gzip" || resp.Length != int64(len(resp.Body)) {
		t.Fatalf("got %d, coding %q, %d of %d bytes", resp.Status, resp.Header.Get("Content-Encoding"), len(resp.Body), resp.Length)
	}
	again := p.Do(t, raw.Request{Method: "GET", Header: map[string]string{"If-None-Match": resp.Header.Get("ETag")}})
	if again.Status != http.StatusNotModified {
		t.Errorf("asked again: %d, want 304", again.Status)
	}
}

// serverCloses lets the server end a connection that breaks the protocol.
func serverCloses(t *testing.T, _ *backend, f *front) {
	t.Helper()
	ws, _ := f.peer(t, clientAddr).DialOpen(t)
	ws.Text(t, "4nonsense")
	if _, took := ws.Closed(t); took > silence/2 {
		t.Errorf("closed after %v", took)
	}
}
