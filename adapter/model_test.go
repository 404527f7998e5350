package adapter_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sockeye-io/sockeye/adapter"
)

// model is an index as simple as can be: the rooms of each member.
type model map[string]map[string]bool

func (m model) in(id string, names []string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return m[id][name] })
}

func (m model) each(t adapter.Target) []string {
	var ids []string
	for id := range m {
		if (len(t.Rooms) == 0 || m.in(id, t.Rooms)) && !m.in(id, t.Except) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

func (m model) roomLen(room string) int {
	n := 0
	for _, rooms := range m {
		if rooms[room] {
			n++
		}
	}
	return n
}

// names are few, so that operations meet; a third of them are also ids.
func names(rnd *rand.Rand, most int) []string {
	list := make([]string, rnd.IntN(most+1))
	for i := range list {
		list[i] = name(rnd)
	}
	return list
}

func name(rnd *rand.Rand) string {
	if rnd.IntN(3) == 0 {
		return member(rnd)
	}
	return fmt.Sprint("room", rnd.IntN(12))
}

func member(rnd *rand.Rand) string { return fmt.Sprint("id", rnd.IntN(20)) }

func TestIndexAgainstModel(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		x := adapter.NewIndex[string](adapter.Options{Shards: 1 << rnd.IntN(4)})
		m := model{}
		for step := range 1500 {
			apply(t, rnd, x, m)
			if t.Failed() {
				t.Fatalf("seed %d, step %d", seed, step)
			}
		}
		for room := range x.RoomsAll() {
			if m.roomLen(room) == 0 {
				t.Errorf("seed %d: RoomsAll yields %q, which nobody is in", seed, room)
			}
		}
	}
}

// apply does one random operation on both and compares.
func apply(t *testing.T, rnd *rand.Rand, x *adapter.Index[string], m model) {
	t.Helper()
	id := member(rnd)
	rooms := m[id]
	switch rnd.IntN(7) {
	case 0:
		list := names(rnd, 4)
		if err := x.Add(id, "["+id+"]", list, nil); (err == nil) != (rooms == nil) {
			t.Errorf("Add(%q) = %v", id, err)
		}
		if rooms == nil {
			m[id] = map[string]bool{id: true}
			for _, room := range list {
				m[id][room] = true
			}
		}
	case 1:
		got, ok := x.Remove(id)
		same(t, "Remove", got, ok, rooms)
		delete(m, id)
	case 2:
		list := names(rnd, 4)
		var want []string
		for _, room := range list {
			if rooms != nil && !rooms[room] {
				want = append(want, room)
				rooms[room] = true
			}
		}
		if added, ok := x.Join(id, list...); ok != (rooms != nil) || !slices.Equal(added, want) {
			t.Errorf("Join(%q, %q) = %q, %v; want %q", id, list, added, ok, want)
		}
	case 3:
		list := names(rnd, 4)
		var want []string
		for _, room := range list {
			if room != id && rooms[room] {
				want = append(want, room)
				delete(rooms, room)
			}
		}
		if left, ok := x.Leave(id, list...); ok != (rooms != nil) || !slices.Equal(left, want) {
			t.Errorf("Leave(%q, %q) = %q, %v; want %q", id, list, left, ok, want)
		}
	case 4:
		got, ok := x.Rooms(id)
		same(t, "Rooms", got, ok, rooms)
		if _, ok := x.Get(id); ok != (rooms != nil) {
			t.Errorf("Get(%q) = %v", id, ok)
		}
	case 5:
		if room := name(rnd); x.RoomLen(room) != m.roomLen(room) {
			t.Errorf("RoomLen(%q) = %d, want %d", room, x.RoomLen(room), m.roomLen(room))
		}
		if x.Len() != len(m) {
			t.Errorf("Len = %d, want %d", x.Len(), len(m))
		}
	case 6:
		target := adapter.Target{Rooms: names(rnd, 12), Except: names(rnd, 3)}
		if diff := cmp.Diff(m.each(target), met(t, x, target)); diff != "" {
			t.Errorf("%+v (-want +got)\n%s", target, diff)
		}
	}
	if err := x.Check(); err != nil {
		t.Error(err)
	}
}

func asSet(list []string) map[string]bool {
	set := map[string]bool{}
	for _, s := range list {
		set[s] = true
	}
	return set
}

func same(t *testing.T, what string, got []string, ok bool, want map[string]bool) {
	t.Helper()
	if ok != (want != nil) || len(got) != len(want) || !maps.Equal(asSet(got), asSet(slices.Collect(maps.Keys(want)))) {
		t.Errorf("%s = %q, %v; want %v", what, got, ok, want)
	}
}

// Operations on the same few members and rooms from several goroutines leave an
// index whose references hold, and no broadcast meets a member twice.
func TestOperationsAgainstEachOther(t *testing.T) {
	t.Parallel()
	var balance atomic.Int64 // joined minus left, as the hooks were told
	x := adapter.NewIndex[string](adapter.Options{Shards: 2, Hooks: adapter.Hooks{
		Joined: func(string, string) { balance.Add(1) },
		Left:   func(string, string) { balance.Add(-1) },
	}})
	var g sync.WaitGroup
	for seed := range uint64(4) {
		g.Go(func() {
			rnd := rand.New(rand.NewPCG(seed, 2))
			seen := map[string]bool{}
			for range 5000 {
				id := member(rnd)
				switch rnd.IntN(6) {
				case 0:
					_ = x.Add(id, "", names(rnd, 3), nil) // may be a member
				case 1:
					x.Remove(id)
				case 2:
					x.Join(id, names(rnd, 3)...)
				case 3:
					x.Leave(id, names(rnd, 3)...)
				case 4:
					clear(seen)
					x.Each(adapter.Target{Rooms: names(rnd, 6), Except: names(rnd, 2)}, func(id, _ string) {
						if seen[id] {
							t.Errorf("a broadcast met %q twice", id)
						}
						seen[id] = true
					})
				case 5:
					x.Rooms(id)
					x.RoomLen(name(rnd))
				}
			}
		})
	}
	g.Wait()
	if err := x.Check(); err != nil {
		t.Error(err)
	}
	for i := range 20 {
		x.Remove(fmt.Sprint("id", i))
	}
	if n := balance.Load(); n != 0 {
		t.Errorf("the hooks were told of %d more joins than leaves", n)
	}
}
