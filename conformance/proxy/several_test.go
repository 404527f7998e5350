package proxy_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/sockeye-io/sockeye/conformance/internal/raw"
)

// clients is how many sessions spread over the servers: enough that each of two gets one, but for one time in 500,000.
const clients = 20

var errRefused = errors.New("a request came to a server that does not know the session")

func TestRecipeForSeveralServers(t *testing.T) {
	t.Parallel()
	for _, r := range recipes() {
		for _, v := range r.variants {
			t.Run(r.name+", "+v.heading, func(t *testing.T) {
				t.Parallel()
				config := r.several(t, v)
				servers, f := startSeveral(t, r, config)
				for i := range clients {
					p, cookies := f.client(t, v, i)
					if v.sticky == "" {
						webSocketOnly(t, p)
					} else if err := session(t, p, cookies); err != nil {
						t.Fatal(err)
					}
				}
				for addr, b := range servers {
					if len(b.ended) == 0 {
						t.Errorf("%s had no session", addr)
					}
				}
				if v.sticky == "" {
					return
				}
				_, loose := startSeveral(t, r, replace(t, config, v.sticky, ""))
				for i := range clients {
					p, cookies := loose.client(t, v, i)
					if err := session(t, p, cookies); err != nil {
						return
					}
				}
				t.Errorf("without the line %q all sessions hold too: the test cannot tell", strings.TrimSpace(v.sticky))
			})
		}
	}
}

func startSeveral(t *testing.T, r recipe, config string) (map[string]*backend, *front) {
	t.Helper()
	servers := map[string]*backend{"10.0.0.1:3000": newBackend(t), "10.0.0.2:3000": newBackend(t)}
	return servers, start(t, r, config, servers)
}

// client returns a peer with an address of its own, unless the variant goes by cookies, and the cookies that it has.
func (f *front) client(t *testing.T, v variant, i int) (*raw.Peer, map[string]string) {
	t.Helper()
	if v.cookie {
		return f.peer(t, clientAddr), map[string]string{"Cookie": ""}
	}
	return f.peer(t, fmt.Sprintf("127.0.1.%d", i+1)), nil
}

// session polls, posts and upgrades. The error is errRefused; everything else that goes wrong fails the test.
func session(t *testing.T, p *raw.Peer, header map[string]string) error {
	t.Helper()
	open := p.Do(t, raw.Request{Method: "GET", Query: "EIO=4&transport=polling"})
	if open.Status != http.StatusOK {
		t.Fatalf("handshake = %d %q", open.Status, open.Body)
	}
	if header != nil {
		header["Cookie"], _, _ = strings.Cut(open.Header.Get("Set-Cookie"), ";")
	}
	sid := raw.ParseOpen(t, open.Body).SID
	request := func(method, body string) (raw.Response, error) {
		resp := p.Do(t, raw.Request{Method: method, Query: "EIO=4&transport=polling&sid=" + sid, Body: body, Header: header})
		switch {
		case strings.Contains(resp.Body, "Session ID unknown"):
			return resp, errRefused
		case resp.Status != http.StatusOK:
			t.Fatalf("%s = %d %q", method, resp.Status, resp.Body)
		}
		return resp, nil
	}
	for _, packet := range []string{"40", call("echo", "one"), call("echo", "two")} {
		if _, err := request("POST", packet); err != nil {
			return err
		}
		if _, err := request("GET", ""); err != nil {
			return err
		}
	}
	ws, resp := p.Upgrade(t, "EIO=4&transport=websocket&sid="+sid, header)
	if ws == nil {
		if strings.Contains(resp.Body, "Session ID unknown") {
			return errRefused
		}
		t.Fatalf("upgrade = %d %q", resp.Status, resp.Body)
	}
	ws.Text(t, "2probe")
	ws.Expect(t, raw.Text("3probe"))
	if _, err := request("GET", ""); err != nil {
		return err
	}
	ws.Text(t, "5")
	leave(t, ws)
	return nil
}

func webSocketOnly(t *testing.T, p *raw.Peer) {
	t.Helper()
	ws, _ := p.DialOpen(t)
	ws.Text(t, "40")
	ws.Next(t)
	leave(t, ws)
}

// leave proves that the connection works, and ends it from the server's side, which has counted the socket then.
func leave(t *testing.T, ws *raw.WS) {
	t.Helper()
	ws.Text(t, call("echo", "upgraded"))
	ws.Expect(t, raw.Text(answer("upgraded")))
	ws.Text(t, "1") // the close packet
	ws.Closed(t)
}
