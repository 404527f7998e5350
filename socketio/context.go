package socketio

import (
	"context"
	"time"

	"github.com/sockeye-io/sockeye/engineio"
)

// socketContext is a Socket as the context of its handlers. It costs nothing
// until somebody waits for its end.
type socketContext Socket

// socketKey is the key under which a handler's context holds its socket.
type socketKey struct{}

// life is the part of a socket's context that is made when it is first waited
// for. It is a context of the standard library, found by its children through
// Value, so that they need neither a goroutine nor a registration of our own.
type life struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
}

// Deadline implements context.Context: a socket has none.
func (c *socketContext) Deadline() (deadline time.Time, ok bool) { return time.Time{}, false }

// Done implements context.Context.
func (c *socketContext) Done() <-chan struct{} { return c.begun().ctx.Done() }

// Err implements context.Context.
func (c *socketContext) Err() error {
	s := (*Socket)(c)
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	if s.life != nil {
		return s.life.ctx.Err()
	}
	if s.gone() {
		return context.Canceled
	}
	return nil
}

// Value implements context.Context.
func (c *socketContext) Value(key any) any {
	s := (*Socket)(c)
	if key == (socketKey{}) {
		return s
	}
	s.conn.mu.Lock()
	l := s.life
	s.conn.mu.Unlock()
	if l == nil && !s.gone() {
		return nil // whoever looks for a cause finds none
	}
	return c.begun().ctx.Value(key)
}

// begun returns the socket's life, which it makes if need be.
func (c *socketContext) begun() *life {
	s := (*Socket)(c)
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	if s.life == nil {
		ctx, cancel := context.WithCancelCause(context.Background())
		s.life = &life{ctx: ctx, cancel: cancel}
		if end := s.ended.Load(); end != nil {
			cancel(end)
		}
	}
	return s.life
}

// endContext is a Socket as the context of its disconnect handlers: it has the
// socket, and ends when Server.Shutdown gives up waiting.
type endContext Socket

// Deadline implements context.Context.
func (c *endContext) Deadline() (deadline time.Time, ok bool) { return time.Time{}, false }

// Done implements context.Context.
func (c *endContext) Done() <-chan struct{} { return c.conn.srv.life.Done() }

// Err implements context.Context.
func (c *endContext) Err() error { return c.conn.srv.life.Err() }

// Value implements context.Context.
func (c *endContext) Value(key any) any {
	if key == (socketKey{}) {
		return (*Socket)(c)
	}
	return c.conn.srv.life.Value(key)
}

// socketOf returns the socket whose handler ctx belongs to, or nil.
func socketOf(ctx context.Context) *Socket {
	s, _ := ctx.Value(socketKey{}).(*Socket)
	return s
}

// yield is called before anything in this package that waits with ctx. If a
// handler does, what it emitted leaves, and somebody else reads on for it.
func yield(ctx context.Context) {
	s := socketOf(ctx)
	if s == nil {
		return
	}
	var few [4]*engineio.Turn
	turns := few[:0]
	s.conn.mu.Lock()
	for r := s.runs; r != nil; r = r.next {
		turns = append(turns, r.turn)
	}
	s.conn.mu.Unlock()
	for _, t := range turns {
		t.Yield()
	}
}

// busy reports whether a handler of the socket runs.
func (s *Socket) busy() bool {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	return s.runs != nil
}
