package socketio_test

import (
	"cmp"
	"errors"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sockeye-io/sockeye/socketio"
)

// keeper is a RecoveryStore that outlives servers, for one namespace.
type keeper struct {
	mu       sync.Mutex
	state    socketio.RecoveryState
	sessions map[string]socketio.RecoverySession
	broken   error
	calls    int
}

// do counts a call, and runs fn unless the store is broken.
func (k *keeper) do(fn func()) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.calls++
	if k.broken == nil {
		fn()
	}
	return k.broken
}

// breakWith makes all calls fail, or none.
func (k *keeper) breakWith(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.broken = err
}

func (k *keeper) Load(_, log string) (state socketio.RecoveryState, err error) {
	err = k.do(func() {
		k.state.Log = cmp.Or(k.state.Log, log)
		state = k.state
		state.Entries = slices.Clone(state.Entries)
		state.Sessions = slices.Collect(maps.Values(k.sessions))
	})
	return state, err
}

func (k *keeper) Append(_ string, e socketio.RecoveryEntry, oldest uint64) error {
	return k.do(func() {
		e.Text = slices.Clone(e.Text)
		k.state.Entries = append(k.state.Entries, e)
		k.state.Oldest = oldest
		k.state.Entries = slices.DeleteFunc(k.state.Entries, func(e socketio.RecoveryEntry) bool { return e.Seq <= oldest })
	})
}

func (k *keeper) Save(_ string, s socketio.RecoverySession) error {
	return k.do(func() {
		if k.sessions == nil {
			k.sessions = make(map[string]socketio.RecoverySession)
		}
		s.Rooms = slices.Clone(s.Rooms)
		k.sessions[s.PID] = s
	})
}

func (k *keeper) Delete(_, pid string) error {
	return k.do(func() { delete(k.sessions, pid) })
}

// died returns what the store had when a server died.
func (k *keeper) died() *keeper {
	k.mu.Lock()
	defer k.mu.Unlock()
	d := &keeper{state: k.state, sessions: maps.Clone(k.sessions)}
	d.state.Entries = slices.Clone(k.state.Entries)
	return d
}

// restart starts another server with what the store has now.
func restart(t *testing.T, k *keeper) (*rig, *keeper) {
	t.Helper()
	k = k.died()
	return start(t, recovering(socketio.Recovery{Store: k}), func(l net.Listener) net.Listener { return l }), k
}

func TestRecoveryFromAnotherServersStore(t *testing.T) {
	t.Parallel()
	k := &keeper{}
	bubble(t, recovering(socketio.Recovery{Store: k}), func(t *testing.T, r *rig) {
		connected, away, gone, final := r.returner(), r.returner(), r.returner(), r.returner()
		gone.drop()
		after(time.Minute)
		r.srv.Socket(connected.sid).Join("room")
		must(t, r.srv.Emit("got"))
		connected.got()
		away.got()
		away.drop()
		r.srv.Socket(final.sid).Disconnect()
		synctest.Wait()
		must(t, r.srv.To("room").Emit("missed"))

		r, k = restart(t, k) // the old one dies
		connected.r, away.r, gone.r, final.r = r, r, r, r
		after(90 * time.Second) // of two minutes
		away.recovers()
		connected.recovers(`2["missed"]`)
		gone.refused(socketio.RefusedUnknown) // away for longer already
		final.refused(socketio.RefusedUnknown)
		must(t, r.srv.Emit("next")) // numbered behind everything that the old one may have sent
		before := connected.offset.(string)
		connected.gets(`2["next"]`)
		if now := connected.offset.(string); now <= before {
			t.Errorf("offset %q behind %q", now, before)
		}

		r, k = restart(t, k)
		connected.r, away.r = r, r
		connected.recovers()
		away.recovers(`2["next"]`)
		after(time.Hour)
		connected.drop()
		away.drop()
		after(3 * time.Minute)
		equal(t, "sessions in the store", len(k.died().sessions), 0)
	})
}

// A client must not be told that it has everything when the store has lost some.
func TestGapInTheStore(t *testing.T) {
	t.Parallel()
	k := &keeper{}
	var log strings.Builder
	o := recovering(socketio.Recovery{Store: k})
	o.Logger = plainLog(&log)
	bubble(t, o, func(t *testing.T, r *rig) {
		early, late := r.returner(), r.returner()
		must(t, r.srv.Emit("one"))
		early.got()
		late.got()
		k.breakWith(errors.New("disk full"))
		must(t, r.srv.Emit("two"))
		must(t, r.srv.Emit("three"))
		late.got()
		late.got()
		k.breakWith(nil)
		early.drop()
		early.recovers(`2["two"]`, `2["three"]`) // from memory
		early.offset = late.offset
		must(t, r.srv.Emit("four"))
		equal(t, "lines in the log", strings.Count(log.String(), "disk full"), 1)

		lost := *early
		r, k = restart(t, k)
		late.r, lost.r = r, r
		late.recovers(`2["four"]`)
		lost.offset = nil // as if it had got nothing
		lost.refused(socketio.RefusedHistory)

		k.breakWith(errors.New("disk full"))
		must(t, r.srv.Emit("five"))
		late.got()
		r, _ = restart(t, k.died())
		late.r = r
		late.refused(socketio.RefusedOffset) // of an event that the store never had
	})
}

func TestStoreThatCannotBeRead(t *testing.T) {
	t.Parallel()
	k := &keeper{broken: errors.New("no such disk")}
	var log strings.Builder
	o := recovering(socketio.Recovery{Store: k})
	o.Logger = plainLog(&log)
	bubble(t, o, func(t *testing.T, r *rig) {
		c := r.returner()
		k.breakWith(nil)
		c.drop()
		must(t, r.srv.Emit("missed"))
		c.recovers(`2["missed"]`)
		equal(t, "calls of the store", k.calls, 1)
		if !strings.Contains(log.String(), "no such disk") {
			t.Errorf("log: %q", log.String())
		}
	})
}
