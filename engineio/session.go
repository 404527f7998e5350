package engineio

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sockeye-io/sockeye/engineio/eiowire"
	"github.com/sockeye-io/sockeye/engineio/transport"
	"github.com/sockeye-io/sockeye/engineio/transport/polling"
	"github.com/sockeye-io/sockeye/engineio/transport/websocket"
	"github.com/sockeye-io/sockeye/internal/wheel"
)

// state is where a session stands.
type state = uint32

const (
	stateOpen    state = iota
	stateClosing       // ended for the receiver; what is queued may still leave
	stateClosed
)

// Packets that are sent as they are.
const (
	packetPing = "2"
	packetPong = "3"
)

// Errors of a peer that breaks the protocol.
var (
	errPing   = errors.New("engineio: the client sent a ping; the server pings")
	errPong   = errors.New("engineio: the client sent a pong; in version 3 of the protocol the client pings")
	errCutOff = errors.New("engineio: cut off by Shutdown")
)

// Session is one Engine.IO connection. What a session keeps while it is idle is
// this struct, its Handshake and its transport; see ARCHITECTURE.md for the sum.
type Session struct {
	// Static.
	srv  *Server
	id   string
	hs   *Handshake
	recv Receiver

	poll *polling.Transport // the first transport; nil for a WebSocket session

	queue transport.Queue // has a lock of its own, a leaf
	timer wheel.Timer     // the heartbeat

	rx sync.Mutex // held while a packet is handed over: one Receive at a time

	mu sync.Mutex
	// Guarded by mu.
	ws       *websocket.Conn // the transport of a WebSocket session or after an upgrade
	probe    *probe          // an upgrade under way
	awaiting bool            // a ping has been sent and its pong has not come; always in version 3
	paused   bool
	v3       bool          // static: version 3 of the protocol; it stands here for the size
	state    atomic.Uint32 // changes only while mu is held; read at any time
}

// ID returns the session's id, a secret between server and client.
func (s *Session) ID() string { return s.id }

// Protocol returns the version of the Engine.IO protocol that the client speaks:
// 4, or 3 if Options.AllowEIO3 is set.
func (s *Session) Protocol() int {
	if s.v3 {
		return 3
	}
	return 4
}

// Handshake returns what is known of the request that opened the session.
func (s *Session) Handshake() *Handshake { return s.hs }

// Transport returns the name of the transport in use, Polling or WebSocket.
func (s *Session) Transport() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ws != nil {
		return WebSocket
	}
	return Polling
}

// WriteOptions say how a message is to be sent.
type WriteOptions struct {
	// Volatile lets the message be dropped when earlier bytes wait for the peer:
	// its window is full, it has no poll open, or it is upgrading. Bytes that
	// merely wait for the end of a turn do not count.
	Volatile bool
	// Plain sends a message to a WebSocket without compression (Options.PerMessageDeflate),
	// as for data that is compressed already.
	Plain bool
}

// Write queues a message, given as text without its packet type, and the binary
// messages that follow it directly; a nil text means binary messages only. The
// bytes are copied. A nil error means queued, or dropped as volatile; else it is
// ErrClosed or, when this write closed the session, ErrSlowConsumer.
func (s *Session) Write(text []byte, attachments [][]byte, o WriteOptions) error {
	if o.Plain {
		return s.wrote(s.queue.WritePlain(text, attachments, o.Volatile))
	}
	return s.wrote(s.queue.Write(text, attachments, o.Volatile))
}

// Prepared is a message encoded once for any number of sessions.
type Prepared = transport.Message

// Prepare encodes a message for WritePrepared and NewFanout. The arguments are
// those of Write; they are copied. It is sent without compression.
func Prepare(text []byte, attachments [][]byte) *Prepared {
	return transport.NewMessage(text, attachments)
}

// Prepare is the function Prepare, with a compressed form besides for the
// sessions that take it (Options.PerMessageDeflate). It is made here, once, and only if
// there has been such a session.
func (s *Server) Prepare(text []byte, attachments [][]byte) *Prepared {
	p := Prepare(text, attachments)
	if s.deflating.Load() {
		p.Compress(s.deflate)
	}
	return p
}

