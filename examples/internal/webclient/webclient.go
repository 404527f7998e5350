// Package webclient serves the official Socket.IO client to the examples' pages.
// It is the unchanged browser build of socket.io-client 4.8.4, under the MIT
// license beside it; `go generate ./examples/...` fetches it.
package webclient

import (
	"bytes"
	_ "embed"
	"net/http"
	"time"
)

//go:generate sh ../../../cmd/sockeye/internal/chat/web/client/update.sh .

//go:embed socket.io.esm.min.js
var bundle []byte

// Path is where Register puts the client: a module, to be imported.
const Path = "/client/socket.io.esm.min.js"

// Register adds the client and a page to mux: the page at "/" and nowhere else.
func Register(mux *http.ServeMux, page []byte) {
	mux.Handle("GET "+Path, serve("text/javascript; charset=utf-8", bundle))
	mux.Handle("GET /{$}", serve("text/html; charset=utf-8", page))
}

func serve(kind string, body []byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", kind)
		w.Header().Set("Cache-Control", "no-cache")
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
	})
}
