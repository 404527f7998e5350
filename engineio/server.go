package engineio

import (
	"cmp"
	"compress/flate"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sockeye-io/sockeye/engineio/transport"
	"github.com/sockeye-io/sockeye/engineio/transport/polling"
	"github.com/sockeye-io/sockeye/engineio/transport/websocket"
	"github.com/sockeye-io/sockeye/internal/wheel"
	"github.com/sockeye-io/sockeye/internal/worker"
)

// wheelGrain is the precision of heartbeats and time-outs.
const wheelGrain = 5 * time.Millisecond

// Server accepts Engine.IO sessions. It is an http.Handler.
type Server struct {
	// Static after Bind.
	opts    Options
	accept  func(*Session) Receiver
	ws, ws3 websocket.Config // of protocol v4 and of v3
	polling polling.Config
	app     *app // what runs above sessions unless Bind replaced it
	deflate *transport.Deflate

	group   worker.Group
	flusher *transport.Flusher
	wheel   *wheel.Wheel
	down    atomic.Bool // Shutdown has begun

	deflating atomic.Bool // a session takes, or took, compressed messages

	originLog, sidLog quiet

	mu       sync.RWMutex
	sessions map[string]*Session // guarded by mu
}

// NewServer returns a server, or an error that names everything that is wrong
// with the options.
func NewServer(o Options) (*Server, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Server{opts: o, sessions: make(map[string]*Session), wheel: wheel.New(wheelGrain)}
	s.flusher = transport.NewFlusher(&s.group)
	s.ws = websocket.Config{MaxPayload: o.MaxPayload, CloseTimeout: o.CloseTimeout, Group: &s.group}
	s.ws3 = s.ws
	s.ws3.V3 = true
	s.polling = polling.Config{MaxPayload: o.MaxPayload, CloseTimeout: o.CloseTimeout, Group: &s.group}
	if len(o.Compressors) > 0 {
		s.polling.Compress = s.compress
	}
	if d := o.PerMessageDeflate; d != nil {
		s.deflate, err = transport.NewDeflate(cmp.Or(d.Level, flate.BestSpeed), cmp.Or(d.Threshold, DefaultCompressionThreshold))
		if err != nil {
			return nil, err
		}
		s.flusher.SetDeflate(s.deflate)
	}
	s.app = &app{srv: s}
	s.accept = s.app.accept
	return s, nil
}

// Bind puts a protocol above the sessions, in place of OnConnect, OnMessage and
// OnClose. It is called before the server serves. Accept is called for each new
// session before its OPEN packet is sent; what it writes follows that packet.
// It runs no user code and does not block.
func (s *Server) Bind(accept func(*Session) Receiver) { s.accept = accept }

// Go runs fn on a goroutine that Shutdown waits for. It reports false, and runs
// nothing, when the server has shut down.
func (s *Server) Go(fn func()) bool { return s.group.Go(fn) }

// Len returns the number of open sessions.
func (s *Server) Len() int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.sessions)
}

// Session returns the open session with an id, or nil.
func (s *Server) Session(id string) *Session {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.sessions[id]
}

// Shutdown refuses new sessions, closes the open ones with ReasonShutdown
// behind what is queued for them, and waits until every goroutine of the server
// has ended. If ctx ends first, what is left is cut off and the result is ctx's
// error. Call it before http.Server.Shutdown, which would wait for open polls.
//
// A handler of the server may call it; the handlers that are inside Shutdown
// are not waited for, if they pass the ctx that they were given or one made from
// it.
func (s *Server) Shutdown(ctx context.Context) error {
	return s.ShutdownExcept(ctx, inHandler(ctx))
}

// ShutdownExcept is Shutdown for a protocol above the sessions: the callers'
// own n goroutines, as started by the server, are not waited for.
func (s *Server) ShutdownExcept(ctx context.Context, n int) error {
	s.down.Store(true)
	for _, sess := range s.snapshot() {
		sess.CloseReason(ReasonShutdown, nil)
	}
	// The end of a handler's own session cancels its ctx; only a deadline ends
	// the wait then.
	wait, cancel := withoutOwnEnd(ctx, n)
	defer cancel()
	err := s.group.WaitExcept(wait, n)
	if err != nil {
		for _, sess := range s.snapshot() {
			sess.cut()
		}
	}
	s.group.Close()
	s.wheel.Close()
	return err
}

// withoutOwnEnd returns the ctx to wait with: ctx itself, or for a handler one
// that keeps the deadline only.
func withoutOwnEnd(ctx context.Context, n int) (context.Context, context.CancelFunc) {
	if n == 0 {
		return ctx, func() {}
	}
	free := context.WithoutCancel(ctx)
	if deadline, ok := ctx.Deadline(); ok {
		return context.WithDeadline(free, deadline)
	}
	return free, func() {}
}

// snapshot returns the open sessions.
func (s *Server) snapshot() []*Session {
	s.mu.RLock()
	defer s.mu.RUnlock()
	all := make([]*Session, 0, len(s.sessions))
	for _, sess := range s.sessions {
		all = append(all, sess)
	}
	return all
}

// errDuplicateID: GenerateID returned the id of an open session.
var errDuplicateID = errors.New("engineio: Options.GenerateID returned the id of an open session")

// add registers a session.
func (s *Server) add(sess *Session) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, taken := s.sessions[sess.id]; taken {
		return errDuplicateID
	}
	s.sessions[sess.id] = sess
	return nil
}

// remove forgets a session.
func (s *Server) remove(sess *Session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sessions[sess.id] == sess {
		delete(s.sessions, sess.id)
	}
}

// newID returns a session id: 15 random bytes as 20 characters, or what
// Options.GenerateID makes.
func (s *Server) newID(r *http.Request) (string, error) {
	if s.opts.GenerateID != nil {
		id, err := s.opts.GenerateID(r)
		if err == nil && id == "" {
			err = errors.New("engineio: Options.GenerateID returned an empty id")
		}
		return id, err
	}
	return NewID(), nil
}

// NewID returns a fresh secret: 120 random bits as 20 characters of the
// URL-safe base64 alphabet, the form of the session ids of the reference server.
func NewID() string {
	var b [15]byte
	_, _ = rand.Read(b[:]) // never fails
	return base64.URLEncoding.EncodeToString(b[:])
}

// allows reports whether a transport may be used.
func (s *Server) allows(name string) bool { return slices.Contains(s.opts.Transports, name) }

// quiet lets one of many like events through a minute.
type quiet struct{ last atomic.Int64 }

func (q *quiet) due() bool {
	now := time.Now().UnixNano()
	last := q.last.Load()
	return (last == 0 || now-last > int64(time.Minute)) && q.last.CompareAndSwap(last, now)
}
