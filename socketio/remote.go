package socketio

import (
	"context"
	"iter"
	"slices"
)

// Remote is a socket as Broadcast.Sockets found it: a value that may be kept, and
// that does not keep the socket from ending. It is called so because the socket may be
// connected to another server of a cluster. What it tells is from the moment
// it was found; what it does, it does to the socket of today.
type Remote struct {
	id        string
	handshake Handshake
	rooms     []string
	values    []value
	socket    *Socket
}

// ID returns the socket's id.
func (r Remote) ID() string { return r.id }

// Handshake returns what the client brought along. It must not be changed.
func (r Remote) Handshake() Handshake { return r.handshake }

// Rooms returns the rooms that the socket was in, the one of its own id first.
// The caller must not change them.
func (r Remote) Rooms() []string { return r.rooms }

// Socket returns the socket itself, or nil if it is connected to another server.
func (r Remote) Socket() *Socket { return r.socket }

// only returns the operator for this socket.
func (r Remote) only() Broadcast { return Broadcast{ns: r.socket.ns, self: r.socket} }

// Emit sends an event to the socket: see Socket.Emit.
func (r Remote) Emit(event string, args ...any) error { return r.only().Emit(event, args...) }

// Call emits an event to the socket and waits for its acknowledgement: see
// Socket.Call.
func (r Remote) Call(ctx context.Context, event string, args ...any) (Args, error) {
	return r.socket.Call(ctx, event, args...)
}

// Join adds the socket to rooms: see Socket.Join. The error of this and the
// following methods is that of Broadcast.Join.
func (r Remote) Join(rooms ...string) error { return r.only().Join(rooms...) }

// Leave takes the socket out of rooms: see Socket.Leave.
func (r Remote) Leave(rooms ...string) error { return r.only().Leave(rooms...) }

// Disconnect ends the socket: see Socket.Disconnect.
func (r Remote) Disconnect() error { return r.only().Disconnect() }

// Close ends the socket and its connection: see Socket.Close.
func (r Remote) Close() error { return r.only().Close() }

// Of returns what the socket carried under the key when it was found.
func (k Key[T]) Of(r Remote) (v T, ok bool) {
	for _, c := range r.values {
		if c.key == k.id {
			v, ok = c.v.(T)
			return v, ok
		}
	}
	return v, false
}

// remote returns the socket as a value.
func (s *Socket) remote() Remote {
	r := Remote{id: s.id, handshake: s.Handshake(), rooms: s.Rooms(), socket: s}
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	r.values = slices.Clone(s.values)
	return r
}

// Sockets yields the sockets that the Broadcast means when the sequence is ranged
// over, in no particular order. The loop's body runs without locks; a socket may end
// meanwhile and is yielded all the same. When ctx ends there is one pair with its
// error, the last.
func (b Broadcast) Sockets(ctx context.Context) iter.Seq2[Remote, error] {
	return func(yield func(Remote, error) bool) {
		for _, s := range b.targets() {
			if ctx.Err() != nil {
				yield(Remote{}, ctxError(ctx))
				return
			}
			if !yield(s.remote(), nil) {
				return
			}
		}
	}
}
