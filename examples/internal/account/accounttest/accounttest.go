// Package accounttest checks that a web application shares its sessions with its
// sockets: over polling, over WebSocket, and across the upgrade.
package accounttest

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/sockeye-io/sockeye/examples/internal/account"
	"github.com/sockeye-io/sockeye/examples/internal/sioclient"
)

const origin = "http://server.test"

// Paths that every example mounts beside each other.
const (
	loginPath  = "/app/login"
	logoutPath = "/app/logout"
	mePath     = "/app/me"
	socketPath = "/app/socket.io/"
	clientPath = "/app/socket.io/socket.io.min.js"
)

// browser is an HTTP client without cookies of its own.
type browser struct {
	tb     testing.TB
	client *http.Client
}

// do returns the answer's status, body and session cookie.
func (b browser) do(method, path, cookie string, form url.Values) (status int, body, session string) {
	b.tb.Helper()
	req, err := http.NewRequestWithContext(context.WithoutCancel(b.tb.Context()), method, origin+path, strings.NewReader(form.Encode()))
	if err != nil {
		b.tb.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if cookie != "" {
		req.Header.Set("Cookie", cookie)
	}
	resp, err := b.client.Do(req)
	if err != nil {
		b.tb.Fatal(err)
	}
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		b.tb.Fatal(err)
	}
	_ = resp.Body.Close() // it was read to the end
	for _, c := range resp.Cookies() {
		if c.Name == account.CookieName {
			session = c.Name + "=" + c.Value
		}
	}
	return resp.StatusCode, string(text), session
}

// Run checks the application that dial connects to. It mounts account's server and
// these routes below /app:
//
//	POST login    a form with a name; answers with the session's cookie
//	GET  me       "NAME has said N", or 401 without a session
//	POST logout   ends the session and disconnects its sockets
func Run(t *testing.T, dial sioclient.DialFunc) {
	t.Helper()
	for _, transport := range []string{"polling", "websocket", "upgrade"} {
		t.Run(transport, func(t *testing.T) {
			polling := transport != "websocket"
			connect := func(cookie string) (*sioclient.Client, int) {
				t.Helper()
				header := http.Header{}
				if cookie != "" {
					header.Set("Cookie", cookie)
				}
				return sioclient.Open(t, dial, sioclient.Options{Path: socketPath, Header: header, Polling: polling})
			}
			pool := &http.Transport{DialContext: dial}
			t.Cleanup(pool.CloseIdleConnections)
			runSession(t, browser{t, &http.Client{Transport: pool}}, connect, transport == "upgrade")
		})
	}
}

func runSession(t *testing.T, b browser, connect func(cookie string) (*sioclient.Client, int), upgrade bool) {
	t.Helper()
	// Nobody has logged in: neither pages nor sockets are to be had.
	if status, _, _ := b.do(http.MethodGet, mePath, "", nil); status != http.StatusUnauthorized {
		t.Errorf("me without a session: status %d, want 401", status)
	}
	if c, status := connect(""); c != nil || status != http.StatusForbidden {
		t.Fatalf("a socket without a session: status %d, want 403", status)
	}

	// The server brings the client for the pages along.
	if status, body, _ := b.do(http.MethodGet, clientPath, "", nil); status != http.StatusOK || !strings.Contains(body, "socket.io") {
		t.Errorf("the client's file: status %d, %d bytes", status, len(body))
	}

	login := func(name string) string {
		t.Helper()
		status, _, cookie := b.do(http.MethodPost, loginPath, "", url.Values{"name": {name}})
		if status != http.StatusNoContent || cookie == "" {
			t.Fatalf("login: status %d, cookie %q", status, cookie)
		}
		return cookie
	}
	join := func(cookie string) *sioclient.Client {
		t.Helper()
		c, status := connect(cookie)
		if c == nil {
			t.Fatalf("connect: status %d", status)
		}
		c.Join(nil)
		c.ExpectConnected()
		if upgrade {
			c.Upgrade()
		}
		return c
	}
	me := func(cookie, want string) {
		t.Helper()
		if status, body, _ := b.do(http.MethodGet, mePath, cookie, nil); status != http.StatusOK || body != want {
			t.Errorf("me: status %d, %q, want %q", status, body, want)
		}
	}

	// The socket knows who logged in on the page, and the page sees what the
	// socket did.
	adaCookie, bobCookie := login("Ada"), login("Bob")
	ada, bob := join(adaCookie), join(bobCookie)
	for c, want := range map[*sioclient.Client]string{ada: `["Ada"]`, bob: `["Bob"]`} {
		if got := c.Ask("whoami"); got != want {
			t.Errorf("whoami: got %s, want %s", got, want)
		}
	}
	me(adaCookie, "Ada has said 0")
	if got, want := ada.Ask("say", "hi"), `[1]`; got != want {
		t.Errorf("say: got %s, want %s", got, want)
	}
	bob.Expect(`2["said","Ada","hi"]`)
	me(adaCookie, "Ada has said 1")

	// The page ends the session, and its sockets with it.
	if status, _, _ := b.do(http.MethodPost, logoutPath, adaCookie, nil); status != http.StatusNoContent {
		t.Errorf("logout: status %d, want 204", status)
	}
	ada.Expect(`1`)
	if status, _, _ := b.do(http.MethodGet, mePath, adaCookie, nil); status != http.StatusUnauthorized {
		t.Errorf("me after the logout: status %d, want 401", status)
	}
	if c, status := connect(adaCookie); c != nil || status != http.StatusForbidden {
		t.Errorf("a socket after the logout: status %d, want 403", status)
	}
	me(bobCookie, "Bob has said 0")
}
