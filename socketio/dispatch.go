package socketio

import (
	"context"
	"errors"
	"log/slog"
	"runtime/debug"

	"github.com/sockeye-io/sockeye/engineio"
	"github.com/sockeye-io/sockeye/socketio/siowire"
)

// keepQueue is the largest queue that goes back to its pool, in events.
const keepQueue = 64

// job is an event that waits for its handlers.
type job struct {
	packet siowire.Packet
	size   int // what it counts for in conn.bytes
}

// queue holds the events of a socket that wait. It is borrowed from the server
// by the first of them and given back behind the last.
type queue struct {
	jobs []job
	head int // the first job that waits
}

// work is what a runner does.
type work uint8

const (
	workConnect work = iota // OnConnect handlers
	workEvent
	workEnd // disconnect handlers
)

// runner is a goroutine at work for a connection, or a middleware's.
type runner struct {
	turn *engineio.Turn // nil if it is not a turn of the session

	// guarded by conn.mu
	socket *Socket // whose work it does now
	next   *runner // in Socket.runs

	// owned by the goroutine
	work   work
	job    job
	packet Packet // lent to handlers that cannot keep it
}

// pushLocked appends an event to the socket's queue.
func (s *Socket) pushLocked(p *siowire.Packet, size int) {
	q := s.queue
	if q == nil {
		q, _ = s.conn.srv.queues.Get().(*queue)
		if q == nil {
			q = new(queue)
		}
		s.queue = q
	}
	if len(q.jobs) == cap(q.jobs) && q.head > 0 { // make room in front before growing
		n := copy(q.jobs, q.jobs[q.head:])
		clear(q.jobs[n:])
		q.jobs, q.head = q.jobs[:n], 0
	}
	q.jobs = append(q.jobs, job{packet: *p, size: size})
}

// popLocked takes the first event off the socket's queue.
func (s *Socket) popLocked(j *job) {
	q := s.queue
	*j = q.jobs[q.head]
	q.jobs[q.head] = job{}
	if q.head++; q.head == len(q.jobs) {
		s.releaseQueueLocked()
	}
}

// releaseQueueLocked gives an emptied queue back.
func (s *Socket) releaseQueueLocked() {
	q := s.queue
	s.queue = nil
	if cap(q.jobs) <= keepQueue {
		q.jobs, q.head = q.jobs[:0], 0
		s.conn.srv.queues.Put(q)
	}
}

// dropEventsLocked empties the socket's queue.
func (s *Socket) dropEventsLocked() {
	var j job
	for s.queue != nil {
		s.popLocked(&j)
		s.conn.packets--
		s.conn.bytes -= j.size
	}
}

// runnableLocked reports whether a runner can do something for the socket.
func (s *Socket) runnableLocked() bool {
	switch {
	case s.exclusive:
		return false
	case s.doConnect:
		return s.active == 0
	case s.queue != nil:
		return s.active < s.ns.limit()
	default:
		return s.doEnd && s.active == 0
	}
}

// listLocked appends s to the sockets with something to do, if it is one.
func (c *conn) listLocked(s *Socket) {
	if s.listed || !s.runnableLocked() {
		return
	}
	s.listed = true
	if c.lastRun == nil {
		c.firstRun = s
	} else {
		c.lastRun.nextRun = s
	}
	c.lastRun = s
}

// unlistLocked takes the first socket off the list, or returns nil.
func (c *conn) unlistLocked() *Socket {
	s := c.firstRun
	if s == nil {
		return nil
	}
	if c.firstRun = s.nextRun; c.firstRun == nil {
		c.lastRun = nil
	}
	s.nextRun, s.listed = nil, false
	return s
}

// run does what there is to do for the connection's sockets until nothing is left
// that can start. Several goroutines may be in it; each takes another socket's
// work. Turn is nil unless the session called.
func (c *conn) run(turn *engineio.Turn) {
	r, _ := c.srv.runners.Get().(*runner)
	if r == nil {
		r = new(runner)
	}
	r.turn = turn
	for c.take(r) {
		switch r.work {
		case workConnect:
			r.socket.connected()
		case workEvent:
			r.event()
		case workEnd:
			r.socket.disconnected()
		}
	}
	r.turn = nil
	c.srv.runners.Put(r)
}

