package adapter_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sockeye-io/sockeye/adapter"
	"github.com/sockeye-io/sockeye/internal/leak"
)

func TestMain(m *testing.M) { leak.Main(m) }

// index has the members, each with the rooms named, spread over four shards. A
// member's value is its id in brackets.
func index(t testing.TB, members map[string][]string) *adapter.Index[string] {
	t.Helper()
	x := adapter.NewIndex[string](adapter.Options{Shards: 4})
	for id, rooms := range members {
		if err := x.Add(id, "["+id+"]", rooms, nil); err != nil {
			t.Fatal(err)
		}
	}
	return x
}

// met returns the ids that Each meets, sorted, duplicates included.
func met(t testing.TB, x *adapter.Index[string], target adapter.Target) []string {
	t.Helper()
	var ids []string
	x.Each(target, func(id, m string) {
		if m != "["+id+"]" {
			t.Errorf("Each passes %s for %s", m, id)
		}
		ids = append(ids, id)
	})
	slices.Sort(ids)
	return ids
}

func many(prefix string, n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprint(prefix, i)
	}
	return names
}

func TestEachMeetsWhomTheTargetMeans(t *testing.T) {
	t.Parallel()
	x := index(t, map[string][]string{
		"ann": {"red", "blue", "green"},
		"bob": {"red"},
		"cat": {"blue", "ann"},
		"dan": nil,
		"eve": append(many("r", 20), "red"),
	})
	for _, tt := range []struct {
		rule   string
		target adapter.Target
		want   []string
	}{
		{"no rooms is everyone", adapter.Target{}, []string{"ann", "bob", "cat", "dan", "eve"}},
		{"a room is its members", adapter.Target{Rooms: []string{"red"}}, []string{"ann", "bob", "eve"}},
		{"a room without members is nobody", adapter.Target{Rooms: []string{"void"}}, nil},
		{"an id is its member", adapter.Target{Rooms: []string{"dan"}}, []string{"dan"}},
		{"an id is its member and who joined it", adapter.Target{Rooms: []string{"ann"}}, []string{"ann", "cat"}},
		{"rooms are a union, each member once", adapter.Target{Rooms: []string{"red", "blue"}}, []string{"ann", "bob", "cat", "eve"}},
		{"a room named twice counts once", adapter.Target{Rooms: []string{"red", "red"}}, []string{"ann", "bob", "eve"}},
		{"a member named and in a room counts once", adapter.Target{Rooms: []string{"bob", "red", "bob"}}, []string{"ann", "bob", "eve"}},
		{"many rooms", adapter.Target{Rooms: append(many("r", 20), "red", "bob")}, []string{"ann", "bob", "eve"}},
		{"five rooms", adapter.Target{Rooms: append(many("r", 3), "red", "blue")}, []string{"ann", "bob", "cat", "eve"}},
		{"except a room", adapter.Target{Except: []string{"red"}}, []string{"cat", "dan"}},
		{"except an id", adapter.Target{Except: []string{"dan"}}, []string{"ann", "bob", "cat", "eve"}},
		{"except an id and who joined it", adapter.Target{Except: []string{"ann"}}, []string{"bob", "dan", "eve"}},
		{"a room except another", adapter.Target{Rooms: []string{"red"}, Except: []string{"blue"}}, []string{"bob", "eve"}},
		{"an exception beats being named", adapter.Target{Rooms: []string{"bob"}, Except: []string{"red"}}, nil},
		{"exceptions without members are nothing", adapter.Target{Rooms: []string{"red"}, Except: []string{"void"}}, []string{"ann", "bob", "eve"}},
		{"many exceptions", adapter.Target{Except: append(many("r", 20), "bob")}, []string{"ann", "cat", "dan"}},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, met(t, x, tt.target)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestAddOfAMemberIsRefused(t *testing.T) {
	t.Parallel()
	x := index(t, map[string][]string{"ann": {"red"}})
	err := x.Add("ann", "another", []string{"blue"}, func() { t.Error("accepted ran") })
	if !errors.Is(err, adapter.ErrExists) {
		t.Errorf("Add = %v, want ErrExists", err)
	}
	if m, _ := x.Get("ann"); m != "[ann]" {
		t.Errorf("Get = %q: the member was replaced", m)
	}
	if rooms, _ := x.Rooms("ann"); !slices.Equal(rooms, []string{"ann", "red"}) {
		t.Errorf("Rooms = %q", rooms)
	}
}

func TestNobodyMeetsAMemberBeforeItIsAccepted(t *testing.T) {
	t.Parallel()
	x := adapter.NewIndex[string](adapter.Options{})
	for i := range 100 {
		id := fmt.Sprint("m", i)
		var mu sync.Mutex
		accepted, stop, ended := false, make(chan struct{}), make(chan struct{})
		go func() {
			defer close(ended)
			for {
				x.Each(adapter.Target{Rooms: []string{"room"}}, func(met, _ string) {
					mu.Lock()
					defer mu.Unlock()
					if met == id && !accepted {
						t.Error("a broadcast met a member that was not accepted")
					}
				})
				select {
				case <-stop:
					return
				default:
				}
			}
		}()
		if err := x.Add(id, "", []string{"room"}, func() {
			mu.Lock()
			defer mu.Unlock()
			accepted = true
		}); err != nil {
			t.Error(err)
		}
		close(stop)
		<-ended
	}
}

func TestJoinAndLeaveReturnWhatTheyChanged(t *testing.T) {
	t.Parallel()
	x := index(t, map[string][]string{"ann": {"red"}})
	check := func(what string, got []string, ok bool, want ...string) {
		t.Helper()
		if !ok || !slices.Equal(got, want) {
			t.Errorf("%s = %q, %v; want %q", what, got, ok, want)
		}
	}
	got, ok := x.Join("ann", "blue", "green")
	check("joining new rooms", got, ok, "blue", "green")
	got, ok = x.Join("ann", "blue", "gold", "ann", "gold", "grey")
	check("joining old rooms, new ones and its own", got, ok, "gold", "grey")
	got, ok = x.Leave("ann", "gold", "void", "ann", "red")
	check("leaving rooms, others and its own", got, ok, "gold", "red")
	got, ok = x.Rooms("ann")
	slices.Sort(got)
	check("Rooms", got, ok, "ann", "blue", "green", "grey")
	got, ok = x.Join("ann")
	check("joining nothing", got, ok)
}

func TestWhoIsNoMemberHasNothing(t *testing.T) {
	t.Parallel()
	x := index(t, map[string][]string{"ann": {"red"}})
	if rooms, ok := x.Remove("ann"); !ok || !slices.Equal(rooms, []string{"ann", "red"}) {
		t.Errorf("Remove = %q, %v", rooms, ok)
	}
	if rooms, ok := x.Remove("ann"); ok || rooms != nil {
		t.Errorf("second Remove = %q, %v", rooms, ok)
	}
	if added, ok := x.Join("ann", "blue"); ok || added != nil {
		t.Errorf("Join = %q, %v", added, ok)
	}
	if left, ok := x.Leave("ann", "red"); ok || left != nil {
		t.Errorf("Leave = %q, %v", left, ok)
	}
	if rooms, ok := x.Rooms("ann"); ok || rooms != nil {
		t.Errorf("Rooms = %q, %v", rooms, ok)
	}
	if m, ok := x.Get("ann"); ok || m != "" {
		t.Errorf("Get = %q, %v", m, ok)
	}
	if n := x.Len() + x.RoomLen("red") + x.RoomLen("ann"); n != 0 {
		t.Errorf("%d members and memberships are left", n)
	}
	for room := range x.RoomsAll() {
		t.Errorf("room %q is left", room)
	}
}

func TestRoomsAllYieldsEachRoomOnceWithoutLocks(t *testing.T) {
	t.Parallel()
	members := map[string][]string{}
	for _, id := range many("m", 50) {
		members[id] = []string{"all", "of " + id}
	}
	x := index(t, members)
	n := map[string]int{}
	for room := range x.RoomsAll() {
		n[room]++
		x.Leave("m0", "all") // takes a lock
	}
	if len(n) != 51 {
		t.Errorf("%d rooms, want 51", len(n))
	}
	for room, times := range n {
		if times != 1 {
			t.Errorf("room %q came %d times", room, times)
		}
	}
	for range x.RoomsAll() {
		break
	}
}

func TestRoomLenCountsTheOwner(t *testing.T) {
	t.Parallel()
	x := index(t, map[string][]string{"ann": nil, "bob": {"ann", "red"}, "cat": {"red"}})
	for room, want := range map[string]int{"ann": 2, "bob": 1, "red": 2, "void": 0} {
		if got := x.RoomLen(room); got != want {
			t.Errorf("RoomLen(%q) = %d, want %d", room, got, want)
		}
	}
}

func TestMemoryComesBack(t *testing.T) {
	t.Parallel()
	x := adapter.NewIndex[int](adapter.Options{Shards: 4})
	ids := many("member ", 20_000)
	for i, id := range ids {
		if err := x.Add(id, i, []string{"all", id + "'s room"}, nil); err != nil {
			t.Fatal(err)
		}
	}
	for _, id := range ids {
		x.Remove(id)
	}
	if got := x.Peaks(); got > 4*3*64 {
		t.Errorf("an empty index holds memory for %d entries", got)
	}
}

func TestEachAllocatesNothing(t *testing.T) { // not parallel: it counts the allocations of the process
	x := index(t, map[string][]string{"ann": {"a", "b", "c", "d"}, "bob": {"a", "e"}})
	n := 0
	for _, target := range []adapter.Target{
		{},
		{Rooms: []string{"a"}},
		{Rooms: []string{"a", "b", "c", "bob"}, Except: []string{"d", "e", "f", "g"}},
	} {
		if got := testing.AllocsPerRun(100, func() {
			x.Each(target, func(string, string) { n++ })
		}); got != 0 {
			t.Errorf("%+v: %v allocations", target, got)
		}
	}
}
