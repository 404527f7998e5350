package sioclient

import (
	"context"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/sockeye-io/sockeye/internal/memnet"
	"github.com/sockeye-io/sockeye/socketio"
)

// shutdownTimeout bounds how long the end of a test may take.
const shutdownTimeout = 5 * time.Second

// Serve serves srv in memory until the test ends, and fails the test if the
// server does not end cleanly. It returns how to connect.
func Serve(tb testing.TB, srv *socketio.Server) func(ctx context.Context, network, addr string) (net.Conn, error) {
	tb.Helper()
	listener := memnet.Listen(memnet.Options{})
	web := &http.Server{Handler: srv, ReadHeaderTimeout: time.Second}
	served := make(chan error, 1)
	go func() { served <- web.Serve(listener) }()
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
		defer cancel()
		if err := srv.Shutdown(ctx); err != nil {
			tb.Errorf("shutdown of the sockets: %v", err)
		}
		if err := web.Shutdown(ctx); err != nil {
			tb.Errorf("shutdown of the web server: %v", err)
		}
		<-served
	})
	return listener.DialContext
}
