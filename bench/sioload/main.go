//go:build linux

// Sioload puts one kind of load on a Socket.IO server that keeps the benchmark
// contract and prints what it cost the server as one line of JSON.
//
//	sioload -mode echo -addr 127.0.0.1:3000 -pid 4711 -inflight 16
//
// The package load describes modes and figures.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/sockeye-io/sockeye/bench/load"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "sioload:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	var c load.Config
	set := flag.NewFlagSet("sioload", flag.ContinueOnError)
	set.StringVar((*string)(&c.Mode), "mode", string(load.Echo), "echo, broadcast, idle, connect or polling")
	set.StringVar(&c.Addr, "addr", "127.0.0.1:3000", "the server's IPv4 address and port")
	set.StringVar(&c.Path, "path", "", "the path of the endpoint (default /socket.io/)")
	set.IntVar(&c.PID, "pid", 0, "the server's process, for its CPU time and memory")
	set.IntVar(&c.Conns, "conns", 0, "connections (default 64, broadcast 2000, idle 10000, connect and polling 32)")
	set.IntVar(&c.InFlight, "inflight", 0, "messages on the way, per connection or of the broadcasting one (default 1)")
	set.IntVar(&c.Payload, "payload", 0, "bytes (default 128)")
	set.DurationVar(&c.Warmup, "warmup", 0, "before measuring (default 1s)")
	set.DurationVar(&c.Duration, "duration", 0, "of measuring (default 3s)")
	set.DurationVar(&c.Settle, "settle", 0, "idle: time between the last connect and reading the memory (default 4s)")
	set.BoolVar(&c.Browser, "browser", false, "send the headers of a browser with cookies")
	limit := set.Duration("timeout", 2*time.Minute, "of the whole run")
	if err := set.Parse(args); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, *limit)
	defer cancel()
	r, err := load.Run(ctx, c)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(r)
}
