package socketio

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"sync"

	"github.com/sockeye-io/sockeye"
	"github.com/sockeye-io/sockeye/engineio"
	"github.com/sockeye-io/sockeye/socketio/siowire"
)

// Reply is what one socket answered to an event that was sent to many.
type Reply[T any] struct {
	SocketID string
	Value    T
}

// ReplyError says which socket gave no answer, or not the one that was asked for.
// Err is what Socket.Call would have returned: ctx's error, ErrDisconnected,
// ErrInboundFull, an *Error of the peer's handler, or an *ArgumentError.
type ReplyError struct {
	SocketID string
	Err      error
}

// Error implements error.
func (e *ReplyError) Error() string {
	return fmt.Sprintf("socketio: no answer from %s: %v", e.SocketID, e.Err)
}

// Unwrap returns Err.
func (e *ReplyError) Unwrap() error { return e.Err }

// CallAll emits an event to every socket that a Broadcast means, and yields their
// acknowledgements as they come, each with its first argument as an R: see
// Broadcast.Call. The argument is v, as with Handle, and R is as with Call. For
// everyone in a namespace the Broadcast is its To().
func CallAll[R, T any](ctx context.Context, to Broadcast, ev sockeye.Request[T, R], v T) iter.Seq2[Reply[R], error] {
	return func(yield func(Reply[R], error) bool) {
		args, err := argsOf(v)
		if err != nil {
			yield(Reply[R]{}, err)
			return
		}
		decode := argsDecoder[R]()
		for raw, err := range to.Call(ctx, string(ev), args...) {
			var r Reply[R]
			if err == nil {
				r.SocketID = raw.SocketID
				if err = decode(&raw.Value, &r.Value); err != nil {
					r, err = Reply[R]{}, &ReplyError{SocketID: raw.SocketID, Err: err}
				}
			}
			if !yield(r, err) {
				return
			}
		}
	}
}

// Call emits an event, as Emit does, and yields the acknowledgement of each socket
// as it comes: one pair for each socket that the Broadcast meant when it was sent,
// and none if that was nobody. Ctx is the timeout; without one it waits until all
// have answered or ended. A socket without an answer is a pair with a *ReplyError,
// so what has come is never lost. Arguments that cannot be written are one pair with
// an *EncodeError, and nothing is sent. A volatile event that was dropped is an answer
// that does not come.
//
// Nothing is sent before the sequence is ranged over, and again each time that it
// is. The loop's body runs without locks and may take its time or break: then no
// further answer is waited for, and nothing is kept of those that are missing.
func (b Broadcast) Call(ctx context.Context, event string, args ...any) iter.Seq2[Reply[Args], error] {
	return func(pair func(Reply[Args], error) bool) {
		g := &gather{more: make(chan struct{}, 1)}
		if caller := socketOf(ctx); caller != nil {
			g.inside = caller.conn
		}
		defer g.abandon()
		if err := g.send(b, event, args); err != nil {
			pair(Reply[Args]{}, err)
			return
		}
		yield(ctx)
		for range g.calls {
			w := g.next(ctx)
			r, err := Reply[Args]{SocketID: w.socket.id, Value: w.args}, w.err
			if err == nil {
				err = replyError(w.args)
			}
			if err != nil {
				r, err = Reply[Args]{}, &ReplyError{SocketID: w.socket.id, Err: err}
			}
			if !pair(r, err) {
				return
			}
		}
	}
}

// gather waits for the calls of one broadcast.
type gather struct {
	// static
	inside *conn // whose handler waits; nil if that is not known
	more   chan struct{}

	// owned by the goroutine that waits
	calls    []*call
	canceled bool

	mu sync.Mutex // a leaf

	// guarded by mu
	ended []*call // and not yielded
}

// send emits the event and expects its acknowledgements. After an error none is
// waited for.
func (g *gather) send(b Broadcast, event string, args []any) error {
	if b.self != nil || b.ns.pattern == nil {
		return g.sendIn(b, event, args)
	}
	for _, n := range b.ns.spread() {
		b.ns = n
		if err := g.sendIn(b, event, args); err != nil {
			return err
		}
	}
	return nil
}

// sendIn is send in a namespace that is no parent: all its sockets get the same
// packet, under one id.
func (g *gather) sendIn(b Broadcast, event string, args []any) error {
	srv := b.ns.srv
	e := srv.encoder()
	defer e.release()
	h := siowire.Header{Type: siowire.Event, Namespace: b.ns.name, ID: b.ns.nextCall.Add(1) - 1, HasID: true}
	if err := e.encode(h, event, args); err != nil {
		return err
	}
	targets := b.targets()
	if b.self == nil {
		targets = slices.DeleteFunc(targets, (*Socket).gone) // about to leave their rooms
	}
	if len(targets) == 0 {
		return nil
	}
	f := srv.engine.NewFanout(e.prepare(b.plain), engineio.WriteOptions{Volatile: b.volatile})
	for _, s := range targets {
		if g.expect(s, h.ID) {
			f.Add(s.conn.sess)
		}
	}
	f.Done()
	for _, s := range targets {
		s.conn.applyPause() // it may have to read on
		if err := s.watchOutgoing(e); err != nil {
			return err
		}
	}
	return nil
}

// expect makes the acknowledgement of one socket expected. If it cannot come, that
// is the end of this call, and false.
func (g *gather) expect(s *Socket, id uint64) bool {
	w := &call{socket: s, id: id, all: g}
	g.calls = append(g.calls, w)
	if g.inside != nil {
		w.inside = g.inside
		if err := w.enter(); err != nil {
			w.inside = nil // it is in no list
			w.resolve(Args{}, err)
			return false
		}
	}
	if err := w.register(); err != nil {
		w.resolve(Args{}, err)
		return false
	}
	return true
}

// add takes a call that has ended.
func (g *gather) add(w *call) {
	g.mu.Lock()
	g.ended = append(g.ended, w)
	g.mu.Unlock()
	select {
	case g.more <- struct{}{}:
	default: // it is known that there is one
	}
}

// next returns the next call that ends.
func (g *gather) next(ctx context.Context) *call {
	for {
		g.mu.Lock()
		if len(g.ended) > 0 {
			w := g.ended[0]
			g.ended[0] = nil
			g.ended = g.ended[1:]
			g.mu.Unlock()
			return w
		}
		g.mu.Unlock()
		if g.canceled {
			<-g.more // the rest is being ended
			continue
		}
		select {
		case <-g.more:
		case <-ctx.Done():
			g.canceled = true
			err := ctxError(ctx)
			for _, w := range g.calls {
				if w.take() {
					w.resolve(Args{}, err)
					w.socket.conn.applyPause()
				}
			}
		}
	}
}

// abandon forgets what is still expected.
func (g *gather) abandon() {
	for _, w := range g.calls {
		if w.take() {
			w.socket.conn.applyPause()
		}
		if w.inside != nil {
			w.exit()
		}
	}
}
