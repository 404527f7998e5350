package socketio

import (
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/sockeye-io/sockeye/engineio"
	"github.com/sockeye-io/sockeye/internal/wheel"
)

// recoverer is a namespace's part of Recovery; without it there is none. Its lock
// gives events their order: it is held from an event's number until the event is
// in every queue, and while a socket's rooms change.
type recoverer struct {
	// static
	ns    *Namespace
	opts  *Recovery
	store RecoveryStore // not before the first lock
	mark  string        // what events are encoded with in place of their offset
	limit int           // bytes that a client may have missed

	mu sync.Mutex // behind stage.mu, ahead of the shards of the rooms index; see lock

	// guarded by mu
	loaded       bool
	log          eventLog
	seats        map[string]*seat // by pid
	first, last  *seat            // whose clients are away, by the time of their end
	away         int              // how many these are
	broken       bool             // the store has lost an event
	storeFailing bool             // and that has been logged
	timer        wheel.Timer      // of sweep
	armed        bool             // timer is set
	offset       []byte           // room for an offset
}

// newRecoverer returns what a new namespace needs, nil without Options.Recovery.
func newRecoverer(n *Namespace) *recoverer {
	o := &n.srv.opts
	if o.Recovery == nil {
		return nil
	}
	return &recoverer{ns: n, opts: o.Recovery, mark: newMark(), limit: o.outboundLimit(), seats: make(map[string]*seat)}
}

// lock locks mu. The first time it reads the store.
func (r *recoverer) lock() {
	r.mu.Lock()
	if r.loaded {
		return
	}
	r.loaded = true
	name := engineio.NewID()[:logNameSize]
	r.store = r.opts.Store
	state, err := r.store.Load(r.ns.name, name)
	if err != nil || len(state.Log) != logNameSize {
		r.ns.srv.opts.Logger.Error("socketio: recovery store not read: clients start anew", "namespace", r.ns.name, "error", err)
		state = RecoveryState{Log: name}
		r.store = memoryStore{} // what is there must not be mixed with what comes
	}
	r.loadLocked(&state)
}

// loadLocked takes over what a store has kept.
func (r *recoverer) loadLocked(state *RecoveryState) {
	stored := state.Oldest
	if n := len(state.Entries); n > 0 {
		stored = max(stored, state.Entries[n-1].Seq)
	}
	for i := range state.Sessions {
		stored = max(stored, state.Sessions[i].Start, state.Sessions[i].Away)
	}
	r.log = newEventLog(state.Log, stored)
	r.log.oldest = state.Oldest
	for i := range state.Entries {
		e := &state.Entries[i]
		r.log.push(logEntry{
			seq: e.Seq, at: e.At, rooms: e.Rooms, except: e.Except,
			message: r.ns.srv.prepare(e.Text, e.Binary, e.Plain),
		})
	}
	now := time.Now()
	r.trimLocked(now)
	var seats []*seat
	for i := range state.Sessions {
		t := newSeat(&state.Sessions[i])
		if t.expires.IsZero() { // it was connected when the store was last written
			t.away, t.addressed = stored, RecoveryOpen
			t.expires = now.Add(r.opts.Window)
		}
		if now.Before(t.expires) {
			seats = append(seats, t)
		} else {
			r.storedLocked(r.store.Delete(r.ns.name, t.pid))
		}
	}
	slices.SortFunc(seats, func(a, b *seat) int { return a.expires.Compare(b.expires) })
	for _, t := range seats {
		r.seats[t.pid] = t
		r.appendAwayLocked(t)
	}
	r.armLocked()
}

// prepare encodes a message for any number of sessions.
func (srv *Server) prepare(text []byte, binary [][]byte, plain bool) *engineio.Prepared {
	if plain {
		return engineio.Prepare(text, binary)
	}
	return srv.engine.Prepare(text, binary)
}

// trimLocked drops what is too old or too much from the log.
func (r *recoverer) trimLocked(now time.Time) {
	r.log.trim(r.opts.MaxEntries, r.opts.MaxBytes, now.Add(-r.ns.srv.opts.maxAge()))
}

// keepLocked gives the event in e its offset and keeps it in the log, unless it is
// volatile: then it gets the offset of the last that was kept. It returns the event
// for the sessions that it is to be queued for before mu is given back.
func (r *recoverer) keepLocked(e *encoder, o engineio.WriteOptions, rooms, except []string) *engineio.Prepared {
	if o.Volatile {
		r.stampLocked(e)
		return e.prepare(o.Plain)
	}
	r.log.last++
	r.stampLocked(e)
	now := time.Now()
	p := e.prepare(o.Plain)
	r.log.push(logEntry{seq: r.log.last, at: now, message: p, rooms: rooms, except: except})
	r.trimLocked(now)
	r.armLocked()
	r.storeLocked(e, o, now, rooms, except)
	return p
}

// stampLocked writes the offset of the last event over the mark in e.
func (r *recoverer) stampLocked(e *encoder) {
	r.offset = r.log.appendOffset(r.offset[:0], r.log.last)
	e.stamp(r.mark, r.offset)
}

