// Command minimal is the smallest useful server: everybody is in one room, and
// what one says the others hear. It is the server of the README.
//
//	go run ./examples/minimal
//
// The page on the other side, with the official client:
//
//	const socket = io("http://127.0.0.1:3000")
//	socket.on("chat message", (m) => console.log(m.text))
//	socket.emit("chat message", { text: "hello" })
//	const greeting = await socket.emitWithAck("greet", "Ada")
package main

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/sockeye-io/sockeye/socketio"
)

type message struct {
	Text string `json:"text"`
}

func newServer() (*socketio.Server, error) {
	srv, err := socketio.NewServer(socketio.Options{}) // the zero Options is a working, safe server
	if err != nil {
		return nil, err // every fault of the options at once
	}
	srv.OnConnect(func(_ context.Context, s *socketio.Socket) error {
		s.Join("lobby")
		return nil
	})
	socketio.On(srv, "chat message", func(_ context.Context, s *socketio.Socket, m message) error {
		return s.To("lobby").Emit("chat message", m) // everyone in the room but the sender
	})
	socketio.Handle(srv, "greet", func(_ context.Context, _ *socketio.Socket, name string) (string, error) {
		return "Hello, " + name + "!", nil // the result is the acknowledgement
	})
	return srv, nil
}

func main() {
	srv, err := newServer()
	if err == nil {
		http.Handle("/socket.io/", srv)
		web := &http.Server{Addr: "127.0.0.1:3000", ReadHeaderTimeout: 10 * time.Second}
		err = web.ListenAndServe()
	}
	slog.Error("minimal", "error", err)
	os.Exit(1)
}
