package guide

import (
	"context"

	"github.com/sockeye-io/sockeye/socketio"
)

func rooms(srv *socketio.Server) {
	socketio.On(srv, "enter", func(_ context.Context, s *socketio.Socket, room string) error {
		s.Join("room:" + room)
		return s.To("room:"+room).Emit("entered", s.ID()) // the others in the room
	})
	socketio.On(srv, "leave", func(_ context.Context, s *socketio.Socket, room string) error {
		s.Leave("room:" + room)
		return srv.To("room:"+room).Emit("left", s.ID()) // all in the room
	})
}

func targets(srv *socketio.Server, s *socketio.Socket, otherID string) error {
	m := Message{Text: "hello"}
	for _, to := range []socketio.Emitter{
		srv,                                 // everybody
		srv.To("red", "blue"),               // who is in at least one of the rooms, once
		srv.To("red").Except("blue"),        // who is in red and not in blue
		srv.To(otherID),                     // one socket
		s.To("red"),                         // who is in red, but not s
		s.Broadcast(),                       // everybody but s
		s,                                   // s alone
		srv.To("red").Volatile(),            // who is in red and not behind
		srv.Of("/admin").To("red"),          // red in another namespace: another room
		srv.Except("room:quiet", s.ID()),    // everybody but a room and a socket
		s.Except("blue"),                    // everybody but s and who is in blue
		srv.To("red").To("green").Local(),   // on this server, once there are several
		srv.In("red"),                       // In is To
		s.Broadcast().Except("red", "blue"), // and so on: these are values, to keep and to combine
	} {
		if err := to.Emit("hello", m); err != nil {
			return err
		}
	}
	return nil
}

func manyAtOnce(srv *socketio.Server) error {
	if err := srv.To("red").Join("blue"); err != nil { // who is in red is in blue, too
		return err
	}
	if err := srv.To("red").Leave("red"); err != nil { // close the room
		return err
	}
	return srv.To("blue").Disconnect()
}

func occupancy(srv *socketio.Server, s *socketio.Socket) (sockets, inRed int, mine []string) {
	return srv.Len(), srv.RoomLen("red"), s.Rooms() // Rooms begins with the socket's own id
}
