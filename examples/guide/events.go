package guide

import (
	"context"
	"log/slog"

	"github.com/sockeye-io/sockeye"
	"github.com/sockeye-io/sockeye/socketio"
)

const chatMessage sockeye.Event[Message] = "chat message"

func typedEvents(srv *socketio.Server) {
	socketio.On(srv, chatMessage, func(_ context.Context, s *socketio.Socket, m Message) error {
		return socketio.Emit(s.Broadcast(), chatMessage, m) // to everybody else
	})
}

func kindsOfEvents(srv *socketio.Server) {
	// No payload.
	socketio.On(srv, "typing", func(_ context.Context, s *socketio.Socket, _ struct{}) error {
		return s.Broadcast().Emit("typing", s.ID())
	})
	// Binary data, at any depth of a payload.
	type picture struct {
		Name string `json:"name"`
		Data []byte `json:"data"`
	}
	socketio.On(srv, "picture", func(_ context.Context, s *socketio.Socket, p picture) error {
		return s.Broadcast().Emit("picture", p)
	})
	// Several arguments, decoded by hand.
	srv.OnPacket("move", func(_ context.Context, s *socketio.Socket, p *socketio.Packet) error {
		var x, y int
		if err := p.Decode(&x, &y); err != nil {
			return err
		}
		return s.Broadcast().Emit("move", s.ID(), x, y)
	})
	// Every event, ahead of its handlers.
	srv.OnAny(func(ctx context.Context, s *socketio.Socket, p *socketio.Packet) error {
		slog.DebugContext(ctx, "event", "name", p.Event(), "arguments", p.Len(), "from", s.ID())
		return nil
	})
}

func comingAndGoing(srv *socketio.Server) {
	srv.OnConnect(func(_ context.Context, s *socketio.Socket) error {
		return s.Emit("welcome", s.ID())
	})
	srv.OnDisconnect(func(_ context.Context, s *socketio.Socket, why socketio.Disconnect) {
		slog.Info("gone", "id", s.ID(), "reason", why.Reason)
	})
}

func removing(srv *socketio.Server) (stop func()) {
	stop = socketio.On(srv, "vote", func(_ context.Context, s *socketio.Socket, choice string) error {
		return s.Emit("voted", choice)
	})
	return stop // called when the vote is over
}

func emitting(srv *socketio.Server, s *socketio.Socket) error {
	if err := s.Emit("news", Message{Text: "for this client"}); err != nil {
		return err
	}
	if err := s.Volatile().Emit("position", 3, 4); err != nil { // dropped if the client is behind
		return err
	}
	return srv.Emit("news", Message{Text: "for everybody"})
}
