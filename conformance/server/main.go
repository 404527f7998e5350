// Command server serves what the official protocol suites ask for: an Engine.IO echo server on /engine.io/
// and a Socket.IO server on /socket.io/, with the suites' heartbeat and connect timeout.
//
// With -eio3 both endpoints allow Engine.IO v3 too, and the suite for it passes on /engine.io/.
//
// It prints one line when it listens, and ends on an interrupt or SIGTERM.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/sockeye-io/sockeye/conformance/internal/sut"
)

// What the official suites expect of a server.
const (
	pingInterval   = 300 * time.Millisecond
	pingTimeout    = 200 * time.Millisecond
	connectTimeout = time.Second

	closeTimeout      = time.Second // at the end, for clients that do not poll
	shutdownTimeout   = 5 * time.Second
	readHeaderTimeout = 5 * time.Second
)

func main() {
	addr := flag.String("addr", "127.0.0.1:3000", "the `address` to listen on")
	eio3 := flag.Bool("eio3", false, "allow Engine.IO v3")
	flag.Parse()
	if err := run(*addr, *eio3); err != nil {
		fmt.Fprintln(os.Stderr, "server:", err)
		os.Exit(1)
	}
}

func run(addr string, eio3 bool) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	s, err := sut.New(sut.Options{
		PingInterval: pingInterval, PingTimeout: pingTimeout, ConnectTimeout: connectTimeout, CloseTimeout: closeTimeout,
		AllowEIO3: eio3,
		Logger:    slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	web := &http.Server{Handler: s, ReadHeaderTimeout: readHeaderTimeout}
	served := make(chan error, 1)
	go func() { served <- web.Serve(listener) }()
	fmt.Fprintf(os.Stderr, "listening on http://%s\n", listener.Addr())
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
	defer cancel()
	err = errors.Join(s.Shutdown(ctx), web.Shutdown(ctx))
	<-served
	return err
}
