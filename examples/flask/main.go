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
	"github.com/sockeye-io/sockeye/socketio"
)

//go:embed index.html
var page []byte

const (
	addr            = "127.0.0.1:5000"
	headerTimeout   = 10 * time.Second
	shutdownTimeout = 10 * time.Second
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		slog.Error("flask", "error", err)
		os.Exit(1)
	}
}

// run serves until ctx ends.
func run(ctx context.Context) error {
	a, err := newApp(socketio.Options{})
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/socket.io/", a.srv)
	webclient.Register(mux, page)
	web := &http.Server{Addr: addr, Handler: mux, ReadHeaderTimeout: headerTimeout}

	served := make(chan error, 1)
	generated := make(chan error, 1)
	generating, stopGenerating := context.WithCancel(ctx)
	defer stopGenerating()
	go func() { served <- web.ListenAndServe() }()
	go func() { generated <- a.generate(generating) }()
	fmt.Printf("open http://%s/\n", addr)
	select {
	case err = <-served: // it could not listen
	case <-ctx.Done():
	}

	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	stopGenerating()
	return errors.Join(err, <-generated, a.srv.Shutdown(ctx), web.Shutdown(ctx))
}