// take ends what the runner has just done and gives it something else to do.
func (c *conn) take(r *runner) bool {
	c.mu.Lock()
	if r.socket != nil {
		c.doneLocked(r)
	}
	more := c.startLocked(r)
	change := c.fullLocked()
	// A turn that takes long is followed by another one; elsewhere nobody comes
	// for what waits behind this runner's work but a goroutine of our own.
	help := more && r.turn == nil && c.firstRun != nil
	c.mu.Unlock()
	if change {
		c.applyPause()
	}
	if help {
		c.srv.engine.Go(func() { c.run(nil) })
	}
	return more
}

// startLocked finds something to do for the runner.
func (c *conn) startLocked(r *runner) bool {
	s := c.unlistLocked()
	for s != nil && !s.runnableLocked() { // its events have been dropped since
		s = c.unlistLocked()
	}
	if s == nil {
		return false
	}
	switch {
	case s.doConnect:
		r.work, s.doConnect, s.exclusive = workConnect, false, true
	case s.queue != nil:
		r.work = workEvent
		s.popLocked(&r.job)
	default:
		r.work, s.doEnd, s.exclusive = workEnd, false, true
	}
	s.enterLocked(r)
	c.listLocked(s)
	return true
}

// doneLocked ends the runner's work.
func (c *conn) doneLocked(r *runner) {
	s := r.socket
	if r.work == workEvent {
		c.packets--
		c.bytes -= r.job.size
		r.job = job{}
	} else {
		s.exclusive = false
	}
	s.exitLocked(r)
	c.listLocked(s)
}

// enterLocked notes that r runs a handler of s.
func (s *Socket) enterLocked(r *runner) {
	r.socket, r.next, s.runs = s, s.runs, r
	s.active++
}

// exitLocked undoes enterLocked.
func (s *Socket) exitLocked(r *runner) {
	for at := &s.runs; *at != nil; at = &(*at).next {
		if *at == r {
			*at = r.next
			break
		}
	}
	r.socket, r.next = nil, nil
	s.active--
}

// event runs the handlers of an event, and acknowledges it if that is not left to
// them.
func (r *runner) event() {
	s, w := r.socket, &r.job.packet
	t, own := s.ns.handlers.load(), s.own.Load().load()
	var sets [2]*eventHandlers
	if w.Name != nil {
		sets = [2]*eventHandlers{t.events[string(w.Name)], own.events[string(w.Name)]}
	}
	watched := len(t.any)+len(t.useEvent) > 0
	if sets[0] == nil && sets[1] == nil && !watched {
		return
	}
	p := r.lend(sets, watched)
	defer r.takeBack()
	for _, h := range t.any {
		if err := s.callPacket(h.fn, p); err != nil {
			s.report(s.Context(), p.event, err)
		}
	}
	for _, m := range t.useEvent {
		if err := s.callPacket(m.fn, p); err != nil {
			s.report(s.Context(), p.event, err)
			s.answerError(p, err)
			return
		}
	}
	r.handlers(p, sets)
}

// handlers runs the handlers of one event in order.
func (r *runner) handlers(p *Packet, sets [2]*eventHandlers) {
	s := r.socket
	var failed error
	found, later := false, false
	for _, set := range sets {
		if set == nil {
			continue
		}
		for _, h := range set.list {
			if h.take != nil && !h.take() {
				continue
			}
			found = true
			later = later || h.answers == answersItself
			err := s.callPacket(h.run, p)
			if err == nil {
				continue
			}
			s.report(s.Context(), p.event, err)
			if failed == nil {
				failed = err
			}
			var panicked *PanicError
			if errors.As(err, &panicked) {
				s.answerError(p, failed)
				return
			}
		}
	}
	switch {
	case failed != nil:
		s.answerError(p, failed)
	case found && !later && !p.answered():
		_ = p.Reply() // cannot fail but with the socket
	}
}

// lend returns the packet for the handlers: the runner's own, unless one of them
// may keep it.
func (r *runner) lend(sets [2]*eventHandlers, watched bool) *Packet {
	p := &r.packet
	retains := watched
	var event string
	for _, set := range sets {
		if set != nil {
			event = set.event
			retains = retains || set.retains
		}
	}
	w := &r.job.packet
	if event == "" {
		event = string(w.Name)
	}
	if retains {
		p = new(Packet)
	}
	p.socket, p.event, p.args, p.id, p.hasID = r.socket, event, w.Args, w.ID, w.HasID
	return p
}

