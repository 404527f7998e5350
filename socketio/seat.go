package socketio

import (
	"slices"
	"time"

	"github.com/sockeye-io/sockeye/engineio"
)

// seat is what a client comes back to. It is its socket's from the CONNECT packet
// on, and stays for Recovery.Window behind the end of that. All of it but what is
// static is guarded by recoverer.mu.
type seat struct {
	// static
	pid   string
	id    string   // of the socket
	self  []string // id, as the target of an event
	start uint64   // the number behind which it was first accepted

	owner     *Socket // connecting or connected; nil while the client is away
	accepted  bool    // at least once
	connected bool    // the owner has been accepted
	since     uint64  // what the client has, while it connects
	addressed uint64  // the last event that was for it
	stays     []RecoveryStay
	values    []value // while the client is away

	// while the owner is not connected
	away       uint64 // the number behind which it is
	expires    time.Time
	prev, next *seat
}

// newSeat returns the seat that a store has kept.
func newSeat(s *RecoverySession) *seat {
	return &seat{
		pid: s.PID, id: s.ID, self: []string{s.ID}, start: s.Start, accepted: true,
		away: s.Away, addressed: s.Addressed, stays: s.Rooms, expires: s.Expires,
	}
}

// session returns the seat as a store keeps it.
func (t *seat) session() RecoverySession {
	s := RecoverySession{PID: t.pid, ID: t.id, Start: t.start, Rooms: t.stays}
	if t.owner == nil {
		s.Away, s.Addressed, s.Expires = t.away, t.addressed, t.expires
	}
	return s
}

// enter notes that the socket is in rooms for the events behind seq.
func (t *seat) enter(rooms []string, seq uint64) {
	for _, room := range rooms {
		t.stays = append(t.stays, RecoveryStay{Room: room, From: seq, To: RecoveryOpen})
	}
}

// exit notes that the socket is in rooms no longer, and forgets stays of which no
// event behind oldest can tell.
func (t *seat) exit(rooms []string, seq, oldest uint64) {
	for i := range t.stays {
		if s := &t.stays[i]; s.To == RecoveryOpen && slices.Contains(rooms, s.Room) {
			s.To = seq
		}
	}
	t.stays = slices.DeleteFunc(t.stays, func(s RecoveryStay) bool { return s.To <= max(s.From, oldest) })
}

// rooms returns the rooms that the socket is in, without its own.
func (t *seat) rooms() []string {
	var rooms []string
	for _, s := range t.stays {
		if s.To == RecoveryOpen && s.Room != t.id {
			rooms = append(rooms, s.Room)
		}
	}
	return rooms
}

// missedLocked returns what the client of a seat has missed behind a number, the
// last of it, and why it cannot have it.
func (r *recoverer) missedLocked(t *seat, since uint64) (missed []*engineio.Prepared, last uint64, why RecoveryRefusal) {
	if since < r.log.oldest && (t.addressed > since || t.away < r.log.oldest) {
		return nil, 0, RefusedHistory
	}
	stays := make(map[string][]RecoveryStay)
	for _, s := range t.stays {
		stays[s.Room] = append(stays[s.Room], s)
	}
	in := func(rooms []string, seq uint64) bool {
		return slices.ContainsFunc(rooms, func(room string) bool {
			return slices.ContainsFunc(stays[room], func(s RecoveryStay) bool { return s.From < seq && seq <= s.To })
		})
	}
	size := 0
	entries := r.log.after(since)
	for i := range entries {
		e := &entries[i]
		if len(e.rooms) > 0 && !in(e.rooms, e.seq) || in(e.except, e.seq) {
			continue
		}
		missed = append(missed, e.message)
		last = e.seq
		if size += e.message.Size(); size > r.limit {
			return nil, 0, RefusedTooMuch
		}
	}
	return missed, last, ""
}

// credentials are what a client comes back with, beside its own auth payload.
type credentials struct {
	PID    any `json:"pid"`
	Offset any `json:"offset"`
}

