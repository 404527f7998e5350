// Package jsonp_test polls with script elements (JSONP), as clients of Socket.IO 1 and 2 do in headless Chromium, and
// sees that a page of another origin cannot.
package jsonp_test

import (
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
)

// serve starts a server that echoes, for pages of its own origin, with the clients' files and the pages themselves.
func serve(t *testing.T) *httptest.Server {
	t.Helper()
	srv, err := socketio.NewServer(socketio.Options{
		Engine: engineio.Options{AllowEIO3: true},
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	srv.OnPacket("echo", func(_ context.Context, _ *socketio.Socket, p *socketio.Packet) error {
		var back []any
		for i := range p.Len() {
			back = append(back, p.Args().Raw(i))
		}
		return p.Reply(back...)
	})
	var mux http.ServeMux
	mux.Handle("/socket.io/", srv)
	mux.Handle("/clients/", http.StripPrefix("/clients/", http.FileServer(http.Dir("../js/node_modules"))))
	web := httptest.NewServer(&mux)
	pages := map[string]string{"1": client("socket.io-client-1"), "2": client("socket.io-client-2"), "thief": thief(web.URL)}
	mux.HandleFunc("GET /socket.io/page/{name}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, "<!doctype html>"+pages[r.PathValue("name")])
	})
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

// client is a page that has text and bytes echoed by scripts alone.
func client(name string) string {
	return fmt.Sprintf(`<script src="/clients/%s/dist/socket.io.js"></script><script>
		const socket = io("/", { transports: ["polling"], forceJSONP: true });
		const text = "\n \\n \\\\n \\ \" \u2028\u2029 \u20ac \u{1f41f} <\\/script> +&%%";
		const rounds = 5;
		const again = (n) => socket.emit("echo", text.repeat(n), new Uint8Array([1, 2, 255]).buffer, (back, bytes) => {
			if (back !== text.repeat(n)) globalThis.outcome = ["text differs", back];
			else if (n < rounds) again(n + 1);
			else {
				const polls = performance.getEntriesByType("resource").filter((e) => e.name.includes("transport=polling"));
				const scripts = polls.filter((e) => e.initiatorType === "script" && e.name.includes("j="));
				globalThis.outcome = [socket.io.engine.transport.name, [...new Uint8Array(bytes)], scripts.length > rounds];
				socket.close();
			}
		});
		again(1);
	</script>`, name)
}

// thief is a page that tries to open a session of the server in the name of who looks at it.
func thief(server string) string {
	return fmt.Sprintf(`<script>
		const got = [];
		___eio = [(payload) => got.push(payload)];
		const attempts = ["EIO=3&transport=polling&j=0", "EIO=4&transport=polling&j=0"].flatMap((query) =>
			["no-referrer", "origin", "unsafe-url"].map((policy) => new Promise((resolve) => {
				const script = document.createElement("script");
				script.referrerPolicy = policy;
				script.onload = script.onerror = (event) => resolve(event.type);
				script.src = "%s/socket.io/?" + query;
				document.head.append(script);
			})));
		Promise.all(attempts).then((ends) => (globalThis.outcome = [got.length, ends.length]));
	</script>`, server)
}

// run opens a page in the browser and checks what came of it.
func run(t *testing.T, base, page, want string) {
	t.Helper()
	chromium := peer.Chromium(t)
	node := peer.Node(t, "../js")
	results := peer.Run(t, peer.Command{Path: node, Dir: "../js", Args: []string{"page.mjs", chromium, base, page}})
	results[page].Check(t, want)
}

func TestClientsPollWithScripts(t *testing.T) {
	t.Parallel()
	web := serve(t)
	for _, version := range []string{"1", "2"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			run(t, web.URL, version, `["polling", [1, 2, 255], true, []]`)
		})
	}
}

// TestForeignPageGetsNoSession: the same page gets its sessions where it is the server's own.
func TestForeignPageGetsNoSession(t *testing.T) {
	t.Parallel()
	web := serve(t)
	for name, test := range map[string]struct{ base, want string }{
		"own":     {web.URL, `[6, 6, []]`},
		"foreign": {strings.Replace(web.URL, "127.0.0.1", "example.org", 1), `[0, 6, []]`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(t, test.base, "thief", test.want)
		})
	}
}
