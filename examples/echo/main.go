// Command echo mounts a Socket.IO server in an Echo application, beside ordinary
// routes and behind their middleware. Pages and sockets share one session.
//
//	go run ./examples/echo
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

	"github.com/labstack/echo/v5"

	"github.com/sockeye-io/sockeye/examples/internal/account"
	"github.com/sockeye-io/sockeye/socketio"
)

const sessionKey = "session" // under which an echo.Context holds its session

func routes(srv *socketio.Server, sessions *account.Store) http.Handler {
	e := echo.New()
	app := e.Group("/app", withSession(sessions))
	app.Any("/socket.io/*", serve(srv))
	app.POST("/login", func(c *echo.Context) error {
		c.SetCookie(sessions.Login(c.FormValue("name")).Cookie())
		return c.NoContent(http.StatusNoContent)
	})
	app.GET("/me", func(c *echo.Context) error {
		session := sessionOf(c)
		if session == nil {
			return echo.NewHTTPError(http.StatusUnauthorized, "log in first")
		}
		return c.String(http.StatusOK, fmt.Sprintf("%s has said %d", session.Name(), session.Said()))
	})
	app.POST("/logout", func(c *echo.Context) error {
		if session := sessionOf(c); session != nil {
			sessions.Logout(session)
			if err := srv.In(session.Room()).Close(); err != nil {
				return err
			}
		}
		return c.NoContent(http.StatusNoContent)
	})
	return e
}

// serve passes requests on to the sockets. An echo.Context goes back to a pool
// when its request has been answered, while the socket lives on: so what the
// socket needs of it is copied into the request's context here, and c itself is
// never handed on.
func serve(srv *socketio.Server) echo.HandlerFunc {
	return func(c *echo.Context) error {
		srv.ServeHTTP(c.Response(), account.WithSession(c.Request(), sessionOf(c)))
		return nil // it has been answered, whatever the answer was
	}
}

func withSession(sessions *account.Store) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c *echo.Context) error {
			c.Set(sessionKey, sessions.FromRequest(c.Request()))
			return next(c)
		}
	}
}

// sessionOf returns what withSession has found, or nil.
func sessionOf(c *echo.Context) *account.Session {
	session, _ := c.Get(sessionKey).(*account.Session)
	return session
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		slog.Error("echo", "error", err)
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
