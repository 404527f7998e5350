package adapter_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sockeye-io/sockeye/adapter"
	"github.com/sockeye-io/sockeye/internal/worker"
)

// listen returns hooks that write down what they are told, one line each.
func listen(lines *[]string) adapter.Hooks {
	return adapter.Hooks{
		Created: func(room string) { *lines = append(*lines, "created "+room) },
		Deleted: func(room string) { *lines = append(*lines, "deleted "+room) },
		Joined:  func(room, id string) { *lines = append(*lines, id+" joined "+room) },
		Left:    func(room, id string) { *lines = append(*lines, id+" left "+room) },
		Lost:    func(n int) { *lines = append(*lines, fmt.Sprint("lost ", n)) },
	}
}

func TestHooksTellWhatHappened(t *testing.T) {
	t.Parallel()
	var got []string
	x := adapter.NewIndex[string](adapter.Options{Shards: 8, Hooks: listen(&got)})
	_ = x.Add("ann", "", []string{"red", "ann"}, nil)
	_ = x.Add("bob", "", nil, nil)
	x.Join("bob", "red", "blue")
	x.Join("bob", "red")
	x.Leave("ann", "red", "void")
	x.Remove("bob")
	want := []string{
		"created red", "ann joined red",
		"bob joined red", "created blue", "bob joined blue",
		"ann left red",
		"bob left blue", "deleted blue", "bob left red", "deleted red",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestHooksMayUseTheIndex(t *testing.T) {
	t.Parallel()
	var got []string
	var x *adapter.Index[string]
	hooks := listen(&got)
	note := hooks.Joined
	hooks.Joined = func(room, id string) {
		note(room, id)
		x.Leave(id, room)
		got = append(got, "after "+room)
	}
	x = adapter.NewIndex[string](adapter.Options{Hooks: hooks})
	_ = x.Add("ann", "", []string{"red"}, nil)
	want := []string{"created red", "ann joined red", "after red", "ann left red", "deleted red"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestHooksGoOnAfterAPanic(t *testing.T) {
	t.Parallel()
	var got []string
	hooks := listen(&got)
	hooks.Created = func(room string) {
		if room == "bad" {
			panic(room)
		}
	}
	x := adapter.NewIndex[string](adapter.Options{Hooks: hooks})
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic did not reach the caller")
			}
		}()
		_ = x.Add("ann", "", []string{"bad"}, nil)
	}()
	x.Join("ann", "good")
	if want := []string{"ann joined bad", "ann joined good"}; !slices.Equal(got, want) {
		t.Errorf("told %q, want %q", got, want)
	}
}

// A member that joins while hooks are stuck is in the room at once, and events
// beyond the bound are counted instead of kept.
func TestStuckHooksLoseEventsAndSaySo(t *testing.T) {
	t.Parallel()
	var g worker.Group
	started, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	var joined, lost int
	x := adapter.NewIndex[string](adapter.Options{Hooks: adapter.Hooks{
		Joined: func(string, string) {
			once.Do(func() { close(started); <-release })
			joined++
		},
		Lost: func(n int) { lost += n },
		Go:   func(fn func()) { g.Go(fn) },
	}})
	_ = x.Add("ann", "", []string{"first"}, nil)
	<-started
	const extra = 100
	for i := range adapter.MaxPendingHooks + extra {
		if added, _ := x.Join("ann", fmt.Sprint("room", i)); len(added) != 1 {
			t.Fatal("a stuck hook kept a member from joining")
		}
	}
	close(release)
	if err := g.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if joined != adapter.MaxPendingHooks+1 || lost != extra {
		t.Errorf("told of %d joins and %d lost events, want %d and %d", joined, lost, adapter.MaxPendingHooks+1, extra)
	}
}

// Whatever goroutines do at once, the hooks of one room tell a story that makes
// sense, and the last chapter is how things are.
func TestHooksTellTheOrderPerRoom(t *testing.T) {
	t.Parallel()
	var tellers worker.Group
	rooms := map[string]map[string]bool{}
	expect := func(ok bool, what, room, id string) {
		if !ok {
			t.Errorf("%s %s %s came out of order", id, what, room)
		}
	}
	x := adapter.NewIndex[string](adapter.Options{Shards: 4, Hooks: adapter.Hooks{
		Created: func(room string) {
			expect(rooms[room] == nil, "created", room, "")
			rooms[room] = map[string]bool{}
		},
		Deleted: func(room string) {
			expect(rooms[room] != nil && len(rooms[room]) == 0, "deleted", room, "")
			delete(rooms, room)
		},
		Joined: func(room, id string) {
			expect(rooms[room] != nil && !rooms[room][id], "joined", room, id)
			rooms[room][id] = true
		},
		Left: func(room, id string) {
			expect(rooms[room][id], "left", room, id)
			delete(rooms[room], id)
		},
		Lost: func(n int) { t.Errorf("%d events were lost", n) },
		Go:   func(fn func()) { tellers.Go(fn) },
	}})
	var g sync.WaitGroup
	for seed := range uint64(4) {
		g.Go(func() {
			rnd := rand.New(rand.NewPCG(seed, 3))
			for range 2000 {
				id, room := member(rnd), fmt.Sprint("room", rnd.IntN(3))
				switch rnd.IntN(4) {
				case 0:
					_ = x.Add(id, "", []string{room}, nil) // may be a member
				case 1:
					x.Remove(id)
				case 2:
					x.Join(id, room)
				case 3:
					x.Leave(id, room)
				}
			}
		})
	}
	g.Wait()
	if err := tellers.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	for room := range x.RoomsAll() {
		if got, want := len(rooms[room]), x.RoomLen(room); got != want {
			t.Errorf("the hooks know %d members of %s, the index %d", got, room, want)
		}
		delete(rooms, room)
	}
	if len(rooms) != 0 {
		t.Errorf("the hooks know rooms that do not exist: %v", rooms)
	}
}
