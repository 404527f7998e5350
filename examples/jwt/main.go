// Command jwt lets in who brings a JSON Web Token in the auth payload of the
// handshake, and nobody for longer than the token is valid.
//
//	go run ./examples/jwt        # prints a token to try
//
// The client:
//
//	const socket = io("http://127.0.0.1:3000", { auth: { token } })
//	socket.on("connect_error", (err) => console.log(err.message)) // "invalid token"
//	await socket.emitWithAck("renew", newToken)
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/sockeye-io/sockeye/socketio"
)

// What a socket carries: who it is, and the timer that ends it with its token.
var (
	user   = socketio.NewKey[string]("user")
	expiry = socketio.NewKey[*time.Timer]("expiry")
)

// errToken is all that a client learns about a token that is not accepted.
var errToken = &socketio.Error{Message: "invalid token"}

type authority struct{ secret []byte }

// issue makes a token: in a real system it is the login page that does.
func (a authority) issue(name string, lifetime time.Duration) (string, error) {
	now := time.Now()
	return jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.RegisteredClaims{
		Subject:   name,
		IssuedAt:  jwt.NewNumericDate(now),
		ExpiresAt: jwt.NewNumericDate(now.Add(lifetime)),
	}).SignedString(a.secret)
}

// check returns whose token it is and when it expires. The method is fixed:
// otherwise the token's sender would choose how it is verified.
func (a authority) check(token string) (name string, expires time.Time, err error) {
	var claims jwt.RegisteredClaims
	key := func(*jwt.Token) (any, error) { return a.secret, nil }
	_, err = jwt.ParseWithClaims(token, &claims, key,
		jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}),
		jwt.WithExpirationRequired())
	if err != nil {
		return "", time.Time{}, err
	}
	if claims.Subject == "" {
		return "", time.Time{}, errors.New("token without a subject")
	}
	return claims.Subject, claims.ExpiresAt.Time, nil
}

// authorize is connection middleware: it runs before the client is told that it
// is connected.
func (a authority) authorize(_ context.Context, s *socketio.Socket) error {
	var auth struct {
		Token string `json:"token"`
	}
	if err := s.Handshake().Auth.Decode(&auth); err != nil {
		return errToken
	}
	name, expires, err := a.check(auth.Token)
	if err != nil {
		return errToken
	}
	user.Set(s, name)
	expiry.Set(s, time.AfterFunc(time.Until(expires), s.Close))
	return nil
}

// renew puts off the end of a socket that brings a newer token of the same user.
func (a authority) renew(_ context.Context, s *socketio.Socket, token string) (time.Time, error) {
	name, expires, err := a.check(token)
	if err != nil {
		return time.Time{}, errToken
	}
	if is, _ := user.Get(s); is != name {
		return time.Time{}, errToken
	}
	if timer, ok := expiry.Get(s); ok {
		timer.Reset(time.Until(expires))
	}
	return expires, nil
}

func newServer(a authority) (*socketio.Server, error) {
	srv, err := socketio.NewServer(socketio.Options{})
	if err != nil {
		return nil, err
	}
	srv.Use(a.authorize)
	srv.OnDisconnect(func(_ context.Context, s *socketio.Socket, _ socketio.Disconnect) {
		if timer, ok := expiry.Get(s); ok {
			timer.Stop()
		}
	})
	socketio.Handle(srv, "renew", a.renew)
	socketio.Handle(srv, "whoami", func(_ context.Context, s *socketio.Socket, _ struct{}) (string, error) {
		name, _ := user.Get(s)
		return name, nil
	})
	return srv, nil
}

func main() {
	a := authority{secret: []byte(rand.Text())}
	srv, err := newServer(a)
	if err == nil {
		var token string
		if token, err = a.issue("Ada", time.Hour); err == nil {
			fmt.Println(token)
			http.Handle("/socket.io/", srv)
			web := &http.Server{Addr: "127.0.0.1:3000", ReadHeaderTimeout: 10 * time.Second}
			err = web.ListenAndServe()
		}
	}
	slog.Error("jwt", "error", err)
	os.Exit(1)
}
