package socketio

import (
	"context"
	"sync/atomic"

	"github.com/sockeye-io/sockeye/adapter"
)

// Namespace is a set of sockets with their handlers and rooms. Clients join it by
// name, several over one connection. All its methods may be called from any
// goroutine and from any handler.
//
// Of OfMatch and OfFunc it is a parent: without sockets of its own, it stands for all
// namespaces that were made for it, in everything that can be said to a Namespace.
//
// Every registration returns the function that undoes it; calling that twice does
// no harm. HandlerSet says when a registration counts from.
type Namespace struct {
	// static
	srv   *Server
	name  string
	index *adapter.Index[*Socket]

	recovery  *recoverer    // nil unless it is on
	pattern   *pattern      // of a parent, else nil
	parent    *Namespace    // that it was made for; nil if Of made it for nobody
	announced chan struct{} // closed when the OnNamespace hooks have run; nil if there were none

	handlers    handlerSet
	concurrency atomic.Int32  // events of one socket at once; 0 = as the parent
	nextCall    atomic.Uint64 // id of the next event that asks for acknowledgements

	// guarded by srv.mu
	users int  // sockets, from their CONNECT to the end of their handlers; counted for parents only
	kept  bool // Of was asked for it
}

// newNamespace returns a namespace without handlers.
func newNamespace(srv *Server, name string, parent *Namespace) *Namespace {
	n := &Namespace{srv: srv, name: name, parent: parent}
	if parent != nil {
		n.handlers.parent = &parent.handlers
	}
	n.index = adapter.NewIndex[*Socket](adapter.Options{Hooks: srv.opts.Rooms.of(n)})
	n.recovery = newRecoverer(n)
	return n
}

// Name returns the name, which begins with "/".
func (n *Namespace) Name() string { return n.name }

// Len returns the number of sockets in the namespace.
func (n *Namespace) Len() int {
	sum := 0
	for _, n := range n.spread() {
		sum += n.index.Len()
	}
	return sum
}

// RoomLen returns the number of sockets in a room.
func (n *Namespace) RoomLen(room string) int {
	sum := 0
	for _, n := range n.spread() {
		sum += n.index.RoomLen(room)
	}
	return sum
}

// Socket returns the socket with that id, or nil if there is none in this
// namespace on this server.
func (n *Namespace) Socket(id string) *Socket {
	for _, n := range n.spread() {
		if s, ok := n.index.Get(id); ok {
			return s
		}
	}
	return nil
}

// handlerSet implements HandlerSet.
func (n *Namespace) handlerSet() *handlerSet { return &n.handlers }

// Use adds a connection middleware. Middlewares run in order of registration, on
// a goroutine of their own, before the client is told that it is connected. The
// first error refuses it: the client gets a CONNECT_ERROR with the message and
// data of an *Error, or "internal error" for any other, which is reported like a
// handler's error with the event "connect".
//
// The socket is in no room and gets no broadcast yet: what Join and Emit do to it
// takes effect at its acceptance, in one step with the CONNECT packet. Call on it
// returns ErrNotConnected. Its ctx ends if the connection does.
func (n *Namespace) Use(m Middleware) (stop func()) {
	return register(&n.handlers, func(t *table) *[]*entry[Middleware] { return &t.use }, m)
}

// OnConnect adds a handler for accepted sockets. It runs after the client was sent
// CONNECT and before any event of that socket is handled, and may wait for as long
// as it likes: events queue up. An error disconnects the socket and is reported
// with the event "connect".
func (n *Namespace) OnConnect(h func(ctx context.Context, s *Socket) error) (stop func()) {
	return register(&n.handlers, func(t *table) *[]*entry[Middleware] { return &t.connect }, h)
}

// OnDisconnecting adds a handler for the end of sockets that had been accepted. It
// runs behind the socket's last event and ahead of the OnDisconnect handlers.
// Socket.Rooms still answers. Its ctx is not the socket's, which has ended: it
// ends when Shutdown does.
func (n *Namespace) OnDisconnecting(h DisconnectHandler) (stop func()) {
	return register(&n.handlers, func(t *table) *[]*entry[DisconnectHandler] { return &t.disconnecting }, h)
}

