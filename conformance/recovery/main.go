// Command recovery serves Socket.IO with connection state recovery, kept in a file, and emits on request:
//
//	GET /emit?to=ROOM&n=N             an event "n" with N, to everyone if there is no room
//	GET /emit?to=ROOM&n=N&kind=binary with N as a byte
//	GET /emit?n=N&kind=volatile       dropped for those who are not there, with a string behind it
//
// A client joins a room with "join" and is thrown out with "kick"; "value" returns what the first "value" set.
// It prints its base URL when it listens, and is meant to be killed.
package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/sockeye-io/sockeye/engineio"
	"github.com/sockeye-io/sockeye/socketio"
	"github.com/sockeye-io/sockeye/socketio/recovery/bolt"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:0", "the `address` to listen on")
	path := flag.String("store", "", "the `file` for what is recovered")
	flag.Parse()
	if err := run(*addr, *path); err != nil {
		fmt.Fprintln(os.Stderr, "recovery:", err)
		os.Exit(1)
	}
}

func run(addr, path string) error {
	store, err := bolt.Open(path, bolt.Options{})
	if err != nil {
		return err
	}
	srv, err := socketio.NewServer(socketio.Options{
		Engine:   engineio.Options{CORS: engineio.CORS{Origins: []string{"*"}}},
		Recovery: &socketio.Recovery{Store: store},
	})
	if err != nil {
		return err
	}
	user := socketio.NewKey[string]("user")
	socketio.Handle(srv, "join", func(_ context.Context, s *socketio.Socket, room string) (bool, error) {
		s.Join(room)
		return s.Recovered(), nil
	})
	socketio.Handle(srv, "value", func(_ context.Context, s *socketio.Socket, v string) (string, error) {
		if old, ok := user.Get(s); ok {
			return old, nil
		}
		user.Set(s, v)
		return v, nil
	})
	socketio.On(srv, "kick", func(_ context.Context, s *socketio.Socket, _ struct{}) error {
		s.Disconnect()
		return nil
	})
	var mux http.ServeMux
	mux.Handle("/socket.io/", srv)
	mux.HandleFunc("/emit", func(w http.ResponseWriter, r *http.Request) { emit(srv, w, r) })

	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	fmt.Printf("http://%s\n", listener.Addr())
	web := &http.Server{Handler: &mux, ReadHeaderTimeout: 5 * time.Second}
	return web.Serve(listener)
}

// emit answers /emit.
func emit(srv *socketio.Server, w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	n, err := strconv.Atoi(q.Get("n"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	to := srv.To()
	if room := q.Get("to"); room != "" {
		to = srv.To(room)
	}
	switch q.Get("kind") {
	case "binary":
		err = to.Emit("n", []byte{byte(n)})
	case "volatile":
		err = to.Volatile().Emit("n", n, "bob")
	default:
		err = to.Emit("n", n)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}
