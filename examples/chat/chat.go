package main

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/sockeye-io/sockeye"
	"github.com/sockeye-io/sockeye/socketio"
)

// What travels, and with which types: handlers and calls that do not fit do not
// compile.
const (
	enter   sockeye.Request[string, int]       = "enter"   // a room; the answer is how many are in it
	whisper sockeye.Request[letter, time.Time] = "whisper" // the answer is when it was read
	say     sockeye.Event[string]              = "say"     // to the room
	typing  sockeye.Event[struct{}]            = "typing"

	said     sockeye.Event[line]              = "said"
	typist   sockeye.Event[string]            = "typist"
	received sockeye.Request[line, time.Time] = "received" // a letter; its reader's client answers
)

type line struct {
	ID   string `json:"id"` // of the author's socket
	From string `json:"from"`
	Text string `json:"text"`
}

type letter struct {
	To   string `json:"to"` // a line's ID
	Text string `json:"text"`
}

// What a socket carries: a name from the start, and the room that it is in.
var (
	name = socketio.NewKey[string]("name")
	room = socketio.NewKey[string]("room")
)

const (
	maxName       = 24 // bytes
	maxText       = 2000
	letterTimeout = 5 * time.Second
)

type chat struct{ srv *socketio.Server }

func newServer() (*socketio.Server, error) {
	srv, err := socketio.NewServer(socketio.Options{})
	if err != nil {
		return nil, err
	}
	c := chat{srv: srv}
	srv.Use(c.authorize)
	socketio.Handle(srv, enter, c.enter)
	socketio.Handle(srv, whisper, c.whisper)
	socketio.On(srv, say, c.say)
	socketio.On(srv, typing, c.typing)
	return srv, nil
}

// authorize runs before the client is told that it is connected. Its error is
// what the client's "connect_error" event gets.
func (chat) authorize(_ context.Context, s *socketio.Socket) error {
	var auth struct {
		Name string `json:"name"`
	}
	err := s.Handshake().Auth.Decode(&auth)
	auth.Name = strings.TrimSpace(auth.Name)
	if err != nil || auth.Name == "" || len(auth.Name) > maxName {
		return &socketio.Error{Message: "a name has 1 to 24 bytes"}
	}
	name.Set(s, auth.Name)
	return nil
}

// enter leaves the room that the socket is in and joins another one.
func (c chat) enter(_ context.Context, s *socketio.Socket, wanted string) (int, error) {
	wanted = strings.TrimSpace(wanted)
	if wanted == "" || len(wanted) > maxName {
		return 0, &socketio.Error{Message: "a room's name has 1 to 24 bytes"}
	}
	if old, ok := room.Get(s); ok {
		s.Leave(members(old))
	}
	room.Set(s, wanted)
	s.Join(members(wanted))
	return c.srv.RoomLen(members(wanted)), nil
}

// members is what package socketio calls a room. The prefix keeps out of the
// rooms that are called like a socket's id and have that socket only.
func members(room string) string { return "chat:" + room }

// say goes to everyone in the room, the author included.
func (c chat) say(_ context.Context, s *socketio.Socket, text string) error {
	l, err := newLine(s, text)
	if err != nil {
		return err
	}
	where, ok := room.Get(s)
	if !ok {
		return &socketio.Error{Message: "enter a room first"}
	}
	return socketio.Emit(c.srv.To(members(where)), said, l)
}

// typing goes to everyone else, and whoever is slow does without.
func (chat) typing(_ context.Context, s *socketio.Socket, _ struct{}) error {
	where, ok := room.Get(s)
	if !ok {
		return nil
	}
	from, _ := name.Get(s)
	return socketio.Emit(s.To(members(where)).Volatile(), typist, from)
}

// whisper answers when its reader has answered. Until then this socket's other
// events wait; acknowledgements and everybody else do not.
func (c chat) whisper(ctx context.Context, s *socketio.Socket, m letter) (time.Time, error) {
	l, err := newLine(s, m.Text)
	if err != nil {
		return time.Time{}, err
	}
	reader := c.srv.Socket(m.To)
	if reader == nil {
		return time.Time{}, &socketio.Error{Message: "nobody by that id is here"}
	}
	ctx, cancel := context.WithTimeout(ctx, letterTimeout)
	defer cancel()
	at, err := socketio.Call(ctx, reader, received, l)
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, socketio.ErrDisconnected):
		return time.Time{}, &socketio.Error{Message: "it was not read"}
	case err != nil:
		return time.Time{}, err
	}
	return at, nil
}

func newLine(s *socketio.Socket, text string) (line, error) {
	if strings.TrimSpace(text) == "" || len(text) > maxText {
		return line{}, &socketio.Error{Message: "a text has 1 to 2000 bytes"}
	}
	from, _ := name.Get(s)
	return line{ID: s.ID(), From: from, Text: text}, nil
}