// OnDisconnect adds a handler for the end of sockets that had been accepted,
// which runs once for each, the last of all its handlers. Its ctx is that of
// OnDisconnecting.
func (n *Namespace) OnDisconnect(h DisconnectHandler) (stop func()) {
	return register(&n.handlers, func(t *table) *[]*entry[DisconnectHandler] { return &t.disconnect }, h)
}

// OnPacket adds an untyped handler for an event. If the client asked for an
// acknowledgement, the handler answers it with Packet.Reply, when it likes; an
// error that it returns answers it too. Several handlers of one event run in order
// of registration, whatever the others return.
func (n *Namespace) OnPacket(event string, h PacketHandler) (stop func()) {
	return n.handlers.addEvent(&handler{event: event, answers: answersItself, run: h})
}

// UseEvent adds an event middleware: it sees every event before its handlers,
// behind the OnAny handlers. An error stops the event, is reported, and answers it
// if the client asked.
func (n *Namespace) UseEvent(h PacketHandler) (stop func()) {
	return register(&n.handlers, func(t *table) *[]*entry[PacketHandler] { return &t.useEvent }, h)
}

// OnAny adds a handler that sees every event first, those that nobody handles
// included. Its error is reported and stops nothing.
func (n *Namespace) OnAny(h PacketHandler) (stop func()) {
	return register(&n.handlers, func(t *table) *[]*entry[PacketHandler] { return &t.any }, h)
}

// OnAnyOutgoing adds a handler that sees every event that is emitted, once for
// each socket that it is emitted to and before it leaves, or with a broadcast
// after it; acknowledgements are not shown. It runs on the goroutine that emits.
// Its error is reported and stops nothing. Each event is decoded anew for it.
func (n *Namespace) OnAnyOutgoing(h PacketHandler) (stop func()) {
	return register(&n.handlers, func(t *table) *[]*entry[PacketHandler] { return &t.anyOutgoing }, h)
}

// OnError adds a hook for errors and panics (*PanicError) of this namespace's
// handlers, in place of Options.OnError. Event is the event's name, or "connect",
// "disconnecting" or "disconnect". It runs on the handler's goroutine. A handler
// that fails only because its own socket has ended is not reported.
func (n *Namespace) OnError(h ErrorHandler) (stop func()) {
	return register(&n.handlers, func(t *table) *[]*entry[ErrorHandler] { return &t.onError }, h)
}

// Concurrency lets up to k events of one socket be handled at once; they start in
// order of arrival. It is 1 unless set, and k below 1 means 1. OnConnect and
// disconnect handlers still run alone. A namespace that has not set it does as its
// parent.
func (n *Namespace) Concurrency(k int) { n.concurrency.Store(int32(min(max(k, 1), 1<<16))) }

// limit returns what Concurrency has set.
func (n *Namespace) limit() int32 {
	k := n.concurrency.Load()
	if k == 0 && n.parent != nil {
		k = n.parent.concurrency.Load()
	}
	return max(k, 1)
}

// everyone returns the operator for all sockets.
func (n *Namespace) everyone() Broadcast { return Broadcast{ns: n} }

// Emit sends an event to every socket in the namespace: see Broadcast.Emit.
func (n *Namespace) Emit(event string, args ...any) error { return n.everyone().Emit(event, args...) }

// To returns an operator for everyone who is in at least one of the rooms.
func (n *Namespace) To(rooms ...string) Broadcast { return n.everyone().To(rooms...) }

// In is To.
func (n *Namespace) In(rooms ...string) Broadcast { return n.To(rooms...) }

// Except returns an operator for everyone who is in none of the rooms.
func (n *Namespace) Except(rooms ...string) Broadcast { return n.everyone().Except(rooms...) }

// Local returns an operator for the sockets of this server.
func (n *Namespace) Local() Broadcast { return n.everyone().Local() }

// Volatile returns an operator whose events are dropped for those who are behind.
func (n *Namespace) Volatile() Broadcast { return n.everyone().Volatile() }

// Compress decides whether events may be compressed: see Broadcast.Compress.
func (n *Namespace) Compress(on bool) Broadcast { return n.everyone().Compress(on) }
