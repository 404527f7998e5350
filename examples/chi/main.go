// Command chi mounts a Socket.IO server in a chi router, beside ordinary routes
// and behind their middleware. Pages and sockets share one session.
//
//	go run ./examples/chi
//	curl -c jar -d name=Ada http://127.0.0.1:3000/app/login
//	curl -b jar http://127.0.0.1:3000/app/me
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/sockeye-io/sockeye/examples/internal/account"
	"github.com/sockeye-io/sockeye/socketio"
)

func routes(srv *socketio.Server, sessions *account.Store) http.Handler {
	r := chi.NewRouter()
	r.Route("/app", func(r chi.Router) {
		r.Use(withSession(sessions))
		r.Handle("/socket.io/*", srv) // every method, and the files of the client below it
		r.Post("/login", func(w http.ResponseWriter, r *http.Request) {
			http.SetCookie(w, sessions.Login(r.FormValue("name")).Cookie())
			w.WriteHeader(http.StatusNoContent)
		})
		r.Get("/me", func(w http.ResponseWriter, r *http.Request) {
			session := account.FromContext(r.Context())
			if session == nil {
				http.Error(w, "log in first", http.StatusUnauthorized)
				return
			}
			fmt.Fprintf(w, "%s has said %d", session.Name(), session.Said())
		})
		r.Post("/logout", func(w http.ResponseWriter, r *http.Request) {
			if session := account.FromContext(r.Context()); session != nil {
				sessions.Logout(session)
				if err := srv.In(session.Room()).Close(); err != nil {
					slog.ErrorContext(r.Context(), "closing sockets", "error", err)
				}
			}
			w.WriteHeader(http.StatusNoContent)
		})
	})
	return r
}

// withSession is ordinary net/http middleware. The socket gets the session out of
// the request's context, as the pages do.
func withSession(sessions *account.Store) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(w, account.WithSession(r, sessions.FromRequest(r)))
		})
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		slog.Error("chi", "error", err)
		os.Exit(1)
	}
}

// run serves until ctx ends: then the sockets first, as open polls are requests.
func run(ctx context.Context) error {
	srv, err := account.NewServer()
	if err != nil {
		return err
	}
	web := &http.Server{
		Addr:              "127.0.0.1:3000",
		Handler:           routes(srv, new(account.Store)),
		ReadHeaderTimeout: 10 * time.Second,
	}
	served := make(chan error, 1)
	go func() { served <- web.ListenAndServe() }()
	select {
	case err = <-served: // it could not listen
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return errors.Join(err, srv.Shutdown(ctx), web.Shutdown(ctx))
}
