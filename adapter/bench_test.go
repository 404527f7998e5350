package adapter_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/sockeye-io/sockeye/adapter"
)

// filled has n members in the room "all", and the others given.
func filled(b *testing.B, n int, rooms ...string) *adapter.Index[*int] {
	b.Helper()
	x := adapter.NewIndex[*int](adapter.Options{})
	for _, id := range many("member-", n) {
		if err := x.Add(id, new(int), append(rooms, "all"), nil); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	return x
}

func BenchmarkEach(b *testing.B) {
	for _, bm := range []struct {
		name   string
		target adapter.Target
	}{
		{"everyone", adapter.Target{}},
		{"one room", adapter.Target{Rooms: []string{"all"}}},
		{"one room except one member", adapter.Target{Rooms: []string{"all"}, Except: []string{"member-7"}}},
		{"two rooms", adapter.Target{Rooms: []string{"all", "too"}}},
		{"one member", adapter.Target{Rooms: []string{"member-7"}}},
	} {
		b.Run(bm.name, func(b *testing.B) {
			x := filled(b, 10_000, "too")
			for b.Loop() {
				x.Each(bm.target, func(_ string, m *int) { *m++ })
			}
		})
	}
}

func BenchmarkJoinLeave(b *testing.B) {
	for _, n := range []int{10, 100_000} {
		b.Run(fmt.Sprint("room of ", n), func(b *testing.B) {
			x := filled(b, n)
			_ = x.Add("me", new(int), nil, nil)
			for b.Loop() {
				x.Join("me", "all")
				x.Leave("me", "all")
			}
		})
	}
}

func BenchmarkJoinLeaveContended(b *testing.B) {
	x := filled(b, 1000)
	var n atomic.Int64
	b.RunParallel(func(pb *testing.PB) {
		id := fmt.Sprint("member-", n.Add(1))
		for pb.Next() {
			x.Leave(id, "all")
			x.Join(id, "all")
		}
	})
}

func BenchmarkAddRemove(b *testing.B) {
	x := filled(b, 1000)
	rooms := []string{"all"}
	m := new(int)
	for b.Loop() {
		_ = x.Add("me", m, rooms, nil)
		x.Remove("me")
	}
}