// claim gives a connecting socket its seat: the one that its client comes back to,
// or a new one. It runs before the connection middleware.
func (r *recoverer) claim(s *Socket) {
	if s.conn.isV2() {
		return
	}
	var c credentials
	if s.brought.auth.Codec() != nil && s.brought.auth.Decode(&c) != nil {
		c = credentials{} // whatever it is, it is no object
	}
	pid, _ := c.PID.(string)
	r.lock()
	t := r.seats[pid]
	old := r.vacateLocked(t)
	why := r.claimLocked(t, c.Offset)
	if pid == "" {
		why = ""
	}
	if t == nil || why != "" {
		if t != nil {
			r.dropLocked(t)
		}
		t = &seat{pid: engineio.NewID(), id: s.id, self: []string{s.id}, start: r.log.last, addressed: r.log.last}
		t.enter(t.self, r.log.last)
		r.seats[t.pid] = t
	} else {
		s.brought.recovered = true
		r.removeAwayLocked(t)
	}
	rooms := t.rooms()
	s.id, s.brought.seat, s.brought.refusal = t.id, t, why
	t.owner = s
	values := t.values
	t.values = nil
	s.conn.mu.Lock()
	s.values = values
	s.conn.mu.Unlock()
	r.mu.Unlock()
	s.stage.Load().join(rooms)
	if old != nil {
		old.replaced()
	}
	if why != "" {
		r.refused(s, why)
	}
}

// claimLocked checks what a client comes back to, and with.
func (r *recoverer) claimLocked(t *seat, offset any) RecoveryRefusal {
	if t == nil || t.owner == nil && !time.Now().Before(t.expires) {
		return RefusedUnknown
	}
	t.since = t.start // all that it has got without an offset was before that
	if offset != nil {
		text, _ := offset.(string)
		seq, ok := r.log.parse(text)
		if !ok {
			return RefusedOffset
		}
		t.since = max(seq, t.start)
	}
	_, _, why := r.missedLocked(t, t.since)
	return why
}

// vacateLocked takes a seat from the socket that has it, if there is one, and
// returns that.
func (r *recoverer) vacateLocked(t *seat) *Socket {
	if t == nil || t.owner == nil {
		return nil
	}
	s := t.owner
	rooms, _ := r.ns.index.Remove(s.id) // unless it is still connecting
	c := s.conn
	c.mu.Lock()
	s.rooms = rooms
	t.values = slices.Clone(s.values)
	c.mu.Unlock()
	r.parkLocked(t)
	return s
}

// replaced ends a socket whose client has come back on another connection, and its
// connection. The two may have overtaken each other, and it is the one in use that
// ends: then its client comes back once more, which it would not do if it were told
// that the server has disconnected it.
func (s *Socket) replaced() {
	if s.end(ReasonReplaced, nil) {
		s.leaveRooms()
		s.conn.srv.engine.Go(s.finish)
	}
	s.conn.sess.CloseReason(ReasonForcedClose, errReplaced)
}

// pid returns what a client is to come back with; r may be nil.
func (r *recoverer) pid(s *Socket) string {
	if r == nil || s.brought.seat == nil {
		return ""
	}
	return s.brought.seat.pid
}

// enlist is Socket.enlist with recovery: the client is sent, in one unit, what it has
// missed, CONNECT, which is in e, and what was held back. A client that cannot have
// all of it any more is disconnected, and starts anew when it comes back.
func (r *recoverer) enlist(s *Socket, e *encoder, st *stage) (accepted bool, err error) {
	r.lock()
	defer r.mu.Unlock()
	t, owned := r.seatOfLocked(s)
	if t != nil && !owned {
		return false, nil // its client has come once more
	}
	var unit []*engineio.Prepared
	var last uint64
	if s.Recovered() {
		var why RecoveryRefusal
		if unit, last, why = r.missedLocked(t, t.since); why != "" {
			r.dropLocked(t)
			r.ns.srv.engine.Go(func() { s.conn.sess.CloseReason(ReasonForcedClose, errLostHistory) })
			return false, nil
		}
	}
	unit = append(unit, e.prepare(false))
	for _, h := range st.held {
		unit = append(unit, r.heldLocked(t, h))
	}
	var before seat
	if t != nil {
		before = *t
		before.stays = slices.Clone(t.stays)
		r.settleLocked(t, st.rooms)
	}
	err = r.ns.index.Add(s.id, s, st.rooms, func() {
		if accepted = s.open(); accepted {
			_ = s.conn.sess.WriteUnit(unit) // a session that does not take it has ended
		}
	})
	switch {
	case err == nil && !accepted:
		r.ns.index.Remove(s.id)
		if t != nil {
			t.stays = before.stays
			r.releaseLocked(t, before.accepted)
		}
	case err == nil && t != nil:
		t.connected = true
		t.addressed = max(t.addressed, last)
	}
	return accepted, err
}

