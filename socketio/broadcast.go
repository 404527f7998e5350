package socketio

import (
	"slices"

	"github.com/sockeye-io/sockeye/adapter"
	"github.com/sockeye-io/sockeye/engineio"
)

// Broadcast names the sockets that something is to be done to. It is an immutable
// value: its methods return changed copies, and it may be kept, used again and
// shared by goroutines.
type Broadcast struct {
	ns       *Namespace
	self     *Socket // the only target, until others are named
	rooms    []string
	except   []string
	volatile bool
	plain    bool
}

// others returns b without self as its only target.
func (b Broadcast) others() Broadcast {
	if b.self != nil {
		b.except = []string{b.self.id}
		b.self = nil
	}
	return b
}

// To adds rooms: who is in at least one of them gets an event, once. The id of a
// socket is a room too.
func (b Broadcast) To(rooms ...string) Broadcast {
	b = b.others()
	b.rooms = append(slices.Clip(b.rooms), rooms...)
	return b
}

// In is To.
func (b Broadcast) In(rooms ...string) Broadcast { return b.To(rooms...) }

// Except leaves out who is in one of the rooms, or is named by its id.
func (b Broadcast) Except(rooms ...string) Broadcast {
	b = b.others()
	b.except = append(slices.Clip(b.except), rooms...)
	return b
}

// Local leaves out the sockets of other servers. A server that is not part of a
// cluster has no others.
func (b Broadcast) Local() Broadcast { return b.others() }

// Volatile drops an event for each client that it would have to wait for: whose
// earlier bytes wait for the client itself. Bytes that were emitted a moment ago
// and are about to leave do not count.
func (b Broadcast) Volatile() Broadcast {
	b.volatile = true
	return b
}

// Compress decides whether events may be compressed on their way to WebSocket
// clients (Options.Engine.PerMessageDeflate). Compress(false) keeps them plain, as
// for data that is compressed already. Answers to polls are compressed by their
// size alone.
func (b Broadcast) Compress(on bool) Broadcast {
	b.plain = !on
	return b
}

// Emit sends an event with any number of arguments. It is encoded once, and
// before Emit returns: the arguments may be changed afterwards. A nil error means
// that it is queued for every socket that was in the rooms. A client that is too
// slow for it is disconnected and is nobody else's error. With a single socket as
// target the errors are those of Socket.Emit, else there is only *EncodeError.
func (b Broadcast) Emit(event string, args ...any) error {
	if b.self != nil {
		return b.self.emit(event, args, engineio.WriteOptions{Volatile: b.volatile, Plain: b.plain})
	}
	if b.ns.pattern == nil {
		return b.emit(event, args)
	}
	for _, n := range b.ns.spread() {
		b.ns = n
		if err := b.emit(event, args); err != nil {
			return err
		}
	}
	return nil
}

// emit is Emit to many in a namespace that is no parent.
func (b Broadcast) emit(event string, args []any) error {
	srv := b.ns.srv
	e := srv.encoder()
	defer e.release()
	if err := e.encodeEvent(b.ns, event, args); err != nil {
		return err
	}
	watched := len(b.ns.handlers.load().anyOutgoing) > 0
	var targets []*Socket
	var f engineio.Fanout
	o := engineio.WriteOptions{Volatile: b.volatile, Plain: b.plain}
	add := func(_ string, s *Socket) {
		f.Add(s.conn.sess)
		if watched {
			targets = append(targets, s)
		}
	}
	if r := b.ns.recovery; r != nil {
		r.broadcast(b, e, o, &f, add)
	} else {
		f = srv.engine.NewFanout(e.prepare(b.plain), o)
		b.ns.index.Each(b.target(), add)
	}
	f.Done()
	for _, s := range targets {
		if err := s.watchOutgoing(e); err != nil {
			return err
		}
	}
	return nil
}

// target returns what the rooms index is asked for.
func (b Broadcast) target() adapter.Target {
	return adapter.Target{Rooms: b.rooms, Except: b.except}
}

// each calls f for every target, with no locks held.
func (b Broadcast) each(f func(s *Socket)) error {
	for _, s := range b.targets() {
		f(s)
	}
	return nil
}

// targets returns the sockets that b means at the moment.
func (b Broadcast) targets() []*Socket {
	if b.self != nil {
		return []*Socket{b.self}
	}
	var targets []*Socket
	for _, n := range b.ns.spread() {
		n.index.Each(b.target(), func(_ string, s *Socket) { targets = append(targets, s) })
	}
	return targets
}

// Join adds the sockets to rooms. The error of this and the following methods is
// for servers that others have to be asked through; alone they do not fail.
func (b Broadcast) Join(rooms ...string) error {
	return b.each(func(s *Socket) { s.Join(rooms...) })
}

// Leave takes the sockets out of rooms. srv.To(room).Leave(room) closes a room.
func (b Broadcast) Leave(rooms ...string) error {
	return b.each(func(s *Socket) { s.Leave(rooms...) })
}

// Disconnect ends the sockets: see Socket.Disconnect.
func (b Broadcast) Disconnect() error { return b.each((*Socket).Disconnect) }

// Close ends the sockets and their connections: see Socket.Close.
func (b Broadcast) Close() error { return b.each((*Socket).Close) }
