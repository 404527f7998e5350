package account

import (
	"context"
	"net/http"

	"github.com/sockeye-io/sockeye/engineio"
	"github.com/sockeye-io/sockeye/socketio"
)

// NewServer returns a Socket.IO server whose sockets belong to sessions. What is
// mounted in front of it puts the session into the request's context.
func NewServer() (*socketio.Server, error) {
	srv, err := socketio.NewServer(socketio.Options{
		Engine: engineio.Options{Handshake: keepSession},
	})
	if err != nil {
		return nil, err
	}
	srv.OnConnect(func(_ context.Context, s *socketio.Socket) error {
		s.Join(Of(s).Room())
		return nil
	})
	socketio.Handle(srv, "whoami", func(_ context.Context, s *socketio.Socket, _ struct{}) (string, error) {
		return Of(s).Name(), nil
	})
	socketio.Handle(srv, "say", func(_ context.Context, s *socketio.Socket, text string) (int, error) {
		session := Of(s)
		return session.Say(), s.Broadcast().Emit("said", session.Name(), text)
	})
	return srv, nil
}

// keepSession runs once for each connection, at its first request. What it
// returns stays with the connection; the request, its context, and whatever a
// framework put into them do not.
func keepSession(r *http.Request) (any, error) {
	session := FromContext(r.Context())
	if session == nil {
		return nil, &engineio.RefusalError{Message: "log in first"}
	}
	return session, nil
}

// Of returns the session that a socket belongs to.
func Of(s *socketio.Socket) *Session {
	session, _ := s.Handshake().Value.(*Session)
	return session
}
