// Command gin mounts a Socket.IO server in a gin engine, beside ordinary routes
// and behind their middleware. Pages and sockets share one session.
//
//	go run ./examples/gin
//	curl -c jar -d name=Ada http://127.0.0.1:3000/app/login
//	curl -b jar http://127.0.0.1:3000/app/me
package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/sockeye-io/sockeye/examples/internal/account"
	"github.com/sockeye-io/sockeye/socketio"
)

const sessionKey = "session" // under which a gin.Context holds its session

func routes(srv *socketio.Server, sessions *account.Store) http.Handler {
	engine := gin.New()
	engine.Use(gin.Recovery())
	app := engine.Group("/app", withSession(sessions))
	app.Any("/socket.io/*path", serve(srv))
	app.POST("/login", func(c *gin.Context) {
		http.SetCookie(c.Writer, sessions.Login(c.PostForm("name")).Cookie())
		c.Status(http.StatusNoContent)
	})
	app.GET("/me", func(c *gin.Context) {
		session := sessionOf(c)
		if session == nil {
			c.String(http.StatusUnauthorized, "log in first")
			return
		}
		c.String(http.StatusOK, "%s has said %d", session.Name(), session.Said())
	})
	app.POST("/logout", func(c *gin.Context) {
		if session := sessionOf(c); session != nil {
			sessions.Logout(session)
			if err := srv.In(session.Room()).Close(); err != nil {
				slog.ErrorContext(c.Request.Context(), "closing sockets", "error", err)
			}
		}
		c.Status(http.StatusNoContent)
	})
	return engine
}

// serve passes requests on to the sockets. A gin.Context goes back to a pool when
// its request has been answered, while the socket lives on: so what the socket
// needs of it is copied into the request's context here, and c itself is never
// handed on.
func serve(srv *socketio.Server) gin.HandlerFunc {
	return func(c *gin.Context) {
		srv.ServeHTTP(c.Writer, account.WithSession(c.Request, sessionOf(c)))
	}
}

func withSession(sessions *account.Store) gin.HandlerFunc {
	return func(c *gin.Context) { c.Set(sessionKey, sessions.FromRequest(c.Request)) }
}

// sessionOf returns what withSession has found, or nil.
func sessionOf(c *gin.Context) *account.Session {
	session, _ := c.MustGet(sessionKey).(*account.Session)
	return session
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		slog.Error("gin", "error", err)
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
