package websocket_test

import (
	"encoding/binary"
	"errors"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/sockeye-io/sockeye/engineio/transport"
	"github.com/sockeye-io/sockeye/engineio/transport/transporttest"
	"github.com/sockeye-io/sockeye/engineio/transport/websocket"
	"github.com/sockeye-io/sockeye/internal/memnet"
	"github.com/sockeye-io/sockeye/internal/worker"
)

// goroutine returns the name of the calling goroutine.
func goroutine() string {
	var b [64]byte
	name, _, _ := strings.Cut(string(b[:runtime.Stack(b[:], false)]), " [")
	return name
}

// First bytes of frames.
const (
	fin    = 0x80
	cont   = 0x0
	text   = 0x1
	binry  = 0x2
	closes = 0x8
	ping   = 0x9
	pong   = 0xa
)

// mask is what frames of the tests are masked with.
var mask = [4]byte{0x37, 0xfa, 0x21, 0x3d}

// frame encodes a masked frame, whether it is allowed or not.
func frame(first byte, payload string) []byte {
	b := []byte{first}
	switch n := len(payload); {
	case n < 126:
		b = append(b, 0x80|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(n))
	}
	b = append(b, mask[:]...)
	for i := range len(payload) {
		b = append(b, payload[i]^mask[i%4])
	}
	return b
}

// frames joins frames.
func frames(list ...[]byte) []byte {
	var b []byte
	for _, f := range list {
		b = append(b, f...)
	}
	return b
}

// code returns the payload of a close frame.
func code(n int, reason string) string {
	return string(binary.BigEndian.AppendUint16(nil, uint16(n))) + reason
}

// feeder is a connection that is fed by hand. What it answers is dropped.
type feeder struct {
	*websocket.Conn
	rec *transporttest.Recorder
}

func newFeeder(maxPayload int, sink transport.Sink) *websocket.Conn {
	group := new(worker.Group)
	group.Close() // nothing leaves the queue
	queue := new(transport.Queue)
	queue.Init(transport.NewFlusher(group), 1<<20)
	_, near := memnet.Pipe(memnet.Options{})
	c := websocket.New(near, &websocket.Config{MaxPayload: maxPayload, Group: group}, sink, queue)
	c.Attach(sink)
	return c
}

func feed(maxPayload int) *feeder {
	rec := new(transporttest.Recorder)
	return &feeder{newFeeder(maxPayload, rec), rec}
}

// in feeds b in chunks of the given lengths, the last of which repeats, and
// overwrites each chunk afterwards.
func (f *feeder) in(b []byte, chunks ...int) error {
	for i := 0; len(b) > 0; i++ {
		n := min(len(b), max(1, chunks[min(i, len(chunks)-1)]))
		chunk := append([]byte(nil), b[:n]...)
		b = b[n:]
		err := f.Feed(chunk)
		for j := range chunk {
			chunk[j] = 0xff
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// ending names an error of Feed.
func ending(err error) string {
	var protocol *websocket.ProtocolError
	var end *transport.EndError
	switch {
	case err == nil:
		return ""
	case errors.Is(err, websocket.ErrPeerClosed):
		return "closed"
	case errors.As(err, &protocol):
		return strconv.Itoa(protocol.Code)
	case errors.Is(err, transport.ErrMessageTooLarge):
		return "1009"
	case errors.As(err, &end):
		return string(end.Reason)
	default:
		return "unexpected: " + err.Error()
	}
}

// packets returns what a session has received, each followed by a space.
func packets(rec *transporttest.Recorder) string {
	var s strings.Builder
	for _, p := range rec.Packets() {
		s.WriteString(p + " ")
	}
	return s.String()
}

// history returns what a session was told.
func history(rec *transporttest.Recorder) string { return strings.Join(rec.History(), ", ") }

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %.300v, want %.300v", what, got, want)
	}
}
