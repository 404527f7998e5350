package socketio

import (
	"context"
	"fmt"
	"sync"
	"unsafe"

	"github.com/sockeye-io/sockeye/engineio"
	"github.com/sockeye-io/sockeye/internal/wheel"
	"github.com/sockeye-io/sockeye/socketio/siowire"
)

// conn is one connection: an Engine.IO session and the sockets on it, one for
// each namespace that its client has joined. It is the session's Receiver.
//
// An idle connection with one socket is 128 bytes of conn and 176 of Socket.
type conn struct {
	// static: 16 bytes
	srv  *Server
	sess *engineio.Session

	// owned by the reader, that is by Receive: 20 bytes
	dec  siowire.Decoder
	dead bool // the client broke the protocol; what it still sends is dropped

	mu sync.Mutex // a leaf, but for the session's locks: see doc.go

	// guarded by mu: 80 bytes
	sockets           *Socket                       // connecting and connected, linked by Socket.next
	left              map[string]struct{}           // namespaces that the server ended; the client may not know yet
	asking            map[string]context.CancelFunc // namespaces that are being asked for: see connectLater
	firstRun, lastRun *Socket                       // with something to do, linked by Socket.nextRun
	waiting           *waitConnect                  // until a namespace is joined
	calling           *call                         // Calls made in handlers of these sockets, linked
	packets, bytes    int                           // events held: queued or being handled
	owed              int32                         // acknowledgements that the client owes
	closing           bool                          // no new sockets
	wantPause         bool                          // the session should not be read
	paused            bool                          // the session was told so
	pausing           bool                          // somebody is telling it
}

// waitConnect closes a connection that joins no namespace in time.
type waitConnect struct {
	timer wheel.Timer
	conn  *conn
}

// newConn is the accept function of the Engine.IO server.
func (srv *Server) newConn(sess *engineio.Session) engineio.Receiver {
	c := &conn{srv: srv, sess: sess, dec: srv.opts.Parser.NewDecoder(srv.opts.Limits)}
	c.waiting = &waitConnect{conn: c}
	srv.wheel.Schedule(&c.waiting.timer, c.waiting, srv.opts.ConnectTimeout)
	return c
}

// Expire implements wheel.Expirer.
func (w *waitConnect) Expire() {
	c := w.conn
	c.mu.Lock()
	late := c.waiting == w
	c.closing = c.closing || late
	c.mu.Unlock()
	if late {
		c.sess.CloseReason(ReasonForcedClose, errNoNamespace)
	}
}

// joinedLocked ends the wait for a first namespace.
func (c *conn) joinedLocked() {
	if w := c.waiting; w != nil {
		c.waiting = nil
		c.srv.wheel.Stop(&w.timer)
	}
}

// Receive implements engineio.Receiver.
func (c *conn) Receive(data []byte, binary bool) {
	if c.dead {
		return
	}
	size := c.dec.Buffered() + len(data)
	p, ok, err := c.dec.Add(data, binary)
	if err == nil && ok {
		err = c.packet(&p, size)
	}
	if err != nil {
		c.dead = true
		c.sess.CloseReason(ReasonForcedClose, err)
	}
}

// packet takes one packet. An error means that the connection must be closed.
func (c *conn) packet(p *siowire.Packet, size int) error {
	switch p.Type {
	case siowire.Connect:
		return c.connect(p)
	case siowire.Event:
		return c.event(p, size)
	case siowire.Ack:
		return c.ack(p)
	case siowire.Disconnect:
		return c.disconnect(p)
	case siowire.ConnectError:
		return errClientError
	}
	return fmt.Errorf("%w: %v", siowire.ErrType, p.Type)
}

// event queues an event.
func (c *conn) event(p *siowire.Packet, size int) error {
	c.mu.Lock()
	s := c.findLocked(p.Namespace)
	if s == nil || s.state != stateConnected {
		defer c.mu.Unlock()
		return c.strayLocked(p.Namespace)
	}
	size += int(unsafe.Sizeof(job{}))
	s.pushLocked(p, size)
	c.packets++
	c.bytes += size
	c.listLocked(s)
	full := c.fullLocked()
	c.mu.Unlock()
	if full {
		c.inboundFull()
	}
	return nil
}

// ack hands an acknowledgement to the Call that waits for it.
func (c *conn) ack(p *siowire.Packet) error {
	c.mu.Lock()
	s := c.findLocked(p.Namespace)
	if s == nil || s.state != stateConnected {
		defer c.mu.Unlock()
		return c.strayLocked(p.Namespace)
	}
	w := s.takeCallLocked(p.ID)
	c.mu.Unlock()
	if w != nil { // else it is late, or nobody has asked
		w.resolve(p.Args, nil)
		c.applyPause()
	}
	return nil
}

