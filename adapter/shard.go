package adapter

import (
	"maps"
	"sync"
)

// shard holds the members whose ids hash to it, and the part of every room that
// they are.
type shard[M any] struct {
	mu sync.RWMutex

	// guarded by mu
	members  table[member[M]]
	rooms    table[room[M]] // never empty ones
	everyone []*member[M]

	_ [64]byte // the next shard's lock is on another cache line
}

// member is one member. Rooms and members refer to each other by position, so
// that joining and leaving are a few writes, however large the room is.
type member[M any] struct {
	// static
	id    string
	value M

	// guarded by shard.mu
	index  int // in shard.everyone
	places []place[M]
	few    [2]place[M] // places of a member in one or two rooms
}

// place is a member's view of a membership.
type place[M any] struct {
	room  *room[M]
	index int // in room.members
}

// room is a shard's part of a room.
type room[M any] struct {
	// static
	name string

	// guarded by shard.mu
	members []entry[M]
}

// entry is a room's view of a membership.
type entry[M any] struct {
	member *member[M]
	index  int // in member.places
}

// names returns the rooms of e, its own first.
func (e *member[M]) names() []string {
	names := make([]string, 1, 1+len(e.places))
	names[0] = e.id
	for _, p := range e.places {
		names = append(names, p.room.name)
	}
	return names
}

// find returns the index in e.places of r, or -1. It looks through the shorter
// of the two lists.
func (e *member[M]) find(r *room[M]) int {
	if len(r.members) < len(e.places) {
		for _, at := range r.members {
			if at.member == e {
				return at.index
			}
		}
		return -1
	}
	for i := range e.places {
		if e.places[i].room == r {
			return i
		}
	}
	return -1
}

// addLocked makes id a member in no room; nil if it is one already.
func (s *shard[M]) addLocked(id string, m M) *member[M] {
	if s.members.get(id) != nil {
		return nil
	}
	e := &member[M]{id: id, value: m, index: len(s.everyone)}
	e.places = e.few[:0]
	s.members.set(id, e)
	s.everyone = append(s.everyone, e)
	return e
}

// removeLocked forgets e, which is in no room.
func (s *shard[M]) removeLocked(e *member[M]) {
	last := s.everyone[len(s.everyone)-1]
	s.everyone[e.index] = last
	last.index = e.index
	s.everyone = pop(s.everyone)
	s.members.remove(e.id)
}

// joinLocked puts e into the room and reports whether it was not in it.
func (s *shard[M]) joinLocked(e *member[M], name string, h *hooks) bool {
	if name == e.id {
		return false
	}
	r := s.rooms.get(name)
	if r == nil {
		r = &room[M]{name: name}
		s.rooms.set(name, r)
		h.created(name)
	} else if e.find(r) >= 0 {
		return false
	}
	r.members = append(r.members, entry[M]{e, len(e.places)})
	e.places = append(e.places, place[M]{r, len(r.members) - 1})
	h.joined(name, e.id)
	return true
}

// leaveNameLocked takes e out of the room and reports whether it was in it.
func (s *shard[M]) leaveNameLocked(e *member[M], name string, h *hooks) bool {
	r := s.rooms.get(name)
	if r == nil {
		return false
	}
	i := e.find(r)
	if i < 0 {
		return false
	}
	s.leaveLocked(e, i, h)
	return true
}

// leaveLocked takes e out of the room of e.places[i]. The last of either list
// moves into the gap.
func (s *shard[M]) leaveLocked(e *member[M], i int, h *hooks) {
	r, at := e.places[i].room, e.places[i].index

	moved := r.members[len(r.members)-1]
	r.members[at] = moved
	moved.member.places[moved.index].index = at
	r.members = pop(r.members)

	if last := len(e.places) - 1; i != last {
		e.places[i] = e.places[last]
		e.places[i].room.members[e.places[i].index].index = i
	}
	e.places = pop(e.places)

	h.left(r.name, e.id)
	if len(r.members) == 0 {
		s.rooms.remove(r.name)
		h.deleted(r.name)
	}
}

// everybody calls fn for every member.
func (s *shard[M]) everybody(fn func(string, M)) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, e := range s.everyone {
		fn(e.id, e.value)
	}
}

// pop drops the last of list, and the memory that a much longer list needed.
func pop[T any](list []T) []T {
	var zero T
	n := len(list) - 1
	list[n] = zero
	list = list[:n]
	if cap(list) > 64 && n < cap(list)/4 {
		list = append(make([]T, 0, cap(list)/2), list...)
	}
	return list
}

// table is a map that gives memory back: the runtime's keeps what it needed when
// it was largest.
type table[V any] struct {
	m    map[string]*V
	peak int // length of m since it was made
}

func (t *table[V]) get(key string) *V { return t.m[key] }

func (t *table[V]) set(key string, v *V) {
	if t.m == nil {
		t.m = make(map[string]*V)
	}
	t.m[key] = v
	t.peak = max(t.peak, len(t.m))
}

func (t *table[V]) remove(key string) {
	delete(t.m, key)
	if t.peak < 64 || len(t.m) > t.peak/8 {
		return
	}
	smaller := make(map[string]*V, 2*len(t.m))
	maps.Copy(smaller, t.m)
	t.m, t.peak = smaller, len(smaller)
}
