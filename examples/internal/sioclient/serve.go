package sioclient

import (
	"context"
	"errors"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/sockeye-io/sockeye/internal/memnet"
	"github.com/sockeye-io/sockeye/socketio"
)

// shutdownTimeout bounds how long the end of a test may take.
const shutdownTimeout = 5 * time.Second

// DialFunc connects to a server in memory, whatever address it is given.
type DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error)

// Serve serves srv in memory until the test ends, and fails the test if the
// server does not end cleanly. It returns how to connect.
func Serve(tb testing.TB, srv *socketio.Server) DialFunc {
	tb.Helper()
	return ServeHandler(tb, srv, srv)
}

// ServeHandler is Serve for a handler that passes srv's requests on to it.
func ServeHandler(tb testing.TB, srv *socketio.Server, h http.Handler) DialFunc {
	tb.Helper()
	web := &http.Server{Handler: h, ReadHeaderTimeout: time.Second}
	return ServeFunc(tb, srv, web.Serve, web.Shutdown)
}

// ServeFunc is Serve for a web server that is started and ended by functions of
// its own.
func ServeFunc(tb testing.TB, srv *socketio.Server, serve func(net.Listener) error, shutdown func(context.Context) error) DialFunc {
	tb.Helper()
	listener := memnet.Listen(memnet.Options{})
	served := make(chan error, 1)
	go func() { served <- serve(listener) }()
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
		defer cancel()
		if err := srv.Shutdown(ctx); err != nil {
			tb.Errorf("shutdown of the sockets: %v", err)
		}
		if err := shutdown(ctx); err != nil {
			tb.Errorf("shutdown of the web server: %v", err)
		}
		if err := <-served; err != nil && !errors.Is(err, http.ErrServerClosed) {
			tb.Errorf("serving: %v", err)
		}
	})
	return listener.DialContext
}
