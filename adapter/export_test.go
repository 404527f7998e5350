package adapter

import "fmt"

// Check returns what is wrong with the references between members and rooms.
func (x *Index[M]) Check() error {
	for n := range x.shards {
		s := &x.shards[n]
		if len(s.everyone) != len(s.members.m) {
			return fmt.Errorf("shard %d: %d members in the list, %d in the map", n, len(s.everyone), len(s.members.m))
		}
		entries := 0
		for name, r := range s.rooms.m {
			if len(r.members) == 0 || r.name != name {
				return fmt.Errorf("shard %d: room %q is called %q and has %d members", n, name, r.name, len(r.members))
			}
			for i, at := range r.members {
				if p := at.member.places[at.index]; p.room != r || p.index != i {
					return fmt.Errorf("shard %d: entry %d of room %q does not lead back", n, i, name)
				}
			}
			entries += len(r.members)
		}
		for i, e := range s.everyone {
			if e.index != i || s.members.get(e.id) != e {
				return fmt.Errorf("shard %d: member %q is not where it says", n, e.id)
			}
			entries -= len(e.places)
		}
		if entries != 0 {
			return fmt.Errorf("shard %d: rooms and members differ by %d memberships", n, entries)
		}
	}
	return nil
}

// Peaks returns how much the maps and lists of an index could hold.
func (x *Index[M]) Peaks() (n int) {
	for i := range x.shards {
		s := &x.shards[i]
		n += s.members.peak + s.rooms.peak + cap(s.everyone)
	}
	return n
}
