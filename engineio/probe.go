package engineio

import (
	"errors"
	"sync/atomic"

	"github.com/sockeye-io/sockeye/engineio/eiowire"
	"github.com/sockeye-io/sockeye/engineio/transport"
	"github.com/sockeye-io/sockeye/engineio/transport/websocket"
	"github.com/sockeye-io/sockeye/internal/wheel"
)

// Packets of an upgrade (Engine.IO protocol, section "Upgrade").
const (
	probePayload = "probe"
	packetProbed = "3probe"
)

var errProbe = errors.New("engineio: unexpected packet on a transport that is being probed")

// probe is an upgrade under way: a WebSocket that belongs to a polling session
// and has not taken over yet. Whatever becomes of it, the session goes on over
// polling until the upgrade packet has come.
type probe struct {
	sess  *Session
	conn  *websocket.Conn
	timer wheel.Timer
	asked bool // the probe packet has come; owned by the reader of conn
	over  atomic.Bool
}

// beginProbe registers an upgrade. It reports false if the session has one, or
// has upgraded, or has ended.
func (s *Session) beginProbe(p *probe) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.isOpen() || s.probe != nil || s.ws != nil {
		return false
	}
	s.probe = p
	s.srv.wheel.Schedule(&p.timer, p, s.srv.opts.UpgradeTimeout)
	return true
}

// Packet takes a packet from the probed connection. After the upgrade packet
// the connection's packets go to the session, beginning with the next.
func (p *probe) Packet(packet eiowire.Packet) error {
	switch {
	case !p.asked && packet.Type == eiowire.Ping && string(packet.Data) == probePayload:
		p.asked = true
		p.sess.poll.Probe(true)
		return p.conn.Answer(packetProbed)
	case p.asked && packet.Type == eiowire.Upgrade:
		return p.sess.upgrade(p)
	default:
		return &transport.EndError{Close: Close{Reason: ReasonTransportError, Err: errProbe}}
	}
}

// Turn has nothing to run: a probe reaches no handler.
func (p *probe) Turn(*transport.Turn) {}

// Lost ends the probe; polling goes on.
func (p *probe) Lost(Close) { p.fail() }

// Expire ends a probe that took too long.
func (p *probe) Expire() { p.abort() }

// abort closes the probed connection, unless it has taken over.
func (p *probe) abort() {
	if p.fail() {
		p.conn.Abandon()
	}
}

// fail forgets the probe, and reports false if it has been over before.
func (p *probe) fail() bool {
	if !p.over.CompareAndSwap(false, true) {
		return false
	}
	s := p.sess
	s.srv.wheel.Stop(&p.timer)
	s.mu.Lock()
	mine := s.probe == p
	if mine {
		s.probe = nil
	}
	s.mu.Unlock()
	if mine {
		s.poll.Probe(false)
	}
	return true
}

// upgrade makes the probed connection the session's transport.
func (s *Session) upgrade(p *probe) error {
	if !p.over.CompareAndSwap(false, true) {
		return &transport.EndError{Close: Close{Reason: ReasonTransportError, Err: errProbe}}
	}
	s.srv.wheel.Stop(&p.timer)
	s.mu.Lock()
	s.probe = nil
	if !s.isOpen() {
		s.mu.Unlock()
		return &transport.EndError{Close: Close{Reason: ReasonForcedClose}}
	}
	s.ws = p.conn
	if s.paused {
		p.conn.Pause()
	}
	// From here on the queue is the connection's. The packets of a poll that is
	// being answered have left it already.
	p.conn.Attach((*sink)(s))
	s.mu.Unlock()
	s.poll.Discard()
	p.conn.Drain()
	return nil
}
