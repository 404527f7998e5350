package websocket_test

import (
	"encoding/binary"
	"errors"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/sockeye-io/sockeye/engineio/eiowire"
	"github.com/sockeye-io/sockeye/engineio/transport"
	"github.com/sockeye-io/sockeye/engineio/transport/websocket"
	"github.com/sockeye-io/sockeye/internal/memnet"
	"github.com/sockeye-io/sockeye/internal/worker"
)

// recorder is a session that keeps what its transport tells it.
type recorder struct {
	onPacket func(p eiowire.Packet) error // nil takes everything
	onTurn   func(t *transport.Turn)      // nil returns at once

	mu      sync.Mutex
	packets []eiowire.Packet
	readers []string // the goroutine of each packet
	events  []string // packets, turns that had something to do, and the end
	pending bool     // a packet has come since the last turn
	lost    []transport.Close
}

func (r *recorder) Packet(p eiowire.Packet) error {
	r.mu.Lock()
	r.packets = append(r.packets, p)
	r.readers = append(r.readers, goroutine())
	r.events = append(r.events, show(p))
	r.pending = true
	r.mu.Unlock()
	if r.onPacket != nil {
		return r.onPacket(p)
	}
	return nil
}

func (r *recorder) Turn(t *transport.Turn) {
	r.mu.Lock()
	work := r.pending
	if work {
		r.events = append(r.events, "turn")
	}
	r.pending = false
	r.mu.Unlock()
	if work && r.onTurn != nil {
		r.onTurn(t)
	}
}

func (r *recorder) Lost(c transport.Close) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lost = append(r.lost, c)
	r.events = append(r.events, "lost: "+string(c.Reason))
}

// String returns the packets, readable.
func (r *recorder) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var s strings.Builder
	for _, p := range r.packets {
		s.WriteString(show(p) + " ")
	}
	return s.String()
}

func (r *recorder) history() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.events, ", ")
}

// end returns the only Lost, or a zero Close if there was none.
func (r *recorder) end(t *testing.T) transport.Close {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.lost) > 1 {
		t.Errorf("Lost was called %d times: %v", len(r.lost), r.lost)
	}
	if len(r.lost) == 0 {
		return transport.Close{}
	}
	return r.lost[0]
}

// show renders a packet: 4text for text, [bytes] for binary.
func show(p eiowire.Packet) string {
	if p.Binary {
		return "[" + string(p.Data) + "]"
	}
	return strconv.Itoa(int(p.Type)) + string(p.Data)
}

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
	rec *recorder
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
	rec := new(recorder)
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

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %.300v, want %.300v", what, got, want)
	}
}
