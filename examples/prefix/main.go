// Command prefix is a Socket.IO server behind a reverse proxy that knows it under
// another path: what is /live/socket.io/ to browsers is /socket.io/ here.
//
//	go run ./examples/prefix     # the proxy on :8080, the application on :3000
//
// The client names the path that it sees:
//
//	const socket = io("http://127.0.0.1:8080", { path: "/live/socket.io/" })
//
// The proxy here is Go's own, so that the example runs alone. What it does is what
// nginx or another one is told to do: strip the prefix, pass on WebSockets, and
// say in X-Forwarded headers whom the client is and which address it asked for.
package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"os"
	"os/signal"
	"time"

	"github.com/sockeye-io/sockeye/engineio"
	"github.com/sockeye-io/sockeye/socketio"
)

const (
	backend = "127.0.0.1:3000"
	front   = "127.0.0.1:8080"
)

// newServer trusts the X-Forwarded headers of proxies on this machine, and of
// nobody else: a client could write anything there. They decide what the server
// takes for its own origin and for the client's address.
func newServer() (*socketio.Server, error) {
	srv, err := socketio.NewServer(socketio.Options{
		Engine: engineio.Options{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}},
	})
	if err != nil {
		return nil, err
	}
	socketio.Handle(srv, "address", func(_ context.Context, s *socketio.Socket, _ struct{}) (string, error) {
		return s.Handshake().RemoteAddr(), nil
	})
	return srv, nil
}

// newProxy passes on what is below /live, without that prefix.
func newProxy(transport http.RoundTripper) http.Handler {
	target := &url.URL{Scheme: "http", Host: backend}
	proxy := &httputil.ReverseProxy{
		Transport: transport,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.SetXForwarded()
		},
	}
	return http.StripPrefix("/live", proxy)
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		slog.Error("prefix", "error", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	srv, err := newServer()
	if err != nil {
		return err
	}
	app := http.NewServeMux()
	app.Handle("/socket.io/", srv)
	web := &http.Server{Addr: backend, Handler: app, ReadHeaderTimeout: 10 * time.Second}
	proxy := &http.Server{Addr: front, Handler: newProxy(http.DefaultTransport), ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 2)
	go func() { served <- web.ListenAndServe() }()
	go func() { served <- proxy.ListenAndServe() }()
	select {
	case err = <-served: // one of them could not listen
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return errors.Join(err, srv.Shutdown(ctx), web.Shutdown(ctx), proxy.Shutdown(ctx))
}
