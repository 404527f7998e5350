// Command background runs tasks beside the handlers: one for as long as a socket
// is there, and one for as long as the server is.
//
//	go run ./examples/background
//
// The client:
//
//	const socket = io("http://127.0.0.1:3000")
//	socket.on("uptime", (seconds) => console.log(seconds)) // for everybody, each 10 s
//	socket.on("progress", (percent) => console.log(percent))
//	socket.emit("work")
package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"time"

	"github.com/sockeye-io/sockeye/socketio"
)

const (
	uptimeEvery = 10 * time.Second
	stepTakes   = time.Second
	steps       = 4
)

type app struct {
	srv   *socketio.Server
	stop  context.CancelFunc // ends the tasks that belong to no socket
	tasks sync.WaitGroup
}

func newApp(ctx context.Context) (*app, error) {
	srv, err := socketio.NewServer(socketio.Options{})
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(ctx)
	a := &app{srv: srv, stop: stop}
	socketio.On(srv, "work", a.work)
	a.tasks.Go(func() { a.uptime(ctx) })
	return a, nil
}

// work starts a task and returns: the socket's other events do not wait for it.
// The handler's ctx is the socket's, so the task ends when the socket does,
// whatever the reason.
func (a *app) work(ctx context.Context, s *socketio.Socket, _ struct{}) error {
	a.tasks.Go(func() {
		for step := range steps {
			select {
			case <-ctx.Done():
				slog.InfoContext(ctx, "work given up", "reason", context.Cause(ctx))
				return
			case <-time.After(stepTakes):
			}
			if err := s.Emit("progress", 100*(step+1)/steps); err != nil {
				return // the socket has ended
			}
		}
	})
	return nil
}

// uptime belongs to the server.
func (a *app) uptime(ctx context.Context) {
	began := time.Now()
	ticker := time.NewTicker(uptimeEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if err := a.srv.Emit("uptime", int(time.Since(began).Seconds())); err != nil {
			slog.ErrorContext(ctx, "uptime", "error", err)
		}
	}
}

// shutdown ends the sockets, and with them their tasks, and waits for all tasks.
func (a *app) shutdown(ctx context.Context) error {
	a.stop()
	err := a.srv.Shutdown(ctx)
	a.tasks.Wait()
	return err
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		slog.Error("background", "error", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	a, err := newApp(ctx)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/socket.io/", a.srv)
	web := &http.Server{Addr: "127.0.0.1:3000", Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- web.ListenAndServe() }()
	select {
	case err = <-served: // it could not listen
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return errors.Join(err, a.shutdown(ctx), web.Shutdown(ctx))
}
