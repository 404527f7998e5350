package socketio

import (
	"context"
	"slices"
	"sync/atomic"

	"github.com/sockeye-io/sockeye/engineio"
	"github.com/sockeye-io/sockeye/socketio/siowire"
)

// The states of a socket: it moves to later ones only. connected is set by
// Socket.accept, ended by Socket.end.
const (
	stateConnecting uint8 = iota // its middleware runs
	stateConnected
	stateEnded
)

// Socket is one client in one namespace. All its methods may be called from any
// goroutine and from any handler, and none of them waits for the network, but
// Call.
type Socket struct {
	// static: 40 bytes
	id   string
	ns   *Namespace
	conn *conn

	brought *brought // nil unless there is something in it

	// set once or seldom: 24 bytes
	ended atomic.Pointer[DisconnectedError] // not nil in stateEnded
	stage atomic.Pointer[stage]             // not nil while middleware runs
	own   atomic.Pointer[handlerSet]        // handlers of this socket alone

	// guarded by conn.mu: 112 bytes
	next      *Socket          // in conn.sockets
	nextRun   *Socket          // in conn.firstRun
	queue     *queue           // events that wait; nil when there are none
	runs      *runner          // what is being handled, linked by runner.next
	calls     map[uint64]*call // waiting for their acknowledgement, by id
	values    []value          // by Key
	rooms     []string
	life      *life // of the context, once somebody waits for its end
	active    int32 // length of runs
	state     uint8
	listed    bool // in conn.firstRun
	exclusive bool // nothing else may start: the connect or the end is handled
	doConnect bool // OnConnect is to be called, before anything else
	doEnd     bool // OnDisconnecting and OnDisconnect are to be called, after all else
}

// Handshake is what the client brought along: the HTTP request that opened its
// connection, and the auth payload with which it joined the namespace.
type Handshake struct {
	*engineio.Handshake
	// Auth is the undecoded payload; the zero Raw if there was none.
	Auth Raw
}

// ID returns the socket's id: 20 characters, unique, and different from the id of
// the connection. It is also the name of a room that has this socket only.
//
// The socket of a client of Socket.IO 1 or 2 (engineio.Options.AllowEIO3) has the
// id of the connection, with the namespace and "#" in front unless that is "/":
// such a client makes it itself. It is a secret then, which lets whoever knows it
// speak for the client.
func (s *Socket) ID() string { return s.id }

// Namespace returns the namespace that the socket belongs to.
func (s *Socket) Namespace() *Namespace { return s.ns }

// Transport returns what carries the connection at the moment: "polling" or
// "websocket".
func (s *Socket) Transport() string { return s.conn.sess.Transport() }

// Handshake returns what the client brought along. It must not be changed.
func (s *Socket) Handshake() Handshake {
	h := Handshake{Handshake: s.conn.sess.Handshake()}
	if s.brought != nil {
		h.Auth = s.brought.auth
	}
	return h
}

// Context returns the context that the socket's handlers get. It is canceled when
// the socket ends, with a *DisconnectedError as its cause. Disconnect handlers
// get another one.
func (s *Socket) Context() context.Context { return (*socketContext)(s) }

// gone reports whether the socket has ended.
func (s *Socket) gone() bool { return s.ended.Load() != nil }

// handlerSet implements HandlerSet.
func (s *Socket) handlerSet() *handlerSet {
	if h := s.own.Load(); h != nil {
		return h
	}
	s.own.CompareAndSwap(nil, new(handlerSet))
	return s.own.Load()
}

// OnPacket registers an untyped handler for an event of this socket alone: see
// Namespace.OnPacket.
func (s *Socket) OnPacket(event string, h PacketHandler) (stop func()) {
	return s.handlerSet().addEvent(&handler{event: event, answers: answersItself, run: h})
}

// Emit sends an event with any number of arguments to this socket's client. The
// arguments are encoded and copied before it returns: they may be changed
// afterwards. A nil error means that the event is queued. Before the socket is
// accepted it is held back and follows the CONNECT packet.
//
// Errors: an *EncodeError; ErrDisconnected; ErrSlowConsumer when this event found
// the client's queue over its limit and closed the connection; ErrNotConnected
// when too much is held back.
func (s *Socket) Emit(event string, args ...any) error {
	return s.emit(event, args, engineio.WriteOptions{})
}

