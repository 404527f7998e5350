package transporttest

import (
	"slices"
	"strconv"
	"sync"

	"github.com/sockeye-io/sockeye/engineio/eiowire"
	"github.com/sockeye-io/sockeye/engineio/transport"
)

// Recorder is a session that keeps what its transport tells it. Its methods may
// be called from any goroutine. The zero value takes everything but a close
// packet, which ends the transport as it does with a session.
type Recorder struct {
	// OnPacket, if set, decides over each packet after it has been recorded, but
	// for close packets. It is set before the transport starts.
	OnPacket func(p eiowire.Packet) error
	// OnTurn, if set, is the handler: it is called by each turn before which a
	// packet has come. It is set before the transport starts.
	OnTurn func(t *transport.Turn)

	mu sync.Mutex
	// Guarded by mu.
	packets []eiowire.Packet
	history []event
	pending bool // a packet has come since the last turn
	ends    []transport.Close
}

// event is a packet, or something else in words.
type event struct {
	packet int // index in packets, if words is empty
	words  string
}

var _ transport.Sink = (*Recorder)(nil)

// Show renders a packet: its type and data, or a binary message in brackets.
func Show(p eiowire.Packet) string {
	if p.Binary {
		return "[" + string(p.Data) + "]"
	}
	return strconv.Itoa(int(p.Type)) + string(p.Data)
}

// Packet records a packet.
func (r *Recorder) Packet(p eiowire.Packet) error {
	r.mu.Lock()
	r.history = append(r.history, event{packet: len(r.packets)})
	r.packets = append(r.packets, p)
	r.pending = true
	r.mu.Unlock()
	switch {
	case p.Type == eiowire.Close:
		return &transport.EndError{Close: transport.Close{Reason: transport.ReasonTransportClose}}
	case r.OnPacket != nil:
		return r.OnPacket(p)
	default:
		return nil
	}
}

// Turn records a turn that has something to handle.
func (r *Recorder) Turn(t *transport.Turn) {
	r.mu.Lock()
	work := r.pending
	r.pending = false
	if work {
		r.history = append(r.history, event{words: "turn"})
	}
	r.mu.Unlock()
	if work && r.OnTurn != nil {
		r.OnTurn(t)
	}
}

// Lost records the end.
func (r *Recorder) Lost(c transport.Close) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ends = append(r.ends, c)
	r.history = append(r.history, event{words: "lost: " + string(c.Reason)})
}

// Packets returns the packets so far, as Show renders them now: their bytes are
// the session's, and a transport that changes them later is found out.
func (r *Recorder) Packets() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]string, 0, len(r.packets))
	for _, p := range r.packets {
		all = append(all, Show(p))
	}
	return all
}

// History returns packets, turns ("turn") and the end ("lost: " and the reason)
// in the order in which they came. A turn that had nothing to handle is left out.
func (r *Recorder) History() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]string, 0, len(r.history))
	for _, e := range r.history {
		if e.words == "" {
			e.words = Show(r.packets[e.packet])
		}
		all = append(all, e.words)
	}
	return all
}

// Ends returns what Lost was called with, each time.
func (r *Recorder) Ends() []transport.Close {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.ends)
}
