package socketio

import (
	"context"

	"github.com/sockeye-io/sockeye/engineio"
	"github.com/sockeye-io/sockeye/socketio/siowire"
)

// call is an event whose acknowledgement is waited for. Whoever takes it out of
// Socket.calls ends it, so it ends once.
type call struct {
	// static
	socket *Socket // that owes the acknowledgement
	inside *conn   // whose handler waits; nil if that is not known
	id     uint64
	done   chan struct{} // for a call of one socket
	all    *gather       // for one of many

	// guarded by inside.mu
	prev, next *call // in inside.calling

	// set before done is closed, or all told
	args Args
	err  error
}

// Call emits an event and waits for its acknowledgement, whose arguments it
// returns. Ctx is the timeout; without one it waits until the socket ends. The
// event is sent even if ctx ends at once. A handler that calls it is waited for by
// nobody but the later events of its socket: acknowledgements and everything else
// go on.
//
// Errors: ctx's; ErrDisconnected; ErrNotConnected, at once, before the socket is
// accepted; ErrInboundFull; an *Error if the peer's handler failed and answered
// as this package does; and those of Emit.
func (s *Socket) Call(ctx context.Context, event string, args ...any) (Args, error) {
	w := &call{socket: s, id: s.ns.nextCall.Add(1) - 1, done: make(chan struct{})}
	if caller := socketOf(ctx); caller != nil {
		w.inside = caller.conn
		if err := w.enter(); err != nil {
			return Args{}, err
		}
		defer w.exit()
	}
	if err := w.emit(event, args); err != nil {
		return Args{}, err
	}
	s.conn.applyPause() // it may have to read on
	yield(ctx)
	select {
	case <-w.done:
	case <-ctx.Done():
		if w.take() {
			s.conn.applyPause()
			return Args{}, ctxError(ctx)
		}
		<-w.done // it is being ended
	}
	if w.err != nil {
		return Args{}, w.err
	}
	return w.args, replyError(w.args)
}

// ctxError returns why ctx ended: the socket's end, or ctx's own error.
func ctxError(ctx context.Context) error {
	if end, ok := context.Cause(ctx).(*DisconnectedError); ok { //nolint:errorlint // the cause itself
		return end
	}
	return ctx.Err()
}

// emit registers the call and sends its event.
func (w *call) emit(event string, args []any) error {
	s := w.socket
	if err := w.register(); err != nil {
		return err
	}
	e := s.conn.srv.encoder()
	defer e.release()
	h := siowire.Header{Type: siowire.Event, Namespace: s.ns.name, ID: w.id, HasID: true}
	err := e.encode(h, event, args)
	if err == nil {
		err = s.watchOutgoing(e)
	}
	if err == nil {
		err = s.writeError(e.write(s.conn.sess, engineio.WriteOptions{}))
	}
	if err != nil && !w.take() {
		<-w.done
		return w.err
	}
	return err
}

// register makes the call's acknowledgement expected.
func (w *call) register() error {
	s := w.socket
	c := s.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	switch s.state {
	case stateConnecting:
		return ErrNotConnected
	case stateEnded:
		return s.ended.Load()
	}
	if w.inside == nil && c.hardFullLocked() {
		return ErrInboundFull // see stuckLocked
	}
	if s.calls == nil {
		s.calls = make(map[uint64]*call)
	}
	s.calls[w.id] = w
	c.owed++
	return nil
}

// takeCallLocked takes a call out of the table; nil if it is not in there.
func (s *Socket) takeCallLocked(id uint64) *call {
	w := s.calls[id]
	if w != nil {
		delete(s.calls, id)
		s.conn.owed--
	}
	return w
}

// take takes the call out of its table, and reports whether it was there: then
// the caller ends it.
func (w *call) take() bool {
	c := w.socket.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	return w.socket.takeCallLocked(w.id) == w
}

// resolve ends a call that the caller has taken out of its table.
func (w *call) resolve(args Args, err error) {
	w.args, w.err = args, err
	if w.all != nil {
		w.all.add(w)
		return
	}
	close(w.done)
}

// fail ends the call with err unless it ends by itself.
func (w *call) fail(err error) {
	if w.take() {
		w.resolve(Args{}, err)
	}
}

// enter notes that a handler of a connection waits, unless that connection is not
// read any more: then nothing that the handler waits for could arrive.
func (w *call) enter() error {
	c := w.inside
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.hardFullLocked() {
		return ErrInboundFull
	}
	if w.next = c.calling; w.next != nil {
		w.next.prev = w
	}
	c.calling = w
	return nil
}

// exit undoes enter.
func (w *call) exit() {
	c := w.inside
	c.mu.Lock()
	defer c.mu.Unlock()
	if w.next != nil {
		w.next.prev = w.prev
	}
	if w.prev != nil {
		w.prev.next = w.next
	} else {
		c.calling = w.next
	}
}

// stuckLocked returns the calls that must end now that the connection is not read
// any more: those that its own handlers wait for, which would keep its queue from
// draining, and those owed by it of which nobody knows whether a handler waits.
func (c *conn) stuckLocked() []*call {
	var stuck []*call
	for w := c.calling; w != nil; w = w.next {
		stuck = append(stuck, w)
	}
	for s := c.sockets; s != nil; s = s.next {
		for _, w := range s.calls {
			if w.inside == nil {
				stuck = append(stuck, w)
			}
		}
	}
	return stuck
}
