package guide

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"os/signal"
	"syscall"
	"time"

	"github.com/sockeye-io/sockeye/engineio"
	"github.com/sockeye-io/sockeye/socketio"
)

// serve ends in order when the process is asked to end: sockets first, as their
// open polls are requests that the web server would wait for.
func serve(ctx context.Context, srv *socketio.Server, web *http.Server) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	failed := make(chan error, 1)
	go func() { failed <- web.ListenAndServe() }()
	select {
	case err := <-failed: // it could not listen
		return err
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
	defer cancel()
	return errors.Join(srv.Shutdown(ctx), web.Shutdown(ctx))
}

func behindAProxy() (*socketio.Server, error) {
	srv, err := socketio.NewServer(socketio.Options{
		Engine: engineio.Options{
			TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, // where the proxy connects from
		},
	})
	return srv, err
}

func forAnotherSite() (*socketio.Server, error) {
	return socketio.NewServer(socketio.Options{
		Engine: engineio.Options{
			CORS: engineio.CORS{
				Origins:     []string{"https://app.example.com"},
				Credentials: true, // its pages may send cookies
			},
		},
	})
}

func faultyOptions() error {
	_, err := socketio.NewServer(socketio.Options{
		ConnectTimeout: -time.Second,
		Engine:         engineio.Options{MaxPayload: -1},
	})
	return err // both faults are named
}

func recovering() (*socketio.Server, error) {
	srv, err := socketio.NewServer(socketio.Options{
		Recovery: &socketio.Recovery{Window: 2 * time.Minute},
	})
	if err != nil {
		return nil, err
	}
	srv.OnConnect(func(_ context.Context, s *socketio.Socket) error {
		if s.Recovered() {
			return nil // its rooms are as they were, and what it missed is on its way
		}
		s.Join("lobby")
		return nil
	})
	return srv, nil
}
