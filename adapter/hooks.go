package adapter

import "sync"

// MaxPendingHooks is how many events of an index wait for their hooks at most.
const MaxPendingHooks = 1 << 16

// Hooks are told, after the fact, what happens to rooms: a room was created when
// its first member joined it, and deleted when its last member left, on this
// index as a whole; a member that is removed leaves its rooms. They run without
// locks, one at a time, and in the order in which things happened to a room, but
// possibly late: the room may have changed again. They may call the index; what
// that causes is reported after they return.
//
// A hook that takes long holds up the others. If MaxPendingHooks events wait,
// further ones are lost until those have been told, and Lost is told in their
// place how many: who keeps books then compares them with RoomsAll.
type Hooks struct {
	Created, Deleted func(room string)
	Joined, Left     func(room, id string)
	Lost             func(n int)

	// Go starts the goroutine that hooks run on, if no hook is running or waiting
	// already. Nil runs them on the goroutine whose call caused the first of them,
	// before that call returns.
	Go func(fn func())
}

// hooks queues what happened until the hooks have been told. A nil *hooks is one
// that nobody listens to.
type hooks struct {
	// static
	to Hooks

	// mu is a leaf, below the lock of a shard.
	mu sync.Mutex

	// guarded by mu
	shards  map[string]int // in how many shards a room is
	batch   []event        // being told, oldest first
	queue   []event        // what happened since
	lost    int            // events after those in queue
	running bool
}

// event is one call of a hook.
type event struct {
	kind     eventKind
	room, id string
	n        int
}

type eventKind uint8

const (
	roomCreated eventKind = iota
	roomDeleted
	roomJoined
	roomLeft
	eventsLost
)

func newHooks(to Hooks) *hooks {
	if to.Created == nil && to.Deleted == nil && to.Joined == nil && to.Left == nil {
		return nil
	}
	return &hooks{to: to, shards: make(map[string]int)}
}

// created notes that a shard has the room.
func (h *hooks) created(room string) {
	if h == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.shards[room]++
	if h.shards[room] == 1 && h.to.Created != nil {
		h.pushLocked(event{kind: roomCreated, room: room})
	}
}

// deleted notes that a shard has the room no more.
func (h *hooks) deleted(room string) {
	if h == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.shards[room]--
	if h.shards[room] > 0 {
		return
	}
	delete(h.shards, room)
	if h.to.Deleted != nil {
		h.pushLocked(event{kind: roomDeleted, room: room})
	}
}

func (h *hooks) joined(room, id string) {
	if h == nil || h.to.Joined == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.pushLocked(event{kind: roomJoined, room: room, id: id})
}

func (h *hooks) left(room, id string) {
	if h == nil || h.to.Left == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.pushLocked(event{kind: roomLeft, room: room, id: id})
}

func (h *hooks) pushLocked(e event) {
	if len(h.batch)+len(h.queue) >= MaxPendingHooks || h.lost > 0 {
		h.lost++
		return
	}
	h.queue = append(h.queue, e)
}

// run sees to it that what is queued is told. The caller holds no lock.
func (h *hooks) run() {
	if h == nil {
		return
	}
	h.mu.Lock()
	if h.running || len(h.batch)+len(h.queue) == 0 {
		h.mu.Unlock()
		return
	}
	h.running = true
	h.mu.Unlock()
	if h.to.Go != nil {
		h.to.Go(h.tell)
		return
	}
	h.tell()
}

// tell runs hooks until none is queued. One goroutine at a time is in it. After a
// hook that panicked, the next change of the index goes on with the rest.
func (h *hooks) tell() {
	finished := false
	defer func() {
		if !finished {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.running = false
		}
	}()
	for {
		e, ok := h.next()
		if !ok {
			finished = true
			return
		}
		h.call(e)
	}
}

// next takes the oldest event; without one it ends the running.
func (h *hooks) next() (e event, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.batch) == 0 {
		h.batch, h.queue = h.queue, nil
		if h.lost > 0 {
			h.batch = append(h.batch, event{kind: eventsLost, n: h.lost})
			h.lost = 0
		}
	}
	if len(h.batch) == 0 {
		h.running = false
		return event{}, false
	}
	e, h.batch = h.batch[0], h.batch[1:]
	return e, true
}

func (h *hooks) call(e event) {
	switch e.kind {
	case roomCreated:
		h.to.Created(e.room)
	case roomDeleted:
		h.to.Deleted(e.room)
	case roomJoined:
		h.to.Joined(e.room, e.id)
	case roomLeft:
		h.to.Left(e.room, e.id)
	case eventsLost:
		if h.to.Lost != nil {
			h.to.Lost(e.n)
		}
	}
}
