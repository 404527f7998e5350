package socketio

import (
	"fmt"
	"slices"
	"sync"

	"github.com/sockeye-io/sockeye/engineio"
	"github.com/sockeye-io/sockeye/socketio/siowire"
)

// Limits of what a connection middleware may leave for after the acceptance.
const maxHeldBytes = 1 << 20

// What a refused client is told if no middleware said something else.
const (
	invalidNamespace  = "Invalid namespace"
	connectionRefused = "Connection refused"
)

// stage is what a socket needs while its middleware runs and nobody knows whether
// it will be accepted.
type stage struct {
	mu sync.Mutex // taken before the rooms index and conn.mu

	// guarded by mu
	over    bool // accepted: the rest is with the index and the session
	refused bool // by Disconnect
	rooms   []string
	held    []held // emitted, to follow the CONNECT packet
	bytes   int    // in held
}

// held is an event that is held back.
type held struct {
	e *encoder
	o engineio.WriteOptions
}

// hold keeps an encoded packet back, and reports false if the socket has been
// accepted meanwhile.
func (st *stage) hold(e *encoder, o engineio.WriteOptions) (kept bool, err error) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.over {
		return false, nil
	}
	size := e.size()
	if st.bytes+size > maxHeldBytes {
		return true, fmt.Errorf("%w: more than %d bytes emitted before it", ErrNotConnected, maxHeldBytes)
	}
	st.bytes += size
	st.held = append(st.held, held{e: e.clone(), o: o})
	return true, nil
}

// join stages rooms, and reports false if the socket has been accepted meanwhile.
func (st *stage) join(rooms []string) bool {
	st.mu.Lock()
	defer st.mu.Unlock()
	for _, r := range rooms {
		if !st.over && !slices.Contains(st.rooms, r) {
			st.rooms = append(st.rooms, r)
		}
	}
	return !st.over
}

// leave undoes join.
func (st *stage) leave(rooms []string) bool {
	st.mu.Lock()
	defer st.mu.Unlock()
	if !st.over {
		st.rooms = slices.DeleteFunc(st.rooms, func(r string) bool { return slices.Contains(rooms, r) })
	}
	return !st.over
}

// list returns a copy of the staged rooms.
func (st *stage) list() (rooms []string, staged bool) {
	st.mu.Lock()
	defer st.mu.Unlock()
	return slices.Clone(st.rooms), !st.over
}

// refuse makes the acceptance fail.
func (st *stage) refuse() bool {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.refused = st.refused || !st.over
	return !st.over
}

// connect handles a CONNECT packet.
func (c *conn) connect(p *siowire.Packet) error {
	var auth *Raw
	if p.Args.Len() > 0 {
		raw := p.Args.Raw(0)
		auth = &raw
	}
	if c.isV2() {
		auth = c.splitQuery(p)
	}
	ns, ask := c.srv.hold(p.Namespace)
	switch {
	case ask:
		return c.connectLater(string(p.Namespace), ns, auth)
	case ns == nil:
		c.sendRefusal(string(p.Namespace), errorBody{Message: invalidNamespace}, false)
		return nil
	}
	return c.enter(ns, auth)
}

// enter begins to connect a socket to a namespace; auth is nil if there is none.
func (c *conn) enter(ns *Namespace, auth *Raw) error {
	s, use, err := c.link(ns, auth, false)
	switch {
	case s == nil:
		return err
	case s.stage.Load() == nil:
		s.accept()
	default:
		c.srv.engine.Go(func() { s.admit(use) })
	}
	return nil
}