// storeLocked gives the last event to the store.
func (r *recoverer) storeLocked(e *encoder, o engineio.WriteOptions, now time.Time, rooms, except []string) {
	if _, none := r.store.(memoryStore); none {
		return
	}
	text, binary := e.messages()
	oldest := r.log.oldest
	if r.broken { // what the store has ends somewhere before this event
		oldest = max(oldest, r.log.last-1)
	}
	err := r.store.Append(r.ns.name, RecoveryEntry{
		Seq: r.log.last, At: now, Rooms: rooms, Except: except, Text: text, Binary: binary, Plain: o.Plain,
	}, oldest)
	r.broken = err != nil
	r.storedLocked(err)
}

// storedLocked logs that the store fails, when it begins to.
func (r *recoverer) storedLocked(err error) {
	if err != nil && !r.storeFailing {
		r.ns.srv.opts.Logger.Error("socketio: recovery store failed: what it keeps has a gap", "namespace", r.ns.name, "error", err)
	}
	r.storeFailing = err != nil
}

// saveLocked gives a seat to the store.
func (r *recoverer) saveLocked(t *seat) {
	if _, none := r.store.(memoryStore); !none {
		r.storedLocked(r.store.Save(r.ns.name, t.session()))
	}
}

// emit sends the event in e to one socket.
func (r *recoverer) emit(s *Socket, e *encoder, o engineio.WriteOptions) error {
	r.lock()
	defer r.mu.Unlock()
	t, owned := r.seatOfLocked(s)
	switch {
	case o.Volatile || t == nil: // nothing to come back to
		r.stampLocked(e)
		return e.write(s.conn.sess, o)
	case !owned:
		return ErrDisconnected
	}
	p := r.keepLocked(e, o, t.self, nil)
	t.addressed = r.log.last
	return s.conn.sess.WritePrepared(p, o)
}

// broadcast prepares the event in e, sets f to its fan-out, and calls add for every
// target.
func (r *recoverer) broadcast(b Broadcast, e *encoder, o engineio.WriteOptions, f *engineio.Fanout, add func(string, *Socket)) {
	r.lock()
	defer r.mu.Unlock()
	*f = r.ns.srv.engine.NewFanout(r.keepLocked(e, o, b.rooms, b.except), o)
	r.ns.index.Each(b.target(), func(id string, s *Socket) {
		if t := s.brought.seat; t != nil && !o.Volatile {
			t.addressed = r.log.last
		}
		add(id, s)
	})
}

// join puts a socket into rooms.
func (r *recoverer) join(s *Socket, rooms []string) {
	r.lock()
	defer r.mu.Unlock()
	t, owned := r.seatOfLocked(s)
	if t != nil && !owned {
		return // its id is another socket's now
	}
	added, ok := r.ns.index.Join(s.id, rooms...)
	if t != nil && ok && len(added) > 0 {
		t.enter(added, r.log.last)
		r.saveLocked(t)
	}
}

// leave takes a socket out of rooms.
func (r *recoverer) leave(s *Socket, rooms []string) {
	r.lock()
	defer r.mu.Unlock()
	t, owned := r.seatOfLocked(s)
	if t != nil && !owned {
		return
	}
	left, ok := r.ns.index.Leave(s.id, rooms...)
	if t != nil && ok && len(left) > 0 {
		t.exit(left, r.log.last, r.log.oldest)
		r.saveLocked(t)
	}
}

// owns reports whether what the rooms index has under a socket's id is that socket.
func (r *recoverer) owns(s *Socket) bool {
	r.lock()
	defer r.mu.Unlock()
	t, owned := r.seatOfLocked(s)
	return t == nil || owned
}

// seatOfLocked returns a socket's seat, if there is one, and whether it is still
// that socket's.
func (r *recoverer) seatOfLocked(s *Socket) (t *seat, owned bool) {
	t = s.brought.seat
	return t, t != nil && t.owner == s
}

// armLocked has sweep called in a while, if there is anything that can age.
func (r *recoverer) armLocked() {
	if !r.armed && (r.first != nil || len(r.log.entries) > 0) {
		r.armed = true
		r.ns.srv.wheel.Schedule(&r.timer, r, max(r.opts.Window/4, time.Second))
	}
}

// Expire implements wheel.Expirer.
func (r *recoverer) Expire() { r.ns.srv.engine.Go(r.sweep) }

// sweep drops events and sessions that are too old.
func (r *recoverer) sweep() {
	r.lock()
	defer r.mu.Unlock()
	now := time.Now()
	r.armed = false
	r.trimLocked(now)
	for r.first != nil && !now.Before(r.first.expires) {
		r.dropLocked(r.first)
	}
	r.armLocked()
}

// refused tells that a client could not recover.
func (r *recoverer) refused(s *Socket, why RecoveryRefusal) {
	if r.opts.OnRefused == nil {
		r.ns.srv.opts.Logger.LogAttrs(s.Context(), slog.LevelInfo, "socketio: connection state not recovered",
			slog.String("namespace", r.ns.name), slog.String("socket", s.id), slog.String("reason", string(why)))
		return
	}
	var failed error
	func() {
		defer recovered(&failed)
		r.opts.OnRefused(s, why)
	}()
	if failed != nil {
		s.report(s.Context(), "connect", failed)
	}
}
