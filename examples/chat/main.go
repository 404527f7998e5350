// Command chat is a chat with rooms, as a user of the library would begin one.
//
//	go run ./examples/chat      # then open http://127.0.0.1:3000/ twice
//
// It shows each kind of message once: a name that connection middleware checks, a
// request with a typed answer, an event for a room, a volatile event, a value that
// a socket carries, and a call from one client to another through the server. What
// a public chat needs beside that (histories, pictures, limits on everything, a
// page that copes with lost connections) is in the demo of the sockeye binary,
// cmd/sockeye/internal/chat; the two share nothing on purpose, as this one is to be
// read in five minutes.
package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/sockeye-io/sockeye/examples/internal/webclient"
)

//go:embed index.html
var page []byte

const (
	addr            = "127.0.0.1:3000"
	headerTimeout   = 10 * time.Second
	shutdownTimeout = 10 * time.Second
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		slog.Error("chat", "error", err)
		os.Exit(1)
	}
}

// run serves until ctx ends: then the sockets first, as open polls are requests.
func run(ctx context.Context) error {
	srv, err := newServer()
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/socket.io/", srv)
	webclient.Register(mux, page)
	web := &http.Server{Addr: addr, Handler: mux, ReadHeaderTimeout: headerTimeout}
	served := make(chan error, 1)
	go func() { served <- web.ListenAndServe() }()
	fmt.Printf("open http://%s/\n", addr)
	select {
	case err = <-served: // it could not listen
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	return errors.Join(err, srv.Shutdown(ctx), web.Shutdown(ctx))
}
