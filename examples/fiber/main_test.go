package main

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/gofiber/fiber/v3"
	"github.com/gofiber/fiber/v3/middleware/adaptor"
	"go.uber.org/goleak"

	"github.com/sockeye-io/sockeye/engineio"
	"github.com/sockeye-io/sockeye/examples/internal/account"
	"github.com/sockeye-io/sockeye/examples/internal/account/accounttest"
	"github.com/sockeye-io/sockeye/examples/internal/sioclient"
	"github.com/sockeye-io/sockeye/socketio"
)

// fasthttp keeps two goroutines for good, whatever happens to its servers.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"))
}

func serve(t *testing.T, srv *socketio.Server, web *fiber.App) sioclient.DialFunc {
	t.Helper()
	listen := func(l net.Listener) error { return web.Listener(l, fiber.ListenConfig{DisableStartupMessage: true}) }
	return sioclient.ServeFunc(t, srv, listen, web.ShutdownWithContext)
}

func TestPagesAndSocketsShareTheSession(t *testing.T) {
	t.Parallel()
	srv, err := account.NewServer()
	if err != nil {
		t.Fatal(err)
	}
	accounttest.Run(t, serve(t, srv, routes(srv, new(account.Store))))
}

// The one thing that the adaptor cannot tell: that a client is gone which was
// waiting for the answer to its poll.
func TestWhoLeavesWhilePollingIsMissedAtThePingTimeout(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		rule  string
		mount func(*testing.T, *socketio.Server) sioclient.DialFunc
		want  socketio.Reason
	}{
		{"net/http notices", func(t *testing.T, srv *socketio.Server) sioclient.DialFunc {
			t.Helper()
			return sioclient.Serve(t, srv)
		}, socketio.ReasonTransportError},
		{"fiber does not", func(t *testing.T, srv *socketio.Server) sioclient.DialFunc {
			t.Helper()
			web := fiber.New()
			web.All("/socket.io/", adaptor.HTTPHandler(srv))
			return serve(t, srv, web)
		}, socketio.ReasonPingTimeout},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			t.Parallel()
			srv, err := socketio.NewServer(socketio.Options{
				Engine: engineio.Options{PingInterval: time.Second, PingTimeout: time.Second},
			})
			if err != nil {
				t.Fatal(err)
			}
			left := make(chan socketio.Reason, 1)
			srv.OnDisconnect(func(_ context.Context, _ *socketio.Socket, why socketio.Disconnect) { left <- why.Reason })
			dial := tc.mount(t, srv)

			c, status := sioclient.Open(t, dial, sioclient.Options{Polling: true})
			if c == nil {
				t.Fatalf("connect: status %d", status)
			}
			c.Join(nil)
			c.ExpectConnected()
			c.Vanish()
			if got := <-left; got != tc.want {
				t.Errorf("ended with %q, want %q", got, tc.want)
			}
		})
	}
}
