// Package webclient serves the examples' pages. They load the official Socket.IO
// client from the server that they connect to.
package webclient

import (
	"bytes"
	"net/http"
	"time"
)

// Register adds a page to mux, at "/" and nowhere else.
func Register(mux *http.ServeMux, page []byte) {
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Cache-Control", "no-cache")
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(page))
	})
}
