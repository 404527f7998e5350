package socketio

import (
	"context"
	"unsafe"
)

// Pending returns the number of calls whose acknowledgements are waited for.
func (s *Socket) Pending() int {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	return len(s.calls)
}

// Waiting returns the number of calls that handlers of the socket's connection wait
// for.
func (s *Socket) Waiting() int {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	n := 0
	for w := s.conn.calling; w != nil; w = w.next {
		n++
	}
	return n
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

// Users returns how many sockets hold a namespace that was made for a parent.
func (n *Namespace) Users() int {
	n.srv.mu.RLock()
	defer n.srv.mu.RUnlock()
	return n.users
}

// MadeFor returns how many namespaces a parent has.
func (n *Namespace) MadeFor() int { return len(n.spread()) }

// Asking returns how many names the socket's connection waits for.
func (s *Socket) Asking() int {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	return len(s.conn.asking)
}

// MaxLeft is how many namespaces a connection remembers to have been thrown out of.
const MaxLeft = maxLeft

// Left returns how many there are of these.
func (s *Socket) Left() int {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	return len(s.conn.left)
}

// OffsetSize is the length of an offset.
const OffsetSize = offsetSize

// Kept returns how many events and sessions the namespace keeps for clients that
// come back, those of connected clients included.
func (n *Namespace) Kept() (events, sessions, away int) {
	r := n.recovery
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.log.entries) - r.log.head, len(r.seats), r.away
}

// memoryPeer is another server in the same process.
type memoryPeer struct {
	id string
	to *Server
}

func (p memoryPeer) name() string { return p.id }

func (p memoryPeer) tell(namespace, event string, args Args) error {
	p.to.engine.Go(func() { _, _ = p.to.serverEvent(p.to.life, namespace, event, args) })
	return nil
}

func (p memoryPeer) ask(ctx context.Context, namespace, event string, args Args) (Args, error) {
	type answer struct {
		args Args
		err  error
	}
	done := make(chan answer, 1)
	p.to.engine.Go(func() {
		args, err := p.to.serverEvent(ctx, namespace, event, args)
		done <- answer{args, err}
	})
	select {
	case a := <-done:
		return a.args, a.err
	case <-ctx.Done():
		return Args{}, ctx.Err()
	}
}

// Join makes other servers those that srv reaches, before it is used.
func (srv *Server) Join(others map[string]*Server) {
	for id, o := range others {
		srv.peers = append(srv.peers, memoryPeer{id, o})
	}
}