// heldLocked returns an event that was held back, as it is sent.
func (r *recoverer) heldLocked(t *seat, h held) *engineio.Prepared {
	if t == nil { // nobody comes back for it
		h.o.Volatile = true
		return r.keepLocked(h.e, h.o, nil, nil)
	}
	p := r.keepLocked(h.e, h.o, t.self, nil)
	if !h.o.Volatile {
		t.addressed = r.log.last
	}
	return p
}

// settleLocked makes the rooms of a seat those that its socket is accepted in, and
// keeps it.
func (r *recoverer) settleLocked(t *seat, rooms []string) {
	before := t.rooms()
	t.exit(slices.DeleteFunc(slices.Clone(before), func(room string) bool { return slices.Contains(rooms, room) }), r.log.last, r.log.oldest)
	t.enter(slices.DeleteFunc(slices.Clone(rooms), func(room string) bool { return slices.Contains(before, room) || room == t.id }), r.log.last)
	t.accepted = true
	r.saveLocked(t)
}

// release gives up the seat of a socket that was not accepted: for good if it was
// refused, else the client may come back to it.
func (r *recoverer) release(s *Socket, refused bool) {
	r.lock()
	defer r.mu.Unlock()
	if t, owned := r.seatOfLocked(s); owned {
		r.releaseLocked(t, !refused)
	}
}

// releaseLocked takes a seat from its socket and keeps it or not.
func (r *recoverer) releaseLocked(t *seat, keep bool) {
	if !keep || !t.accepted {
		r.dropLocked(t)
		return
	}
	s := t.owner
	s.conn.mu.Lock()
	t.values = slices.Clone(s.values)
	s.conn.mu.Unlock()
	r.parkLocked(t)
	r.saveLocked(t)
	for r.away > r.opts.MaxSessions {
		r.dropLocked(r.first)
	}
	r.armLocked()
}

// end takes a socket that has ended out of the rooms index, and keeps its seat if
// its client can come back.
func (r *recoverer) end(s *Socket, why Reason) {
	r.lock()
	defer r.mu.Unlock()
	t, owned := r.seatOfLocked(s)
	if t != nil && !owned {
		return // see vacateLocked
	}
	rooms, _ := r.ns.index.Remove(s.id)
	s.conn.mu.Lock()
	s.rooms = rooms
	s.conn.mu.Unlock()
	if t != nil {
		r.releaseLocked(t, recoverable(why))
	}
}

// parkLocked takes a seat from its socket, for its client to come back to.
func (r *recoverer) parkLocked(t *seat) {
	if t.connected { // else it has been away since earlier
		t.away = r.log.last
	}
	t.owner, t.connected = nil, false
	t.expires = time.Now().Add(r.opts.Window)
	r.appendAwayLocked(t)
}

// appendAwayLocked puts a seat at the end of the list of those who are away.
func (r *recoverer) appendAwayLocked(t *seat) {
	if t.prev = r.last; t.prev == nil {
		r.first = t
	} else {
		t.prev.next = t
	}
	r.last = t
	r.away++
	r.ns.retain()
}

// removeAwayLocked takes a seat out of the list of those who are away.
func (r *recoverer) removeAwayLocked(t *seat) {
	if t.prev == nil {
		r.first = t.next
	} else {
		t.prev.next = t.next
	}
	if t.next == nil {
		r.last = t.prev
	} else {
		t.next.prev = t.prev
	}
	t.prev, t.next = nil, nil
	r.away--
	r.ns.release()
}

// dropLocked forgets a seat.
func (r *recoverer) dropLocked(t *seat) {
	if t.owner == nil {
		r.removeAwayLocked(t)
	}
	t.owner = nil
	delete(r.seats, t.pid)
	if _, none := r.store.(memoryStore); !none && t.accepted {
		r.storedLocked(r.store.Delete(r.ns.name, t.pid))
	}
}
