package engineio

import (
	"context"
	"errors"
	"runtime/debug"
	"sync"

	"github.com/sockeye-io/sockeye/engineio/transport"
)

// Limits on what waits for the handlers of a session when the server is used
// alone. Above them the session is not read.
const (
	appPackets = 1000
	appBytes   = 256 << 10
)

// Message is what a client sent: text, or binary data. Data belongs to the
// handler.
type Message struct {
	Data   []byte
	Binary bool
}

// Text returns the data as a string.
func (m Message) Text() string { return string(m.Data) }

// app runs the handlers of a server that is used alone.
type app struct {
	srv *Server

	mu sync.RWMutex
	// Guarded by mu.
	onConnect func(context.Context, *Session) error
	onMessage func(context.Context, *Session, Message) error
	onClose   func(context.Context, *Session, Close)
}

// OnConnect sets the handler of new sessions. It runs before any handler of a
// message of the session; an error closes the session. Setting it again
// replaces it.
func (s *Server) OnConnect(fn func(ctx context.Context, s *Session) error) {
	s.app.mu.Lock()
	defer s.app.mu.Unlock()
	s.app.onConnect = fn
}

// OnMessage sets the handler of messages. Messages of one session are handled
// one at a time, in order. An error is logged. Setting it again replaces it.
func (s *Server) OnMessage(fn func(ctx context.Context, s *Session, m Message) error) {
	s.app.mu.Lock()
	defer s.app.mu.Unlock()
	s.app.onMessage = fn
}

// OnClose sets the handler of ended sessions. It runs once for each, after the
// handlers of its messages; its ctx is not cancelled by the end of the session.
// Setting it again replaces it.
func (s *Server) OnClose(fn func(ctx context.Context, s *Session, c Close)) {
	s.app.mu.Lock()
	defer s.app.mu.Unlock()
	s.app.onClose = fn
}

// Send queues a text message. The errors are those of Write.
func (s *Session) Send(text string) error { return s.Write([]byte(text), nil, WriteOptions{}) }

// SendBinary queues a binary message, copied. The errors are those of Write.
func (s *Session) SendBinary(b []byte) error {
	return s.Write(nil, [][]byte{b}, WriteOptions{})
}

// Reply sends a message back in the form in which it came.
func (s *Session) Reply(m Message) error {
	if m.Binary {
		return s.SendBinary(m.Data)
	}
	return s.Write(m.Data, nil, WriteOptions{})
}

// appSession queues the messages of one session and runs handlers for them.
type appSession struct {
	app  *app
	sess *Session
	ctx  context.Context //nolint:containedctx // the session's own
	end  context.CancelFunc

	mu sync.Mutex
	// Guarded by mu.
	jobs    []func(context.Context)
	bytes   int
	running bool
	paused  bool
	turn    *Turn
}

// handlerKey finds the session whose handler a ctx was given to.
type handlerKey struct{}

func (a *app) accept(s *Session) Receiver {
	r := &appSession{app: a, sess: s}
	r.ctx, r.end = context.WithCancel(context.WithValue(context.Background(), handlerKey{}, r))
	r.push(func(ctx context.Context) {
		a.mu.RLock()
		fn := a.onConnect
		a.mu.RUnlock()
		if fn == nil {
			return
		}
		if err := fn(ctx, s); err != nil {
			a.srv.opts.Logger.Warn("engineio: the connect handler refused a session", "error", err)
			s.Close()
		}
	}, 0)
	a.srv.Go(func() { r.Turn(nil) })
	return r
}

// inHandler returns how many goroutines of the server stand in the handler that
// ctx belongs to, and has somebody else read on for it.
func inHandler(ctx context.Context) int {
	r, ok := ctx.Value(handlerKey{}).(*appSession)
	if !ok {
		return 0
	}
	r.mu.Lock()
	turn := r.turn
	r.mu.Unlock()
	turn.Yield()
	return 1
}

// Receive queues a message.
func (r *appSession) Receive(data []byte, binary bool) {
	m := Message{Data: data, Binary: binary}
	r.push(func(ctx context.Context) {
		r.app.mu.RLock()
		fn := r.app.onMessage
		r.app.mu.RUnlock()
		if fn == nil {
			return
		}
		if err := fn(ctx, r.sess, m); err != nil && !errors.Is(err, ErrClosed) {
			r.app.srv.opts.Logger.Error("engineio: message handler", "error", err)
		}
	}, len(data))
}

func (r *appSession) push(job func(context.Context), size int) {
	r.mu.Lock()
	r.jobs = append(r.jobs, job)
	r.bytes += size
	pause := !r.paused && (len(r.jobs) > appPackets || r.bytes > appBytes)
	if pause {
		r.paused = true
	}
	r.mu.Unlock()
	if pause {
		r.sess.Pause()
	}
}

// Turn runs what is queued, unless another turn does.
func (r *appSession) Turn(t *Turn) {
	r.mu.Lock()
	if r.running {
		r.mu.Unlock()
		return
	}
	r.running, r.turn = true, t
	for len(r.jobs) > 0 {
		jobs := r.jobs
		r.jobs, r.bytes = nil, 0
		resume := r.paused
		r.paused = false
		r.mu.Unlock()
		if resume {
			r.sess.Resume()
		}
		for _, job := range jobs {
			r.run(job)
		}
		r.mu.Lock()
	}
	r.running, r.turn = false, nil
	r.mu.Unlock()
}

// run runs one job; a panic ends only that.
func (r *appSession) run(job func(context.Context)) {
	defer func() {
		if v := recover(); v != nil {
			r.app.srv.opts.Logger.Error("engineio: panic in a handler", "panic", v, "stack", string(debug.Stack()))
		}
	}()
	job(r.ctx)
}

// Closed has the close handler run behind what is queued.
func (r *appSession) Closed(c Close) {
	r.end()
	r.push(func(ctx context.Context) {
		r.app.mu.RLock()
		fn := r.app.onClose
		r.app.mu.RUnlock()
		if fn != nil {
			fn(context.WithoutCancel(ctx), r.sess, c)
		}
	}, 0)
	r.app.srv.Go(func() { r.Turn(nil) })
}

var _ transport.Sink = (*sink)(nil)
