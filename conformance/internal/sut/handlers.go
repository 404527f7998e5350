package sut

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/sockeye-io/sockeye/socketio"
)

// handlers is what the server does with events. The names are those of js/server.mjs.
type handlers struct {
	srv     *socketio.Server
	reasons promises[socketio.Reason] // by socket id
	gates   promises[chan bool]       // by the name that the client chose
}

func newHandlers(srv *socketio.Server) *handlers { return &handlers{srv: srv} }

// promises are values that somebody may wait for before they are there.
type promises[T any] struct {
	mu sync.Mutex
	m  map[string]*promise[T] // guarded by mu
}

type promise[T any] struct {
	done  chan struct{}
	value T // set before done is closed
}

func (p *promises[T]) of(key string) *promise[T] {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.m == nil {
		p.m = make(map[string]*promise[T])
	}
	if p.m[key] == nil {
		p.m[key] = &promise[T]{done: make(chan struct{})}
	}
	return p.m[key]
}

// resolve is called once for each key.
func (p *promises[T]) resolve(key string, v T) {
	entry := p.of(key)
	entry.value = v
	close(entry.done)
}

func (p *promises[T]) wait(ctx context.Context, key string) (T, error) {
	entry := p.of(key)
	select {
	case <-entry.done:
		return entry.value, nil
	case <-ctx.Done():
		return entry.value, ctx.Err()
	}
}

// rest returns the packet's arguments from the i-th, untouched, to be sent again.
func rest(p *socketio.Packet, i int) []any {
	var args []any
	for ; i < p.Len(); i++ {
		args = append(args, p.Args().Raw(i))
	}
	return args
}

func (h *handlers) register() {
	main := h.srv.Of("/")
	for _, name := range []string{"/", "/custom", "/other", "/auth", "/gate", "/throw"} {
		h.common(h.srv.Of(name))
	}
	for _, name := range []string{"/", "/custom", "/other"} {
		h.echo(h.srv.Of(name))
	}
	h.calls(main)
	h.rooms(main)
	h.ends(main)
	h.middleware()
	h.onDemand(main)
}

// common is what every namespace does.
func (h *handlers) common(n *socketio.Namespace) {
	n.OnConnect(func(_ context.Context, s *socketio.Socket) error {
		auth := s.Handshake().Auth
		if auth.Bytes() == nil {
			return s.Emit("auth", struct{}{})
		}
		return s.Emit("auth", auth)
	})
	n.OnDisconnect(func(_ context.Context, s *socketio.Socket, why socketio.Disconnect) {
		h.reasons.resolve(s.ID(), why.Reason)
	})
}

// echo is what the protocol suite asks for, and what the client programs use in several namespaces.
func (h *handlers) echo(n *socketio.Namespace) {
	n.OnPacket("message", func(_ context.Context, s *socketio.Socket, p *socketio.Packet) error {
		return s.Emit("message-back", rest(p, 0)...)
	})
	n.OnPacket("message-with-ack", func(_ context.Context, _ *socketio.Socket, p *socketio.Packet) error {
		return p.Reply(rest(p, 0)...)
	})
	n.OnPacket("all", func(_ context.Context, _ *socketio.Socket, p *socketio.Packet) error {
		return relay(p, 0, n.Emit)
	})
	n.OnPacket("disconnect-me", func(_ context.Context, s *socketio.Socket, p *socketio.Packet) error {
		var all bool
		if err := p.Decode(&all); err != nil {
			return err
		}
		if all {
			s.Close()
		} else {
			s.Disconnect()
		}
		return nil
	})
}

// relay emits the event that the packet's i-th argument names, with the arguments after it.
func relay(p *socketio.Packet, i int, emit func(event string, args ...any) error) error {
	var event string
	if err := p.Args().Decode(i, &event); err != nil {
		return err
	}
	return emit(event, rest(p, i+1)...)
}

// calls are the acknowledgements from client to server and the other way round.
func (h *handlers) calls(n *socketio.Namespace) {
	n.OnPacket("call-me", func(ctx context.Context, s *socketio.Socket, p *socketio.Packet) error {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		return relay(p, 0, func(event string, args ...any) error {
			reply, err := s.Call(ctx, event, args...)
			if errors.Is(err, context.DeadlineExceeded) {
				return s.Emit("call-result", "timeout")
			}
			if err != nil {
				return err
			}
			result := []any{"ok"}
			for i := range reply.Len() {
				result = append(result, reply.Raw(i))
			}
			return s.Emit("call-result", result...)
		})
	})
	n.OnPacket("call-timeout", func(ctx context.Context, s *socketio.Socket, p *socketio.Packet) error {
		var ms int
		if err := p.Decode(&ms); err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(ctx, time.Duration(ms)*time.Millisecond)
		defer cancel()
		if _, err := s.Call(ctx, "never-acked"); errors.Is(err, context.DeadlineExceeded) {
			return p.Reply("timeout")
		}
		return p.Reply("ok")
	})
	n.OnPacket("burst", func(_ context.Context, s *socketio.Socket, p *socketio.Packet) error {
		var count int
		if err := p.Decode(&count); err != nil {
			return err
		}
		for i := range count {
			if err := s.Emit("burst", i); err != nil {
				return err
			}
		}
		return nil
	})
	n.OnPacket("volatile", func(_ context.Context, s *socketio.Socket, p *socketio.Packet) error {
		return relay(p, 0, s.Volatile().Emit)
	})
	n.OnPacket("handshake", func(_ context.Context, s *socketio.Socket, p *socketio.Packet) error {
		hs := s.Handshake()
		query := make(map[string]string)
		for name, values := range hs.Query() {
			query[name] = values[0]
		}
		return p.Reply(map[string]any{
			"query": query, "auth": hs.Auth, "secure": hs.Secure(), "url": hs.URL(),
			"custom": hs.Header().Get("X-Custom"), "transport": s.Transport(),
		})
	})
}