// WritePrepared is Write for a prepared message, which the session shares. How it
// was prepared decides over its compression, not WriteOptions.Plain.
func (s *Session) WritePrepared(p *Prepared, o WriteOptions) error {
	return s.wrote(s.queue.WriteMessage(p, o.Volatile))
}

// WriteUnit queues prepared messages, all or none, whatever Options.OutboundLimit:
// what they add is not held against it until it has been sent. It is for what a
// client that comes back has missed. The result is nil or ErrClosed.
func (s *Session) WriteUnit(ps []*Prepared) error { return s.queue.WriteUnit(ps) }

// wrote closes the session if a write found its queue full, on a goroutine of
// its own: the writer may hold locks that the receiver's Closed wants.
func (s *Session) wrote(err error) error {
	if err != nil && errors.Is(err, ErrSlowConsumer) {
		s.srv.Go(func() { s.end(Close{Reason: ReasonSlowConsumer, Err: err}) })
	}
	return err
}

// Fanout sends one prepared message to many sessions. It is used by one
// goroutine.
type Fanout struct {
	inner transport.Fanout
	slow  []*Session
}

// NewFanout starts a fan-out of p.
func (s *Server) NewFanout(p *Prepared, o WriteOptions) Fanout {
	return Fanout{inner: transport.NewFanout(s.flusher, p, o.Volatile)}
}

// Add queues the message for a session. It takes only a leaf lock and does not
// block, so that the caller may hold locks of its own. Sessions that have ended
// are passed over.
func (f *Fanout) Add(s *Session) {
	if err := f.inner.Add(&s.queue); err != nil && errors.Is(err, ErrSlowConsumer) {
		f.slow = append(f.slow, s)
	}
}

// Done has the messages sent and closes the sessions whose queues were full. The
// caller holds no locks.
func (f *Fanout) Done() {
	f.inner.Done()
	for _, s := range f.slow {
		s.end(Close{Reason: ReasonSlowConsumer, Err: ErrSlowConsumer})
	}
	f.slow = nil
}

// Close ends the session with ReasonForcedClose. What has been queued before
// leaves first, within Options.CloseTimeout. It does not wait.
func (s *Session) Close() { s.CloseReason(ReasonForcedClose, nil) }

// CloseReason is Close with another reason, and a detail or nil.
func (s *Session) CloseReason(r Reason, err error) {
	s.finish(Close{Reason: r, Err: err})
}

// Pause stops reading from the client: a WebSocket is not read, and the POST of
// a polling client is not answered. Pings still go out, and the client's silence
// is not held against it. A client of version 3, which pings itself, has no
// answer meanwhile and gives up when its own patience ends.
func (s *Session) Pause() { s.setPaused(true) }

// Resume undoes Pause.
func (s *Session) Resume() { s.setPaused(false) }

func (s *Session) setPaused(paused bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.paused == paused {
		return
	}
	s.paused = paused
	switch {
	case s.ws != nil && paused:
		s.ws.Pause()
	case s.ws != nil:
		s.ws.Resume()
	case paused:
		s.poll.Pause()
	default:
		s.poll.Resume()
	}
	if !paused && s.isOpen() && s.awaiting {
		s.srv.wheel.Schedule(&s.timer, s, s.patience())
	}
}

// sink is the session as its WebSocket sees it.
type sink Session

// Packet takes one packet.
func (k *sink) Packet(p eiowire.Packet) error { return (*Session)(k).packet(p) }

// Turn runs the handlers of what has come.
func (k *sink) Turn(t *transport.Turn) { k.recv.Turn(t) }

// Lost ends the session because its transport ended.
func (k *sink) Lost(c Close) { (*Session)(k).end(c) }

// pollSink is the session as its polling transport sees it.
type pollSink Session

// Packet takes one packet.
func (k *pollSink) Packet(p eiowire.Packet) error { return (*Session)(k).packet(p) }

// Turn runs the handlers of what has come.
func (k *pollSink) Turn(t *transport.Turn) { k.recv.Turn(t) }

// Lost ends the session, unless it has upgraded and polling no longer matters.
func (k *pollSink) Lost(c Close) {
	s := (*Session)(k)
	s.mu.Lock()
	upgraded := s.ws != nil
	s.mu.Unlock()
	if !upgraded {
		s.end(c)
	}
}

