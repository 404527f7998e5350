// Command sockeye is a realtime server in one file: Socket.IO, and a chat to try
// it with.
//
//	sockeye serve              # then open http://127.0.0.1:3000/
//	sockeye serve --help       # every flag, with its default and its variable
//	sockeye version
//
// The first SIGINT or SIGTERM ends it in order: clients are told, handlers finish,
// requests are answered. A second one ends it at once.
package main

import (
	"os"
	"os/signal"
	"syscall"
)

func main() {
	signals := make(chan os.Signal, 2) // the second must not be lost while the first is handled
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr, signals))
}
