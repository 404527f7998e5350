package main

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sockeye-io/sockeye/socketio"
)

const (
	generateEvery = 10 * time.Second // between two events of the server's own
	goodbye       = 5 * time.Second  // for a client to confirm that it may be disconnected
)

// received counts what a client has sent in its connection.
var received = socketio.NewKey[*atomic.Int64]("receive_count")

// The payloads. A response is what each event is answered with.
type (
	data struct {
		Data any `json:"data"`
	}
	roomName struct {
		Room string `json:"room"`
	}
	roomData struct {
		Room string `json:"room"`
		Data any    `json:"data"`
	}
	response struct {
		Data  any   `json:"data"`
		Count int64 `json:"count"`
	}
)

type app struct{ srv *socketio.Server }

func newApp(o socketio.Options) (*app, error) {
	srv, err := socketio.NewServer(o)
	if err != nil {
		return nil, err
	}
	a := &app{srv: srv}
	srv.OnConnect(a.connect)
	socketio.On(srv, "my_event", a.myEvent)
	socketio.On(srv, "my_broadcast_event", a.myBroadcastEvent)
	socketio.On(srv, "join", a.join)
	socketio.On(srv, "leave", a.leave)
	socketio.On(srv, "close_room", a.closeRoom)
	socketio.On(srv, "my_room_event", a.myRoomEvent)
	socketio.On(srv, "disconnect_request", a.disconnectRequest)
	socketio.On(srv, "my_ping", func(_ context.Context, s *socketio.Socket, _ struct{}) error { return s.Emit("my_pong") })
	srv.OnAny(a.catchAll)
	return a, nil
}

// handled tells the events with a handler from those for the catch-all.
func handled(event string) bool {
	switch event {
	case "my_event", "my_broadcast_event", "join", "leave", "close_room", "my_room_event", "disconnect_request", "my_ping":
		return true
	}
	return false
}

// count counts one event of s.
func count(s *socketio.Socket) int64 {
	n, _ := received.Get(s)
	return n.Add(1)
}

func (a *app) connect(_ context.Context, s *socketio.Socket) error {
	received.Set(s, new(atomic.Int64))
	return s.Emit("my_response", response{Data: "Connected"})
}

func (a *app) myEvent(_ context.Context, s *socketio.Socket, m data) error {
	return s.Emit("my_response", response{Data: m.Data, Count: count(s)})
}

func (a *app) myBroadcastEvent(_ context.Context, s *socketio.Socket, m data) error {
	return a.srv.Emit("my_response", response{Data: m.Data, Count: count(s)})
}

func (a *app) join(_ context.Context, s *socketio.Socket, m roomName) error {
	s.Join(m.Room)
	return a.inRooms(s)
}

func (a *app) leave(_ context.Context, s *socketio.Socket, m roomName) error {
	s.Leave(m.Room)
	return a.inRooms(s)
}

func (a *app) inRooms(s *socketio.Socket) error {
	return s.Emit("my_response", response{Data: "In rooms: " + strings.Join(s.Rooms(), ", "), Count: count(s)})
}

func (a *app) closeRoom(_ context.Context, s *socketio.Socket, m roomName) error {
	room := a.srv.To(m.Room)
	err := room.Emit("my_response", response{Data: "Room " + m.Room + " is closing.", Count: count(s)})
	return errors.Join(err, room.Leave(m.Room))
}

func (a *app) myRoomEvent(_ context.Context, s *socketio.Socket, m roomData) error {
	return a.srv.To(m.Room).Emit("my_response", response{Data: m.Data, Count: count(s)})
}

// disconnectRequest disconnects once the client has the last response.
func (a *app) disconnectRequest(ctx context.Context, s *socketio.Socket, _ struct{}) error {
	ctx, cancel := context.WithTimeout(ctx, goodbye)
	defer cancel()
	_, err := s.Call(ctx, "my_response", response{Data: "Disconnected!", Count: count(s)})
	s.Disconnect()
	if errors.Is(err, context.DeadlineExceeded) {
		return nil // it had its chance
	}
	return err
}

// catchAll answers what nobody else handles with its name and first argument.
func (a *app) catchAll(_ context.Context, s *socketio.Socket, p *socketio.Packet) error {
	if handled(p.Event()) {
		return nil
	}
	return s.Emit("my_response", response{Data: []any{p.Event(), p.Args().Raw(0)}, Count: count(s)})
}

// generate emits an event to everybody each 10 seconds, until ctx ends.
func (a *app) generate(ctx context.Context) error {
	ticker := time.NewTicker(generateEvery)
	defer ticker.Stop()
	for n := int64(1); ; n++ {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		if err := a.srv.Emit("my_response", response{Data: "Server generated event", Count: n}); err != nil {
			return err
		}
	}
}