// disconnect ends a socket whose client leaves the namespace.
func (c *conn) disconnect(p *siowire.Packet) error {
	c.mu.Lock()
	s := c.findLocked(p.Namespace)
	if s == nil || s.state != stateConnected {
		defer c.mu.Unlock()
		if err := c.strayLocked(p.Namespace); err != nil {
			return err
		}
		delete(c.left, string(p.Namespace))
		return nil
	}
	c.mu.Unlock()
	if s.end(ReasonClientDisconnect, nil) {
		s.leaveRooms() // and the turn that follows handles the rest
	}
	return nil
}

// strayLocked judges a packet for a namespace that is not joined: it ends the
// connection, unless the server ended the socket and the packet may have been
// sent before the client learned of it.
func (c *conn) strayLocked(namespace []byte) error {
	if c.closing {
		return nil
	}
	if _, left := c.left[string(namespace)]; left {
		return nil
	}
	return errNotJoined
}

// findLocked returns the socket of a namespace, connecting or connected, or nil.
func (c *conn) findLocked(namespace []byte) *Socket {
	for s := c.sockets; s != nil; s = s.next {
		if s.ns.name == string(namespace) {
			return s
		}
	}
	return nil
}

// unlinkLocked takes s off the list of sockets.
func (c *conn) unlinkLocked(s *Socket) {
	for at := &c.sockets; *at != nil; at = &(*at).next {
		if *at == s {
			*at, s.next = s.next, nil
			return
		}
	}
}

// Turn implements engineio.Receiver.
func (c *conn) Turn(t *engineio.Turn) {
	c.mu.Lock()
	idle := c.firstRun == nil
	c.mu.Unlock()
	if !idle {
		c.run(t)
	}
}

// Closed implements engineio.Receiver: it ends every socket and lets no new one
// in. The session calls it from anywhere, so what takes more than conn.mu happens
// on another goroutine.
func (c *conn) Closed(why engineio.Close) {
	c.mu.Lock()
	c.closing = true
	c.joinedLocked()
	asking := c.asking
	c.asking = nil
	c.mu.Unlock()
	for _, cancel := range asking {
		cancel()
	}
	var ended []*Socket
	for {
		c.mu.Lock()
		s := c.sockets
		c.mu.Unlock()
		if s == nil {
			break
		}
		if s.end(why.Reason, why.Err) {
			ended = append(ended, s)
		}
	}
	if len(ended) > 0 {
		c.srv.engine.Go(func() {
			for _, s := range ended {
				s.leaveRooms()
			}
			c.run(nil)
		})
	}
}

// fullLocked recomputes whether the connection should be read, and reports
// whether there is something to do about it: see inboundFull.
func (c *conn) fullLocked() bool {
	o := &c.srv.opts
	over := c.packets >= o.InboundPackets || c.bytes >= o.InboundBytes
	switch {
	case c.hardFullLocked():
		c.wantPause = true
		return true
	case c.owed > 0:
		c.wantPause = false // the acknowledgement must be read
	case over:
		c.wantPause = true
	case c.packets <= o.InboundPackets/2 && c.bytes <= o.InboundBytes/2:
		c.wantPause = false
	}
	return c.wantPause != c.paused
}

// hardFullLocked reports whether nothing at all can be read any more.
func (c *conn) hardFullLocked() bool { return c.bytes >= c.srv.hardLimit }

// inboundFull acts on fullLocked: it pauses or resumes the reading, and at the
// hard limit it ends the Calls that could wait for ever.
func (c *conn) inboundFull() {
	c.mu.Lock()
	var stuck []*call
	if c.hardFullLocked() {
		stuck = c.stuckLocked()
	}
	c.mu.Unlock()
	for _, w := range stuck {
		w.fail(ErrInboundFull)
	}
	c.applyPause()
}

// applyPause tells the session whether it should be read. Whoever comes while
// another goroutine is telling it leaves the rest to that one, so that the last
// word is the right one.
func (c *conn) applyPause() {
	c.mu.Lock()
	c.fullLocked()
	for !c.pausing && c.paused != c.wantPause {
		pause := c.wantPause
		c.pausing = true
		c.mu.Unlock()
		if pause {
			c.sess.Pause()
		} else {
			c.sess.Resume()
		}
		c.mu.Lock()
		c.paused, c.pausing = pause, false
	}
	c.mu.Unlock()
}
