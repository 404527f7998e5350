package guide

import (
	"context"
	"errors"
	"log/slog"

	"github.com/sockeye-io/sockeye/socketio"
)

var errNoStock = errors.New("warehouse 7: shelf B12 is empty")

func failing(srv *socketio.Server) {
	socketio.On(srv, "order", func(_ context.Context, _ *socketio.Socket, amount int) error {
		if amount < 1 {
			return &socketio.Error{Message: "order at least one", Data: amount} // the client is told
		}
		return errNoStock // the client is told "internal error"
	})
}

func reporting(logger *slog.Logger) (*socketio.Server, error) {
	return socketio.NewServer(socketio.Options{
		OnError: func(ctx context.Context, s *socketio.Socket, event string, err error) {
			var panicked *socketio.PanicError
			if errors.As(err, &panicked) {
				logger.ErrorContext(ctx, "panic", "event", event, "value", panicked.Value, "stack", string(panicked.Stack))
				return
			}
			logger.ErrorContext(ctx, "failed", "event", event, "socket", s.ID(), "error", err)
		},
	})
}

func checking(srv *socketio.Server) {
	srv.UseEvent(func(_ context.Context, s *socketio.Socket, p *socketio.Packet) error {
		if _, ok := score.Get(s); !ok && p.Event() == "win" {
			return &socketio.Error{Message: "join the game first"} // no handler runs
		}
		return nil
	})
}