// takeBack empties the runner's own packet.
func (r *runner) takeBack() {
	p := &r.packet
	p.socket, p.event, p.args, p.id, p.hasID = nil, "", Args{}, 0, false
	p.replied.Store(false)
}

// connected runs the OnConnect handlers; the first error ends the socket.
func (s *Socket) connected() {
	for _, h := range s.ns.handlers.load().connect {
		if err := s.callSocket(h.fn); err != nil {
			s.report(s.Context(), "connect", err)
			s.Disconnect()
			return
		}
	}
}

// disconnected runs the disconnect handlers.
func (s *Socket) disconnected() {
	why := s.ended.Load().Disconnect
	t := s.ns.handlers.load()
	for _, h := range t.disconnecting {
		if err := s.callDisconnect(h.fn, why); err != nil {
			s.report((*endContext)(s), "disconnecting", err)
		}
	}
	for _, h := range t.disconnect {
		if err := s.callDisconnect(h.fn, why); err != nil {
			s.report((*endContext)(s), "disconnect", err)
		}
	}
	s.ns.release()
}

// callSocket calls a connection middleware or an OnConnect handler.
func (s *Socket) callSocket(fn Middleware) (err error) {
	defer recovered(&err)
	return fn((*socketContext)(s), s)
}

// callPacket calls an event handler.
func (s *Socket) callPacket(fn PacketHandler, p *Packet) (err error) {
	defer recovered(&err)
	return fn((*socketContext)(s), s, p)
}

// callDisconnect calls a disconnect handler.
func (s *Socket) callDisconnect(fn DisconnectHandler, why Disconnect) (err error) {
	defer recovered(&err)
	fn((*endContext)(s), s, why)
	return nil
}

// recovered turns a panic into an error. It must be deferred itself.
func recovered(err *error) {
	if v := recover(); v != nil { //nolint:revive // it is deferred itself, everywhere
		*err = &PanicError{Value: v, Stack: debug.Stack()}
	}
}

// answerError acknowledges an event whose handler failed, if that is wanted.
func (s *Socket) answerError(p *Packet, cause error) {
	if p.answered() {
		return
	}
	reply := func() (err error) {
		defer recovered(&err)
		if args := s.conn.srv.opts.AckError(cause); args != nil {
			return p.Reply(args...)
		}
		return nil
	}
	err := reply()
	var unfit *EncodeError
	var panicked *PanicError
	if errors.As(err, &unfit) || errors.As(err, &panicked) {
		s.report(s.Context(), p.event, err)
		_ = p.Reply(errorReply{Error: errorBody{Message: internalError}}) // cannot fail but with the socket
	}
}

// report tells whoever wants to know that a handler failed.
func (s *Socket) report(ctx context.Context, event string, err error) {
	if s.isOwnEnd(err) {
		return
	}
	srv := s.conn.srv
	hooks := s.ns.handlers.load().onError
	if len(hooks) == 0 && srv.opts.OnError == nil {
		s.log(ctx, event, err)
		return
	}
	tell := func(fn ErrorHandler) {
		var failed error
		func() {
			defer recovered(&failed)
			fn(ctx, s, event, err)
		}()
		if failed != nil {
			s.log(ctx, event, failed)
		}
	}
	for _, h := range hooks {
		tell(h.fn)
	}
	if len(hooks) == 0 {
		tell(srv.opts.OnError)
	}
}

// isOwnEnd reports whether err only says that the socket has ended.
func (s *Socket) isOwnEnd(err error) bool {
	if !s.gone() {
		return false
	}
	var end *DisconnectedError
	if errors.As(err, &end) {
		return end.socket == s
	}
	return errors.Is(err, context.Canceled)
}

// log writes a handler's error to the log.
func (s *Socket) log(ctx context.Context, event string, err error) {
	level := slog.LevelError
	if isPublic(err) {
		level = slog.LevelInfo // the client has been told
	}
	attrs := []slog.Attr{
		slog.String("namespace", s.ns.name), slog.String("socket", s.id),
		slog.String("event", event), slog.Any("error", err),
	}
	var panicked *PanicError
	if errors.As(err, &panicked) {
		attrs = append(attrs, slog.String("stack", string(panicked.Stack)))
	}
	s.conn.srv.opts.Logger.LogAttrs(ctx, level, "socketio: handler failed", attrs...)
}
