package main

import (
	"net/http"
	"testing"

	"github.com/sockeye-io/sockeye/examples/internal/sioclient"
	"github.com/sockeye-io/sockeye/internal/leak"
)

func TestMain(m *testing.M) { leak.Main(m) }

func TestClientsConnectThroughTheProxy(t *testing.T) {
	t.Parallel()
	srv, err := newServer()
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/socket.io/", srv)
	inner := &http.Transport{DialContext: sioclient.ServeHandler(t, srv, mux)}
	t.Cleanup(inner.CloseIdleConnections)
	dial := sioclient.ServeHandler(t, srv, newProxy(inner))

	for _, tc := range []struct {
		rule, origin string
		polling      bool
		status       int
	}{
		{"polling", "", true, http.StatusOK},
		{"WebSocket", "", false, http.StatusSwitchingProtocols},
		{"polling, a page of the proxy's", "http://server.test", true, http.StatusOK},
		{"WebSocket, a page of the proxy's", "http://server.test", false, http.StatusSwitchingProtocols},
		{"polling, a page of another host", "http://other.test", true, http.StatusForbidden},
		{"WebSocket, a page of another host", "http://other.test", false, http.StatusForbidden},
	} {
		header := http.Header{}
		if tc.origin != "" {
			header.Set("Origin", tc.origin)
		}
		c, status := sioclient.Open(t, dial, sioclient.Options{Path: "/live/socket.io/", Header: header, Polling: tc.polling})
		if status != tc.status {
			t.Errorf("%s: status %d, want %d", tc.rule, status, tc.status)
		}
		if c == nil {
			continue
		}
		c.Join(nil)
		c.ExpectConnected()
		if got, want := c.Ask("address"), `["127.0.0.1"]`; got != want {
			t.Errorf("%s: the client's address is %s, want %s, without a port, as the proxy says", tc.rule, got, want)
		}
	}
}
