package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"

	"github.com/sockeye-io/sockeye/cmd/sockeye/internal/chat"
	"github.com/sockeye-io/sockeye/socketio"
)

// headerTimeout bounds how long a client may take for the head of a request.
const headerTimeout = 10 * time.Second

// signaledError says that a second signal ended the program.
type signaledError struct{ number int }

func (*signaledError) Error() string { return "ended by a second signal" }

// Run serves until a signal comes.
func (c *serveCommand) Run(env *environment) error {
	s, err := c.settings()
	if err != nil {
		return err
	}
	log := slog.New(s.logHandler(env.stderr))
	app, err := newApp(s, log)
	if err != nil {
		return err
	}
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", s.addr)
	if err != nil {
		return explainListen(s.addr, err)
	}
	web := &http.Server{
		Handler:           app.handler,
		ReadHeaderTimeout: headerTimeout,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	served := make(chan error, 1)
	go func() { served <- web.Serve(listener) }() // ends with web.Shutdown or web.Close
	app.announce(env.stdout, listener.Addr())

	select {
	case err := <-served:
		return fmt.Errorf("serve: %w", err)
	case sig := <-env.signals:
		log.Info("shutting down", "signal", sig.String(), "at_most", s.shutdownTimeout)
	}
	ctx, cancel := context.WithTimeout(context.Background(), s.shutdownTimeout)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- app.shutdown(ctx, web) }() // ends with ctx at the latest
	select {
	case err := <-done:
		return err
	case sig := <-env.signals:
		number := 0
		if n, ok := sig.(syscall.Signal); ok {
			number = int(n)
		}
		return &signaledError{number: number}
	}
}

// app is the server with what belongs to it.
type app struct {
	settings settings
	sockets  *socketio.Server
	chat     *chat.Chat // nil without the demo
	handler  http.Handler
	log      *slog.Logger
}

func newApp(s settings, log *slog.Logger) (*app, error) {
	sockets, err := socketio.NewServer(socketio.Options{Engine: s.engine, Logger: log})
	if err != nil {
		return nil, badUsage([]string{serveName}, err)
	}
	a := &app{settings: s, sockets: sockets, log: log}
	mux := http.NewServeMux()
	mux.Handle(s.path, sockets)
	if s.demo {
		page, err := chat.Page(s.path, s.engine.Transports)
		if err != nil {
			return nil, err
		}
		a.chat = chat.New(sockets, chat.Options{MaxPayload: s.engine.MaxPayload, Logger: log})
		mux.Handle("/", page)
	} else {
		mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, "Sockeye is running. Socket.IO clients connect to %s\n", s.path)
		})
	}
	a.handler = mux
	return a, nil
}

// announce prints where to go.
func (a *app) announce(w io.Writer, addr net.Addr) {
	url := "http://" + addr.String() + "/"
	if tcp, ok := addr.(*net.TCPAddr); ok && tcp.IP.IsUnspecified() {
		url = fmt.Sprintf("http://localhost:%d/", tcp.Port)
	}
	what := "Sockeye is listening: clients connect to " + url
	if a.chat != nil {
		what = "Sockeye is listening: open " + url
	}
	fmt.Fprintln(w, what+" (Ctrl-C ends it)")
	a.log.Info("listening", "addr", addr.String(), "path", a.settings.path, "demo", a.chat != nil)
}

// shutdown ends the sockets first: what they wait for is what keeps requests open.
func (a *app) shutdown(ctx context.Context, web *http.Server) error {
	err := a.sockets.Shutdown(ctx)
	if a.chat != nil && err == nil {
		a.chat.Wait()
	}
	if webErr := web.Shutdown(ctx); webErr != nil {
		err = errors.Join(err, webErr, web.Close())
	}
	if err != nil {
		return fmt.Errorf("shutdown: %w", err)
	}
	a.log.Info("bye")
	return nil
}

func (s settings) logHandler(w io.Writer) slog.Handler {
	o := &slog.HandlerOptions{Level: s.logLevel}
	if s.logJSON {
		return slog.NewJSONHandler(w, o)
	}
	return slog.NewTextHandler(w, o)
}

// explainListen says what to do about an address that cannot be listened on.
func explainListen(addr string, err error) error {
	advice := "choose another one with --addr"
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		advice = "another program has it: stop that one, or choose another port with --addr, for example --addr 127.0.0.1:0 for a free one"
	case errors.Is(err, os.ErrPermission):
		advice = "this user may not: choose a port above 1023 with --addr"
	}
	return fmt.Errorf("cannot listen on %s: %w; %s", addr, err, advice)
}