// link makes a socket of a namespace that was held for it, and returns the
// middleware that it has to pass. The socket is nil if the connection takes none: it
// closes, or this is a second CONNECT.
func (c *conn) link(ns *Namespace, auth *Raw, asked bool) (*Socket, []*entry[Middleware], error) {
	s := &Socket{id: c.socketID(ns), ns: ns, conn: c}
	if auth != nil || ns.recovery != nil {
		s.brought = newBrought(auth)
	}
	use := ns.handlers.load().use
	if len(use) > 0 || ns.recovery != nil { // it may take a while
		s.stage.Store(new(stage))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	second := c.findLocked([]byte(ns.name)) != nil || !asked && c.asking[ns.name] != nil
	if c.closing || second {
		ns.release()
		if second && !c.closing {
			return nil, nil, errSecondConnect
		}
		return nil, nil, nil
	}
	delete(c.asking, ns.name)
	delete(c.left, ns.name)
	s.next, c.sockets = c.sockets, s
	return s, use, nil
}

// admit finds what the client comes back to, runs the connection middleware, in
// order, and then accepts or refuses. It runs on a goroutine of its own.
func (s *Socket) admit(use []*entry[Middleware]) {
	if r := s.ns.recovery; r != nil {
		r.claim(s)
		if r.opts.SkipMiddlewares && s.Recovered() {
			use = nil
		}
	}
	err := s.middleware(use)
	if err == nil {
		s.accept()
		s.conn.run(nil)
		return
	}
	if !isPublic(err) {
		s.report(s.Context(), "connect", err)
	}
	s.refuse(publicError(err))
}

// middleware runs the connection middleware until one refuses or the connection
// has gone.
func (s *Socket) middleware(use []*entry[Middleware]) error {
	r := new(runner) // so that a Shutdown in there is known to be inside a handler
	s.conn.mu.Lock()
	s.enterLocked(r)
	s.conn.mu.Unlock()
	defer func() {
		s.conn.mu.Lock()
		s.exitLocked(r)
		s.conn.mu.Unlock()
	}()
	for _, m := range use {
		if end := s.ended.Load(); end != nil {
			return end
		}
		if err := s.callSocket(m.fn); err != nil {
			return err
		}
	}
	return nil
}

// accept makes the socket a member of its namespace: in one step, as others see
// it, it is in its rooms and its client is sent CONNECT and what was held back.
// Whoever calls it has the connection's runnable sockets run.
func (s *Socket) accept() {
	e := s.conn.srv.encoder()
	defer e.release()
	h := siowire.Header{Type: siowire.Connect, Namespace: s.ns.name}
	var reply any
	if !s.conn.isV2() {
		reply = connectReply{SID: s.id, PID: s.ns.recovery.pid(s)}
	}
	if err := e.encodeValue(h, reply); err != nil {
		s.report(s.Context(), "connect", err)
		s.refuse(errorBody{Message: internalError})
		return
	}
	st := s.stage.Load()
	var rooms []string
	if st != nil {
		st.mu.Lock()
		if st.refused {
			st.mu.Unlock()
			s.refuse(errorBody{Message: connectionRefused})
			return
		}
		rooms = st.rooms
	}
	accepted, err := s.enlist(e, st, rooms)
	if st != nil {
		st.over, st.rooms, st.held = true, nil, nil
		st.mu.Unlock()
		s.stage.Store(nil)
	}
	switch {
	case err != nil: // another socket has this id
		s.report(s.Context(), "connect", err)
		s.refuse(errorBody{Message: internalError})
		return
	case !accepted:
		return
	}
	c := s.conn
	c.mu.Lock()
	s.exclusive = false
	s.doConnect = len(s.ns.handlers.load().connect) > 0
	c.joinedLocked()
	c.listLocked(s)
	c.mu.Unlock()
}

// enlist makes the socket a member of its namespace and greets its client, unless
// that has gone. The lock of the stage, if there is one, is held.
func (s *Socket) enlist(e *encoder, st *stage, rooms []string) (accepted bool, err error) {
	if r := s.ns.recovery; r != nil {
		return r.enlist(s, e, st)
	}
	err = s.ns.index.Add(s.id, s, rooms, func() {
		if accepted = s.open(); accepted {
			s.greet(e, st)
		}
	})
	if err == nil && !accepted {
		s.ns.index.Remove(s.id)
	}
	return accepted, err
}

// open moves the socket to stateConnected, unless its connection has gone. Events
// queue up from now on; nothing runs until accept is through.
func (s *Socket) open() bool {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	if s.state != stateConnecting {
		return false
	}
	s.state = stateConnected
	s.exclusive = true
	return true
}

// connectReply is the payload of the server's CONNECT packet.
type connectReply struct {
	SID string `json:"sid"`
	PID string `json:"pid,omitzero"` // with Options.Recovery
}

// greet queues CONNECT, which is in e, and what was held back. A session that does
// not take them has ended or is about to, and the socket with it.
func (s *Socket) greet(e *encoder, st *stage) {
	_ = e.write(s.conn.sess, engineio.WriteOptions{})
	if st != nil {
		for _, h := range st.held {
			_ = h.e.write(s.conn.sess, engineio.WriteOptions{Plain: h.o.Plain})
		}
	}
}

// refuse ends a socket that was not accepted.
func (s *Socket) refuse(why errorBody) {
	if st := s.stage.Load(); st != nil {
		st.refuse()
	}
	if r := s.ns.recovery; r != nil {
		r.release(s, !s.gone())
	}
	s.end(ReasonServerDisconnect, nil)
	s.conn.sendRefusal(s.ns.name, why, s.conn.isV2())
}

// sendRefusal sends a CONNECT_ERROR. Bare says that it is an application's, and
// that it carries what clients of Socket.IO 2 want.
func (c *conn) sendRefusal(namespace string, why errorBody, bare bool) {
	e := c.srv.encoder()
	defer e.release()
	h := siowire.Header{Type: siowire.ConnectError, Namespace: namespace}
	encode := func(v errorBody) (err error) {
		defer recovered(&err) // the data is the application's
		if bare {
			return e.encodeValue(h, v.bare())
		}
		return e.encodeValue(h, v)
	}
	if err := encode(why); err != nil {
		c.srv.opts.Logger.Error("socketio: refusal not encoded", "namespace", namespace, "error", err)
		if encode(errorBody{Message: why.Message}) != nil {
			return
		}
	}
	_ = e.write(c.sess, engineio.WriteOptions{}) // a session that has ended needs none
}