// rooms is joining, leaving and everything that is sent to more than one socket.
func (h *handlers) rooms(n *socketio.Namespace) {
	with := func(event string, do func(s *socketio.Socket, room string, p *socketio.Packet) error) {
		n.OnPacket(event, func(_ context.Context, s *socketio.Socket, p *socketio.Packet) error {
			var room string
			if err := p.Decode(&room); err != nil {
				return err
			}
			return do(s, room, p)
		})
	}
	with("join", func(s *socketio.Socket, room string, p *socketio.Packet) error {
		s.Join(room)
		return p.Reply()
	})
	with("leave", func(s *socketio.Socket, room string, p *socketio.Packet) error {
		s.Leave(room)
		return p.Reply()
	})
	with("to", func(s *socketio.Socket, room string, p *socketio.Packet) error { return relay(p, 1, s.To(room).Emit) })
	with("in", func(_ *socketio.Socket, room string, p *socketio.Packet) error { return relay(p, 1, n.To(room).Emit) })
	with("except", func(_ *socketio.Socket, room string, p *socketio.Packet) error {
		return relay(p, 1, n.Except(room).Emit)
	})
	n.OnPacket("broadcast", func(_ context.Context, s *socketio.Socket, p *socketio.Packet) error {
		return relay(p, 0, s.Broadcast().Emit)
	})
	n.OnPacket("rooms", func(_ context.Context, s *socketio.Socket, p *socketio.Packet) error {
		rooms := slices.DeleteFunc(s.Rooms(), func(r string) bool { return r == s.ID() })
		slices.Sort(rooms)
		return p.Reply(slices.Clip(append([]string{}, rooms...)))
	})
}

// ends is what a client asks about the end of another socket, and the gate.
func (h *handlers) ends(n *socketio.Namespace) {
	n.OnPacket("reason-of", func(ctx context.Context, _ *socketio.Socket, p *socketio.Packet) error {
		var id string
		if err := p.Decode(&id); err != nil {
			return err
		}
		reason, err := h.reasons.wait(ctx, id)
		if err != nil {
			return err
		}
		return p.Reply(string(reason))
	})
	n.OnPacket("gate-waiting", func(ctx context.Context, _ *socketio.Socket, p *socketio.Packet) error {
		var id string
		if err := p.Decode(&id); err != nil {
			return err
		}
		if _, err := h.gates.wait(ctx, id); err != nil {
			return err
		}
		return p.Reply()
	})
	n.OnPacket("gate-broadcast", func(_ context.Context, _ *socketio.Socket, p *socketio.Packet) error {
		return relay(p, 0, h.srv.Of("/gate").Emit)
	})
	n.OnPacket("gate-open", func(ctx context.Context, _ *socketio.Socket, p *socketio.Packet) error {
		var id string
		var allow bool
		if err := p.Decode(&id, &allow); err != nil {
			return err
		}
		gate, err := h.gates.wait(ctx, id)
		if err != nil {
			return err
		}
		gate <- allow // buffered, and opened once
		return nil
	})
}

// middleware refuses, waits and fails.
func (h *handlers) middleware() {
	h.srv.Of("/auth").Use(func(_ context.Context, s *socketio.Socket) error {
		var auth struct {
			Token string `json:"token"`
		}
		if err := s.Handshake().Auth.Decode(&auth); err == nil && auth.Token == "secret" {
			return nil
		}
		return &socketio.Error{Message: "not authorized", Data: map[string]any{"code": "bad-token", "retry": false}}
	})
	h.srv.Of("/gate").Use(func(ctx context.Context, s *socketio.Socket) error {
		var auth struct {
			Gate string `json:"gate"`
		}
		if err := s.Handshake().Auth.Decode(&auth); err != nil {
			return err
		}
		gate := make(chan bool, 1)
		s.Join("waiting")
		h.gates.resolve(auth.Gate, gate)
		select {
		case allow := <-gate:
			if allow {
				return nil
			}
			return &socketio.Error{Message: "gate closed"}
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	h.srv.Of("/throw").Use(func(context.Context, *socketio.Socket) error {
		return errors.New("sut: this middleware fails, and clients must not learn why")
	})
}
