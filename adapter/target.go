package adapter

// small is up to which length a list is searched without a map, and few up to
// which it needs no memory of its own.
const (
	small = 8
	few   = 4
)

// selection is what the names of a Target are in one shard. One selection serves
// all shards of a call, one after the other, and lives on the caller's stack.
type selection[M any] struct {
	rooms, exceptRooms     set[*room[M]]
	members, exceptMembers set[*member[M]] // named by their ids
}

// prepare makes room for the names of t.
func (sel *selection[M]) prepare(t Target) {
	sel.rooms.prepare(len(t.Rooms))
	sel.members.prepare(len(t.Rooms))
	sel.exceptRooms.prepare(len(t.Except))
	sel.exceptMembers.prepare(len(t.Except))
}

// resolveLocked looks the names of t up in s.
func (sel *selection[M]) resolveLocked(s *shard[M], t Target) {
	resolveNamesLocked(s, t.Rooms, &sel.rooms, &sel.members)
	resolveNamesLocked(s, t.Except, &sel.exceptRooms, &sel.exceptMembers)
}

func resolveNamesLocked[M any](s *shard[M], names []string, rooms *set[*room[M]], members *set[*member[M]]) {
	rooms.clear()
	members.clear()
	for _, name := range names {
		if r := s.rooms.get(name); r != nil {
			rooms.add(r)
		}
		if e := s.members.get(name); e != nil {
			members.add(e)
		}
	}
}

// each calls fn for every member of s that t means.
func (s *shard[M]) each(t Target, sel *selection[M], fn func(string, M)) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	sel.resolveLocked(s, t)
	if len(t.Rooms) == 0 {
		for _, e := range s.everyone {
			if !sel.excepted(e) {
				fn(e.id, e.value)
			}
		}
		return
	}
	for i := range sel.members.len() {
		if e := sel.members.at(i); !sel.excepted(e) {
			fn(e.id, e.value)
		}
	}
	exceptions := sel.exceptRooms.len()+sel.exceptMembers.len() > 0
	for i := range sel.rooms.len() {
		overlap := i > 0 || sel.members.len() > 0
		for _, at := range sel.rooms.at(i).members {
			e := at.member
			if exceptions && sel.excepted(e) || overlap && sel.met(e, i) {
				continue
			}
			fn(e.id, e.value)
		}
	}
}

// excepted reports whether e is not meant although a room of the target has it.
func (sel *selection[M]) excepted(e *member[M]) bool {
	return sel.exceptMembers.index(e) >= 0 || in(e, &sel.exceptRooms, sel.exceptRooms.len())
}

// met reports whether e came up before the selection's room number i.
func (sel *selection[M]) met(e *member[M], i int) bool {
	return sel.members.index(e) >= 0 || in(e, &sel.rooms, i)
}

// in reports whether e is in one of the first n rooms.
func in[M any](e *member[M], rooms *set[*room[M]], n int) bool {
	if n == 0 {
		return false
	}
	for i := range e.places {
		if at := rooms.index(e.places[i].room); at >= 0 && at < n {
			return true
		}
	}
	return false
}

// set is a list without duplicates that knows where each of its elements is.
type set[K comparable] struct {
	n     int
	first [few]K
	list  []K       // in place of first, for more
	where map[K]int // for many
}

func (s *set[K]) prepare(n int) {
	if n > few {
		s.list = make([]K, n)
	}
	if n > small {
		s.where = make(map[K]int, n)
	}
}

func (s *set[K]) clear() {
	s.n = 0
	clear(s.where)
}

func (s *set[K]) len() int { return s.n }

func (s *set[K]) at(i int) K {
	if s.list != nil {
		return s.list[i]
	}
	return s.first[i]
}

func (s *set[K]) add(k K) {
	switch {
	case s.index(k) >= 0:
		return
	case s.list != nil:
		s.list[s.n] = k
	default:
		s.first[s.n] = k
	}
	if s.where != nil {
		s.where[k] = s.n
	}
	s.n++
}

// index returns where k is, or -1.
func (s *set[K]) index(k K) int {
	if s.where != nil {
		if i, ok := s.where[k]; ok {
			return i
		}
		return -1
	}
	for i := range s.n {
		if s.at(i) == k {
			return i
		}
	}
	return -1
}
