// Package sut is the server under test: Sockeye with the handlers that the protocol suites and the client
// programs expect. js/server.mjs is the same server written with the official Node packages.
package sut

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/sockeye-io/sockeye/engineio"
	"github.com/sockeye-io/sockeye/socketio"
	"github.com/sockeye-io/sockeye/socketio/siowire"
)

// Options configures a Server. Zero values mean the defaults of the libraries.
type Options struct {
	PingInterval   time.Duration
	PingTimeout    time.Duration
	ConnectTimeout time.Duration
	UpgradeTimeout time.Duration
	CloseTimeout   time.Duration
	Transports     []string
	AllowEIO3      bool
	Parser         siowire.Parser
	Logger         *slog.Logger
}

// A Server is an Engine.IO echo server on /engine.io/ and a Socket.IO server on /socket.io/.
type Server struct {
	mux    http.ServeMux
	engine *engineio.Server
	socket *socketio.Server
}

var errRefused = errors.New("sut: refuse=1 is refused")

// New returns a server that is ready to serve.
func New(o Options) (*Server, error) {
	engine := engineio.Options{
		PingInterval:   o.PingInterval,
		PingTimeout:    o.PingTimeout,
		UpgradeTimeout: o.UpgradeTimeout,
		CloseTimeout:   o.CloseTimeout,
		Transports:     o.Transports,
		AllowEIO3:      o.AllowEIO3,
		KeepHeaders:    []string{"X-Custom"},
		CORS:           engineio.CORS{Origins: []string{"*"}},
		Logger:         o.Logger,
		Handshake: func(r *http.Request) (any, error) {
			if r.URL.Query().Get("refuse") == "1" {
				return nil, errRefused
			}
			return nil, nil
		},
	}
	s := new(Server)
	var err error
	if s.engine, err = engineio.NewServer(engine); err != nil {
		return nil, err
	}
	s.engine.OnMessage(func(_ context.Context, sess *engineio.Session, m engineio.Message) error {
		if m.Text() == "close me" && !m.Binary {
			sess.Close()
			return nil
		}
		return sess.Reply(m)
	})
	s.socket, err = socketio.NewServer(socketio.Options{Engine: engine, ConnectTimeout: o.ConnectTimeout, Parser: o.Parser, Logger: o.Logger})
	if err != nil {
		return nil, err
	}
	newHandlers(s.socket).register()
	s.mux.Handle("/engine.io/", s.engine)
	s.mux.Handle("/socket.io/", s.socket)
	return s, nil
}

// ServeHTTP serves both endpoints.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// Shutdown ends every session and waits for it, at most until ctx ends.
func (s *Server) Shutdown(ctx context.Context) error {
	engine := make(chan error, 1)
	go func() { engine <- s.engine.Shutdown(ctx) }()
	return errors.Join(s.socket.Shutdown(ctx), <-engine)
}