// emit is Emit with options.
func (s *Socket) emit(event string, args []any, o engineio.WriteOptions) error {
	e := s.conn.srv.encoder()
	defer e.release()
	if err := e.encodeEvent(s.ns, event, args); err != nil {
		return err
	}
	if err := s.watchOutgoing(e); err != nil {
		return err
	}
	return s.write(e, o)
}

// watchOutgoing shows the packet in e to the namespace's OnAnyOutgoing handlers.
func (s *Socket) watchOutgoing(e *encoder) error {
	watchers := s.ns.handlers.load().anyOutgoing
	if len(watchers) == 0 || s.gone() {
		return nil
	}
	p, err := e.packet(s)
	if err != nil {
		return err
	}
	for _, w := range watchers {
		if err := s.callPacket(w.fn, p); err != nil {
			s.report(s.Context(), p.event, err)
		}
	}
	return nil
}

// write queues the packet in e, or holds it back until the socket is accepted.
func (s *Socket) write(e *encoder, o engineio.WriteOptions) error {
	if end := s.ended.Load(); end != nil {
		return end
	}
	if st := s.stage.Load(); st != nil {
		if held, err := st.hold(e, o); held {
			return err
		}
	}
	if e.marked {
		return s.writeError(s.ns.recovery.emit(s, e, o))
	}
	return s.writeError(e.write(s.conn.sess, o))
}

// writeError turns an error of the session into one of the socket.
func (s *Socket) writeError(err error) error {
	if err != engineio.ErrClosed { //nolint:errorlint // the session does not wrap it
		return err
	}
	if end := s.ended.Load(); end != nil {
		return end
	}
	return ErrDisconnected
}

// Join adds the socket to rooms. Before the socket is accepted it takes effect at
// acceptance, afterwards at once; after its end it does nothing.
func (s *Socket) Join(rooms ...string) {
	if st := s.stage.Load(); st != nil && st.join(rooms) {
		return
	}
	switch r := s.ns.recovery; {
	case s.gone():
	case r != nil:
		r.join(s, rooms)
	default:
		s.ns.index.Join(s.id, rooms...)
	}
}

// Leave takes the socket out of rooms; those that it is not in do not matter. It
// cannot leave the room of its own id.
func (s *Socket) Leave(rooms ...string) {
	if st := s.stage.Load(); st != nil && st.leave(rooms) {
		return
	}
	if r := s.ns.recovery; r != nil {
		r.leave(s, rooms)
	} else {
		s.ns.index.Leave(s.id, rooms...)
	}
}

// Rooms returns the rooms that the socket is in, the one of its own id first, then
// in no particular order. In disconnect handlers and later they are those that it
// was in at its end; before acceptance those that it will be in.
func (s *Socket) Rooms() []string {
	if st := s.stage.Load(); st != nil {
		if rooms, ok := st.list(); ok {
			return rooms
		}
	}
	if r := s.ns.recovery; r == nil || r.owns(s) {
		if rooms, ok := s.ns.index.Rooms(s.id); ok {
			return rooms
		}
	}
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	return slices.Clone(s.rooms)
}

// To returns an operator for everyone who is in at least one of the rooms, except
// this socket.
func (s *Socket) To(rooms ...string) Broadcast { return s.Broadcast().To(rooms...) }

// In is To.
func (s *Socket) In(rooms ...string) Broadcast { return s.To(rooms...) }

// Except returns an operator for everyone in the namespace but this socket and
// those who are in one of the rooms.
func (s *Socket) Except(rooms ...string) Broadcast { return s.Broadcast().Except(rooms...) }

// Broadcast returns an operator for everyone in the namespace except this socket.
func (s *Socket) Broadcast() Broadcast { return Broadcast{ns: s.ns, except: []string{s.id}} }

// Local returns Broadcast, limited to clients of this server.
func (s *Socket) Local() Broadcast { return s.Broadcast().Local() }

