package adapter

import (
	"errors"
	"hash/maphash"
	"iter"
	"runtime"
)

// ErrExists is returned by Add for an id that is a member already.
var ErrExists = errors.New("adapter: there is a member with this id")

// Options configure an Index. The zero value works.
type Options struct {
	// Shards is how many locks the members are spread over, rounded up to a power
	// of two. Zero or less is GOMAXPROCS, at most 32. A call that means more than
	// one member visits every shard.
	Shards int

	// Hooks are told about rooms. Those left nil cost nothing.
	Hooks Hooks
}

// Target says which members a broadcast means: everyone who is in one of Rooms,
// or everyone at all if Rooms is empty, but nobody who is in one of Except. A
// name is that of a room or the id of a member; names nobody bears mean nobody.
// Duplicates do no harm.
type Target struct {
	Rooms, Except []string
}

// Index holds the members of a namespace and their rooms. M is what the owner
// wants to get back for a member, as a rule a pointer.
type Index[M any] struct {
	// static
	shards []shard[M]
	seed   maphash.Seed
	hooks  *hooks // nil if none are set
}

// NewIndex makes an empty index.
func NewIndex[M any](o Options) *Index[M] {
	n := o.Shards
	if n <= 0 {
		n = min(runtime.GOMAXPROCS(0), 32)
	}
	size := 1
	for size < n {
		size *= 2
	}
	return &Index[M]{
		shards: make([]shard[M], size),
		seed:   maphash.MakeSeed(),
		hooks:  newHooks(o.Hooks),
	}
}

// Add makes id a member that is in rooms, or returns ErrExists and does nothing.
// If accepted is not nil it runs under the shard's lock before anybody can meet
// the member: what it queues comes before every broadcast.
func (x *Index[M]) Add(id string, m M, rooms []string, accepted func()) error {
	if !x.add(id, m, rooms, accepted) {
		return ErrExists
	}
	x.hooks.run()
	return nil
}

func (x *Index[M]) add(id string, m M, rooms []string, accepted func()) bool {
	s := x.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.addLocked(id, m)
	if e == nil {
		return false
	}
	for _, name := range rooms {
		s.joinLocked(e, name, x.hooks)
	}
	if accepted != nil {
		accepted()
	}
	return true
}

// Remove ends the membership of id: from its return on, no broadcast meets it.
// It returns the rooms that id was in, its own first, and false if it was no
// member.
func (x *Index[M]) Remove(id string) (rooms []string, ok bool) {
	rooms, ok = x.remove(id)
	x.hooks.run()
	return rooms, ok
}

func (x *Index[M]) remove(id string) ([]string, bool) {
	s := x.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.members.get(id)
	if e == nil {
		return nil, false
	}
	rooms := e.names()
	for n := len(e.places); n > 0; n-- {
		s.leaveLocked(e, n-1, x.hooks)
	}
	s.removeLocked(e)
	return rooms, true
}

// Join puts id into rooms and returns those that it was not in before; that may
// be the slice passed in. It reports false, and does nothing, if id is no member.
func (x *Index[M]) Join(id string, rooms ...string) (added []string, ok bool) {
	added, ok = x.change(id, rooms, (*shard[M]).joinLocked)
	x.hooks.run()
	return added, ok
}

// Leave takes id out of rooms and returns those that it was in; that may be the
// slice passed in. It reports false, and does nothing, if id is no member.
func (x *Index[M]) Leave(id string, rooms ...string) (left []string, ok bool) {
	left, ok = x.change(id, rooms, (*shard[M]).leaveNameLocked)
	x.hooks.run()
	return left, ok
}

// change applies op to each of rooms and returns those that it changed: rooms
// itself when it changed them all.
func (x *Index[M]) change(
	id string, rooms []string, op func(*shard[M], *member[M], string, *hooks) bool,
) ([]string, bool) {
	s := x.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.members.get(id)
	if e == nil {
		return nil, false
	}
	changed, all := rooms, true
	for i, name := range rooms {
		switch done := op(s, e, name, x.hooks); {
		case !done && all:
			all = false
			changed = append(make([]string, 0, len(rooms)-1), rooms[:i]...)
		case done && !all:
			changed = append(changed, name)
		}
	}
	return changed, true
}

// Get returns the member id, and false if there is none.
func (x *Index[M]) Get(id string) (m M, ok bool) {
	s := x.shard(id)
	s.mu.RLock()
	defer s.mu.RUnlock()
	e := s.members.get(id)
	if e == nil {
		return m, false
	}
	return e.value, true
}

// Rooms returns the rooms that id is in, its own first, and false if it is no
// member.
func (x *Index[M]) Rooms(id string) (rooms []string, ok bool) {
	s := x.shard(id)
	s.mu.RLock()
	defer s.mu.RUnlock()
	e := s.members.get(id)
	if e == nil {
		return nil, false
	}
	return e.names(), true
}

// Len returns the number of members.
func (x *Index[M]) Len() int {
	n := 0
	for i := range x.shards {
		s := &x.shards[i]
		s.mu.RLock()
		n += len(s.everyone)
		s.mu.RUnlock()
	}
	return n
}

// RoomLen returns the number of members in room, the member whose id is room
// included.
func (x *Index[M]) RoomLen(room string) int {
	n := 0
	for i := range x.shards {
		s := &x.shards[i]
		s.mu.RLock()
		if r := s.rooms.get(room); r != nil {
			n += len(r.members)
		}
		if s.members.get(room) != nil {
			n++
		}
		s.mu.RUnlock()
	}
	return n
}

// RoomsAll yields the name of every room that somebody has joined, once each and
// in no particular order; rooms that a member has only by its id are left out.
// The loop's body runs without locks. It costs a set of all names.
func (x *Index[M]) RoomsAll() iter.Seq[string] {
	return func(yield func(string) bool) {
		seen := make(map[string]struct{})
		var names []string
		for i := range x.shards {
			names = names[:0]
			s := &x.shards[i]
			s.mu.RLock()
			for name := range s.rooms.m {
				if _, ok := seen[name]; !ok {
					seen[name] = struct{}{}
					names = append(names, name)
				}
			}
			s.mu.RUnlock()
			for _, name := range names {
				if !yield(name) {
					return
				}
			}
		}
	}
}

// Each calls fn once for every member that t means, in no particular order. fn
// runs under the lock of the member's shard: it may append to queues, and must
// neither wait nor call the index. A call allocates nothing for up to four names
// in each list of t, a fixed number of times for more, and nothing per member.
// With one room and no exceptions the cost of a member does not depend on its
// rooms; otherwise it grows with their number.
func (x *Index[M]) Each(t Target, fn func(id string, m M)) {
	if len(t.Rooms) == 0 && len(t.Except) == 0 {
		for i := range x.shards {
			x.shards[i].everybody(fn)
		}
		return
	}
	var sel selection[M]
	sel.prepare(t)
	for i := range x.shards {
		x.shards[i].each(t, &sel, fn)
	}
}

func (x *Index[M]) shard(id string) *shard[M] {
	return &x.shards[maphash.String(x.seed, id)&uint64(len(x.shards)-1)]
}
