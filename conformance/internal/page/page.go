// Package page is a web page that loads one of the builds of the JavaScript client from the server under test and
// connects with it. js/page.mjs opens it in a browser.
package page

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/sockeye-io/sockeye/socketio"
)

// Pattern is where Handler is to be mounted: below the path of the Socket.IO server, so that a proxy that forwards
// that path alone forwards the page too.
const Pattern = "GET /socket.io/page/{build}"

// Outcome is what js/page.mjs reports of a build that works, in JSON: an answer of the server, the transport in the
// end, and what the page complained about.
const Outcome = `["HELLO", "websocket", []]`

// Handle registers the handler that the page calls.
func Handle(srv *socketio.Server) {
	socketio.Handle(srv, "upper", func(_ context.Context, _ *socketio.Socket, b []byte) ([]byte, error) {
		return bytes.ToUpper(b), nil
	})
}

// Handler serves the page. It loads the build as its kind is loaded and leaves what came of it in a variable.
func Handler(w http.ResponseWriter, r *http.Request) {
	build := r.PathValue("build")
	load := fmt.Sprintf(`<script src="/socket.io/%s"></script><script type="module">`, build)
	if strings.Contains(build, ".esm.") {
		load = fmt.Sprintf(`<script type="module">import { io } from "/socket.io/%s";`, build)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = io.WriteString(w, "<!doctype html><title>"+build+"</title>"+load+`
		const socket = io();
		const upgraded = new Promise((resolve) => socket.io.on("open", () => socket.io.engine.once("upgrade", (t) => resolve(t.name))));
		const back = await socket.emitWithAck("upper", new TextEncoder().encode("hello"));
		const transport = await upgraded;
		globalThis.outcome = [new TextDecoder().decode(back), transport];
		socket.disconnect();
	</script>`)
}