// Compress returns an operator for this socket itself that decides whether its
// events may be compressed: see Broadcast.Compress. Followed by To, In, Except or
// Local it is an operator for others.
func (s *Socket) Compress(on bool) Broadcast { return Broadcast{ns: s.ns, self: s, plain: !on} }

// Volatile returns an operator for this socket itself whose events are dropped
// when they would have to wait for the client; followed by To, In, Except or Local it
// is an operator for others, as without it.
func (s *Socket) Volatile() Broadcast { return Broadcast{ns: s.ns, self: s, volatile: true} }

// Disconnect ends the socket with ReasonServerDisconnect, behind everything that
// was emitted to it before: the client gets a DISCONNECT packet and keeps the
// connection, on which it may join the namespace again. A socket that is not
// accepted yet is refused. A second call does nothing. It waits for nothing:
// disconnect handlers run later.
//
// An Emit by another goroutine at the same time may leave behind the DISCONNECT
// packet, and clients then ignore it.
func (s *Socket) Disconnect() {
	if st := s.stage.Load(); st != nil && st.refuse() {
		return
	}
	s.disconnect()
}

// disconnect is Disconnect for a socket in whatever state.
func (s *Socket) disconnect() {
	if s.end(ReasonServerDisconnect, nil) {
		s.leaveRooms()
		s.sendDisconnect()
		s.conn.srv.engine.Go(s.finish)
	}
}

// Close ends the connection and with it the sockets in all its namespaces, each
// as Disconnect does. What was emitted to them before is still sent, for at most
// Options.Engine.CloseTimeout.
func (s *Socket) Close() {
	c := s.conn
	c.mu.Lock()
	c.closing = true
	c.mu.Unlock()
	for {
		c.mu.Lock()
		o := c.sockets
		c.mu.Unlock()
		if o == nil {
			break
		}
		o.disconnect()
	}
	c.sess.Close()
}

// sendDisconnect sends a DISCONNECT packet, if the session still takes it.
func (s *Socket) sendDisconnect() {
	e := s.conn.srv.encoder()
	defer e.release()
	if e.encodeValue(siowire.Header{Type: siowire.Disconnect, Namespace: s.ns.name}, nil) == nil {
		_ = e.write(s.conn.sess, engineio.WriteOptions{}) // the socket has ended either way
	}
}

// end ends the socket, once, and reports whether this call did it to a socket that
// had been accepted; leaveRooms and finish have to follow then. It takes no lock
// but conn.mu, so it may be called by the session.
func (s *Socket) end(reason Reason, err error) (wasConnected bool) {
	c := s.conn
	c.mu.Lock()
	if s.state == stateEnded {
		c.mu.Unlock()
		return false
	}
	wasConnected = s.state == stateConnected
	s.state = stateEnded
	end := &DisconnectedError{Disconnect: Disconnect{Reason: reason, Err: err}, socket: s}
	s.ended.Store(end)
	c.unlinkLocked(s)
	if !fromClient(reason) {
		s.dropEventsLocked()
	}
	if reason == ReasonServerDisconnect && wasConnected {
		c.leftLocked(s.ns.name)
	}
	calls := s.calls
	s.calls = nil
	c.owed -= int32(len(calls))
	life := s.life
	c.mu.Unlock()

	for _, w := range calls {
		w.resolve(Args{}, end)
	}
	if life != nil {
		life.cancel(end)
	}
	c.applyPause()
	if !wasConnected {
		s.ns.release() // else behind the disconnect handlers
	}
	return wasConnected
}

// leaveRooms takes an ended socket out of the rooms index, and keeps what it was
// in, and lets the disconnect handlers run behind what is handled already.
func (s *Socket) leaveRooms() {
	c := s.conn
	if r := s.ns.recovery; r != nil {
		r.end(s, s.ended.Load().Reason)
	} else {
		rooms, _ := s.ns.index.Remove(s.id)
		c.mu.Lock()
		s.rooms = rooms
		c.mu.Unlock()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	s.doEnd = true
	c.listLocked(s)
}

// finish runs what is left to run for a socket that has left its rooms.
func (s *Socket) finish() { s.conn.run(nil) }
