// Server keeps the benchmark contract with Sockeye, as an application would:
// the exported API, typed handlers, no options.
//
//	go run ./bench/server -addr 127.0.0.1:3000
//
// It prints "ready ADDR" when it listens.
package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/sockeye-io/sockeye/socketio"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:0", "address to listen on")
	flag.Parse()
	if err := run(context.Background(), *addr); err != nil {
		fmt.Fprintln(os.Stderr, "server:", err)
		os.Exit(1)
	}
}

// newServer returns the contract.
func newServer() (*socketio.Server, error) {
	srv, err := socketio.NewServer(socketio.Options{})
	if err != nil {
		return nil, err
	}
	socketio.Handle(srv, "echo", func(_ context.Context, _ *socketio.Socket, payload string) (string, error) {
		return payload, nil
	})
	socketio.On(srv, "broadcast", func(_ context.Context, _ *socketio.Socket, payload string) error {
		return srv.Emit("msg", payload)
	})
	return srv, nil
}

func run(ctx context.Context, addr string) error {
	srv, err := newServer()
	if err != nil {
		return err
	}
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	fmt.Println("ready", listener.Addr())
	mux := http.NewServeMux()
	mux.Handle("/socket.io/", srv)
	hs := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	return hs.Serve(listener)
}
