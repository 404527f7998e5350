package socketio

import "unsafe"

// Pending returns the number of calls whose acknowledgements are waited for.
func (s *Socket) Pending() int {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	return len(s.calls)
}

// Held returns what a socket's connection holds of events, and what it owes.
func (s *Socket) Held() (packets, bytes, owed int) {
	c := s.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.packets, c.bytes, int(c.owed)
}

// Paused reports whether the session was told not to read.
func (s *Socket) Paused() bool {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	return s.conn.paused
}

// Idle reports whether nothing at all is kept for events, calls and contexts.
func (s *Socket) Idle() bool {
	c := s.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	return s.queue == nil && s.runs == nil && len(s.calls) == 0 && s.life == nil && s.values == nil &&
		s.active == 0 && !s.listed && c.firstRun == nil && c.calling == nil && c.waiting == nil
}

// IdleSize is the memory of an idle connection with one socket, in bytes.
const IdleSize = unsafe.Sizeof(conn{}) + unsafe.Sizeof(Socket{})

// Feed hands a message to the socket's connection, as the session does, and runs
// what there is to run.
func (s *Socket) Feed(message []byte) {
	s.conn.Receive(message, false)
	s.conn.Turn(nil)
}
