package guide

import (
	"context"

	"github.com/sockeye-io/sockeye/socketio"
)

func namespaces(srv *socketio.Server) {
	admin := srv.Of("/admin")
	admin.Use(func(_ context.Context, s *socketio.Socket) error {
		var auth struct {
			Password string `json:"password"`
		}
		if err := s.Handshake().Auth.Decode(&auth); err != nil || auth.Password != "open sesame" {
			return &socketio.Error{Message: "not for you"}
		}
		return nil
	})
	socketio.On(admin, "announce", func(_ context.Context, _ *socketio.Socket, m Message) error {
		return srv.Emit("news", m) // to everybody in "/"
	})
}
