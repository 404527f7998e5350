// Package bundle_test holds the files of the JavaScript client that a server serves to those that the official Node
// server serves, and lets a browser load them and connect with them.
package bundle_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/sockeye-io/sockeye/conformance/internal/page"
	"github.com/sockeye-io/sockeye/conformance/internal/peer"
	"github.com/sockeye-io/sockeye/engineio"
	"github.com/sockeye-io/sockeye/socketio"
)

// serve starts a server, and pages that load the client from it.
func serve(t *testing.T) *httptest.Server {
	t.Helper()
	srv, err := socketio.NewServer(socketio.Options{
		Engine: engineio.Options{CORS: engineio.CORS{AllowOrigin: func(r *http.Request, origin string) bool {
			return origin == "https://app.example" || origin == "http://"+r.Host
		}}},
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	page.Handle(srv)
	var mux http.ServeMux
	mux.Handle("/socket.io/", srv)
	mux.HandleFunc(page.Pattern, page.Handler)
	web := httptest.NewServer(&mux)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := srv.Shutdown(ctx); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
		web.Close()
	})
	return web
}

func TestClientBundle(t *testing.T) {
	t.Parallel()
	node := peer.Node(t, "../js")
	web := serve(t)
	results := peer.Run(t, peer.Command{Path: node, Dir: "../js", Args: []string{"bundle.mjs", web.URL}})
	for name, asked := range map[string]int{
		"plain": 8, "a query": 8, "gzip": 8, "br": 8, "deflate": 8,
		"order and weights": 14, "already there": 3, "HEAD": 2, "CORS": 1, "another name": 1,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			results[name].Check(t, fmt.Sprintf(`{"asked": %d, "differences": []}`, asked))
		})
	}
}

func TestPageLoadsTheClientFromTheServer(t *testing.T) {
	t.Parallel()
	chromium := peer.Chromium(t)
	node := peer.Node(t, "../js")
	web := serve(t)
	builds := []string{"socket.io.js", "socket.io.min.js", "socket.io.esm.min.js"}
	results := peer.Run(t, peer.Command{Path: node, Dir: "../js", Args: append([]string{"page.mjs", chromium, web.URL}, builds...)})
	for _, build := range builds {
		t.Run(build, func(t *testing.T) {
			t.Parallel()
			results[build].Check(t, page.Outcome)
		})
	}
}
