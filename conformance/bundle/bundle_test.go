// Package bundle_test holds the files of the JavaScript client that a server serves to those that the official Node
// server serves, and lets a browser load them and connect with them.
package bundle_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-io/sockeye/conformance/internal/peer"
	"github.com/sockeye-io/sockeye/engineio"
	"github.com/sockeye-io/sockeye/socketio"
	"github.com/sockeye-io/sockeye/socketio/siowire"
)

// serve starts a server that sends every message back, and pages that load the client from it.
func serve(t *testing.T, parser siowire.Parser) *httptest.Server {
	t.Helper()
	srv, err := socketio.NewServer(socketio.Options{
		Engine: engineio.Options{CORS: engineio.CORS{AllowOrigin: func(r *http.Request, origin string) bool {
			return origin == "https://app.example" || origin == "http://"+r.Host
		}}},
		Parser: parser,
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	socketio.Handle(srv, "echo", func(_ context.Context, _ *socketio.Socket, b []byte) ([]byte, error) {
		return bytes.ToUpper(b), nil
	})
	var mux http.ServeMux
	mux.Handle("/socket.io/", srv)
	mux.HandleFunc("GET /page/{build}", page)
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

// page loads one build as its kind is loaded, and leaves what came of it in outcome.
func page(w http.ResponseWriter, r *http.Request) {
	build := r.PathValue("build")
	load := fmt.Sprintf(`<script src="/socket.io/%s"></script><script type="module">`, build)
	if strings.Contains(build, ".esm.") {
		load = fmt.Sprintf(`<script type="module">import { io } from "/socket.io/%s";`, build)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = io.WriteString(w, "<!doctype html><title>"+build+"</title>"+load+`
		const socket = io();
		const upgraded = new Promise((resolve) => socket.io.on("open", () => socket.io.engine.once("upgrade", (t) => resolve(t.name))));
		const back = await socket.emitWithAck("echo", new TextEncoder().encode("hello"));
		const transport = await upgraded;
		globalThis.outcome = [new TextDecoder().decode(back), transport];
		socket.disconnect();
	</script>`)
}

func TestClientBundle(t *testing.T) {
	t.Parallel()
	node := peer.Node(t, "../js")
	web := serve(t, siowire.JSON())
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
	web := serve(t, siowire.JSON())
	builds := []string{"socket.io.js", "socket.io.min.js", "socket.io.esm.min.js"}
	results := peer.Run(t, peer.Command{Path: node, Dir: "../js", Args: append([]string{"page.mjs", web.URL, chromium}, builds...)})
	for _, build := range builds {
		t.Run(build, func(t *testing.T) {
			t.Parallel()
			results[build].Check(t, `["HELLO", "websocket", []]`)
		})
	}
}