// packet takes one packet from a transport.
func (s *Session) packet(p eiowire.Packet) error {
	s.rx.Lock()
	defer s.rx.Unlock()
	switch p.Type {
	case eiowire.Message:
		if s.isOpen() {
			s.recv.Receive(p.Data, p.Binary)
		}
		return nil
	case eiowire.Pong:
		if s.v3 {
			return &transport.EndError{Close: Close{Reason: ReasonTransportError, Err: errPong}}
		}
		s.pong()
		return nil
	case eiowire.Ping:
		if !s.v3 {
			return &transport.EndError{Close: Close{Reason: ReasonTransportError, Err: errPing}}
		}
		s.ping()
		return nil
	case eiowire.Close:
		return &transport.EndError{Close: Close{Reason: ReasonTransportClose}}
	default:
		return nil // open, upgrade and noop mean nothing here
	}
}

func (s *Session) isOpen() bool { return s.state.Load() == stateOpen }

// pong starts the time to the next ping.
func (s *Session) pong() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.awaiting && s.isOpen() {
		s.awaiting = false
		s.srv.wheel.Schedule(&s.timer, s, s.srv.opts.PingInterval)
	}
}

// ping answers a client that keeps the heartbeat (version 3), and waits for its
// next ping.
func (s *Session) ping() {
	s.mu.Lock()
	open := s.isOpen()
	if open {
		s.srv.wheel.Schedule(&s.timer, s, s.patience())
	}
	s.mu.Unlock()
	if open {
		s.queue.WritePacket(packetPong)
	}
}

// patience is how long a session waits for the client's part of the heartbeat.
func (s *Session) patience() time.Duration {
	if s.v3 {
		return s.srv.opts.PingInterval + s.srv.opts.PingTimeout
	}
	return s.srv.opts.PingTimeout
}

// firstBeat is the time from the start to the first ping, or the patience with a
// client that keeps the heartbeat.
func (s *Session) firstBeat() time.Duration {
	if s.v3 {
		return s.patience()
	}
	return s.srv.opts.PingInterval
}

// Expire is called by the server's timer wheel: it is time for a ping, or for
// the end of a session whose pong, or ping in version 3, has not come.
func (s *Session) Expire() {
	s.mu.Lock()
	switch {
	case !s.isOpen():
		s.mu.Unlock()
	case !s.awaiting:
		s.awaiting = true
		s.srv.wheel.Schedule(&s.timer, s, s.patience())
		s.mu.Unlock()
		s.queue.WritePacket(packetPing)
	case s.paused:
		s.mu.Unlock() // the time starts anew with Resume
	default:
		s.mu.Unlock()
		s.end(Close{Reason: ReasonPingTimeout})
	}
}

// finish ends the session and lets its transport deliver what is queued.
func (s *Session) finish(c Close) {
	s.mu.Lock()
	if !s.state.CompareAndSwap(stateOpen, stateClosing) {
		s.mu.Unlock()
		return
	}
	ws, p := s.ws, s.probe
	s.mu.Unlock()
	s.srv.wheel.Stop(&s.timer)
	if p != nil {
		p.abort()
	}
	if ws != nil {
		ws.Finish()
	} else {
		gone := s.poll.Finish() // within Options.CloseTimeout
		s.srv.Go(func() {
			<-gone
			s.end(c)
		})
	}
	s.recv.Closed(c)
}

// end ends the session at once: its transport has ended, or has to.
func (s *Session) end(c Close) {
	s.mu.Lock()
	before := s.state.Swap(stateClosed)
	ws, p := s.ws, s.probe
	s.mu.Unlock()
	if before == stateClosed {
		return
	}
	s.srv.wheel.Stop(&s.timer)
	s.srv.remove(s)
	if p != nil {
		p.abort()
	}
	switch {
	case ws == nil:
		s.queue.Discard()
		s.poll.Close()
	case c.Reason == ReasonSlowConsumer || c.Reason == ReasonPingTimeout || errors.Is(c.Err, errCutOff):
		// The peer does not read: no goodbye would arrive.
		s.queue.Discard()
		ws.Close()
	default:
		// The connection has told its end and says what is to be said.
	}
	if before == stateOpen {
		s.recv.Closed(c)
	}
}

// cut ends the session without any delivery.
func (s *Session) cut() { s.end(Close{Reason: ReasonShutdown, Err: errCutOff}) }
