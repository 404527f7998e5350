// Command fiber mounts a Socket.IO server in a Fiber application, beside ordinary
// routes and behind their middleware. Pages and sockets share one session.
//
//	go run ./examples/fiber
//	curl -c jar -d name=Ada http://127.0.0.1:3000/app/login
//	curl -b jar http://127.0.0.1:3000/app/me
//
// Fiber is not made of net/http, so its adaptor stands between the two. With Fiber
// 3.1 it carries polling, WebSocket and the upgrade from one to the other. What
// differs from net/http, as the tests show:
//
//   - A client that vanishes while its poll waits is noticed at the ping timeout
//     only, as the adaptor does not tell that a request is gone.
//   - Strings that Fiber returns, such as form values, are overwritten by the next
//     request: what a session or a socket keeps of them is cloned.
//
// An open WebSocket also keeps a goroutine of fasthttp waiting for its end, and
// its handshake request in memory. Whoever has many idle connections is better
// served by a net/http server, with Fiber's routes behind adaptor.FiberApp.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/gofiber/fiber/v3"
	"github.com/gofiber/fiber/v3/middleware/adaptor"

	"github.com/sockeye-io/sockeye/examples/internal/account"
	"github.com/sockeye-io/sockeye/socketio"
)

func routes(srv *socketio.Server, sessions *account.Store) *fiber.App {
	web := fiber.New()
	app := web.Group("/app", withSession(sessions))
	app.All("/socket.io/*", adaptor.HTTPHandler(srv))
	app.Post("/login", func(c fiber.Ctx) error {
		name := strings.Clone(c.FormValue("name")) // its bytes are recycled with c
		c.Set(fiber.HeaderSetCookie, sessions.Login(name).Cookie().String())
		return c.SendStatus(fiber.StatusNoContent)
	})
	app.Get("/me", func(c fiber.Ctx) error {
		session := sessionOf(c)
		if session == nil {
			return fiber.ErrUnauthorized
		}
		return c.SendString(fmt.Sprintf("%s has said %d", session.Name(), session.Said()))
	})
	app.Post("/logout", func(c fiber.Ctx) error {
		if session := sessionOf(c); session != nil {
			sessions.Logout(session)
			if err := srv.In(session.Room()).Close(); err != nil {
				return err
			}
		}
		return c.SendStatus(fiber.StatusNoContent)
	})
	return web
}

// withSession leaves the session where sockets find it, too: a Fiber context's
// locals are the values of the context that the adaptor's request has. The
// context itself is recycled and is never handed on.
func withSession(sessions *account.Store) fiber.Handler {
	return func(c fiber.Ctx) error {
		c.Locals(account.ContextKey{}, sessions.Find(c.Cookies(account.CookieName)))
		return c.Next()
	}
}

// sessionOf returns what withSession has found, or nil.
func sessionOf(c fiber.Ctx) *account.Session {
	session, _ := c.Locals(account.ContextKey{}).(*account.Session)
	return session
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		slog.Error("fiber", "error", err)
		os.Exit(1)
	}
}

// run serves until ctx ends: then the sockets first, as open polls are requests.
func run(ctx context.Context) error {
	srv, err := account.NewServer()
	if err != nil {
		return err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:3000")
	if err != nil {
		return err
	}
	web := routes(srv, new(account.Store))
	served := make(chan error, 1)
	go func() { served <- web.Listener(listener, fiber.ListenConfig{DisableStartupMessage: true}) }()
	select {
	case err = <-served: // it could not serve
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return errors.Join(err, srv.Shutdown(ctx), web.ShutdownWithContext(ctx))
}
