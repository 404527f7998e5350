package guide

import (
	"context"
	"net/http"

	"github.com/sockeye-io/sockeye/engineio"
	"github.com/sockeye-io/sockeye/socketio"
)

type visitor struct {
	Name string
	Lang string
}

// newServerWithVisitors asks who it is once for each connection, before there is
// one. What the hook returns stays with the connection; the request does not.
func newServerWithVisitors(lookUp func(cookie string) (name string, ok bool)) (*socketio.Server, error) {
	return socketio.NewServer(socketio.Options{
		Engine: engineio.Options{
			Handshake: func(r *http.Request) (any, error) {
				c, err := r.Cookie("session")
				if err != nil {
					return nil, &engineio.RefusalError{Message: "log in first"}
				}
				name, ok := lookUp(c.Value)
				if !ok {
					return nil, &engineio.RefusalError{Message: "log in again"}
				}
				return visitor{Name: name, Lang: r.Header.Get("Accept-Language")}, nil
			},
		},
	})
}

func greetVisitors(srv *socketio.Server) {
	srv.OnConnect(func(_ context.Context, s *socketio.Socket) error {
		v, _ := s.Handshake().Value.(visitor)
		return s.Emit("hello", v.Name)
	})
}

var score = socketio.NewKey[int]("score")

func keepScore(srv *socketio.Server) {
	socketio.Handle(srv, "win", func(_ context.Context, s *socketio.Socket, points int) (int, error) {
		total, _ := score.Get(s) // 0 if it carries none
		total += points
		score.Set(s, total)
		return total, nil
	})
}

func kick(srv *socketio.Server, user string) error {
	return srv.To("user:" + user).Close()
}
