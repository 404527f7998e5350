package socketio

import "github.com/sockeye-io/sockeye/adapter"

// RoomHooks are told, after the fact, what happens to the rooms of a namespace on
// this server: a room is created with its first member and deleted with its last,
// and a socket that ends leaves its rooms. The room of a socket's own id is not
// reported. The hooks of a namespace run one at a time, in the order in which
// things happened to a room, on a goroutine of their own and possibly late: the
// room may have changed again. They may call anything; a panic goes to the log.
//
// A hook that takes long holds up the others. If adapter.MaxPendingHooks events
// wait, further ones are lost, and Lost is told how many.
type RoomHooks struct {
	Created, Deleted func(n *Namespace, room string)
	Joined, Left     func(n *Namespace, room, id string)
	Lost             func(n *Namespace, events int)
}

// of returns the hooks for a namespace's index.
func (h RoomHooks) of(n *Namespace) adapter.Hooks {
	to := adapter.Hooks{Go: func(fn func()) { n.srv.engine.Go(fn) }}
	guard := func(call func()) {
		var err error
		func() {
			defer recovered(&err)
			call()
		}()
		if err != nil {
			n.srv.opts.Logger.Error("socketio: room hook failed", "namespace", n.name, "error", err)
		}
	}
	room := func(fn func(*Namespace, string)) func(string) {
		if fn == nil {
			return nil
		}
		return func(room string) { guard(func() { fn(n, room) }) }
	}
	member := func(fn func(*Namespace, string, string)) func(string, string) {
		if fn == nil {
			return nil
		}
		return func(room, id string) { guard(func() { fn(n, room, id) }) }
	}
	to.Created, to.Deleted = room(h.Created), room(h.Deleted)
	to.Joined, to.Left = member(h.Joined), member(h.Left)
	if h.Lost != nil {
		to.Lost = func(events int) { guard(func() { h.Lost(n, events) }) }
	}
	return to
}
