package guide

import (
	"context"
	"regexp"

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

func documents(srv *socketio.Server) {
	documents := srv.OfMatch(regexp.MustCompile(`^/doc-[0-9]+$`))
	socketio.On(documents, "edit", func(_ context.Context, s *socketio.Socket, m Message) error {
		return s.Broadcast().Emit("edit", m) // to those who have the same document open
	})
}
