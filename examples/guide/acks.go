package guide

import (
	"context"
	"errors"
	"time"

	"github.com/sockeye-io/sockeye"
	"github.com/sockeye-io/sockeye/socketio"
)

type sum struct {
	A int `json:"a"`
	B int `json:"b"`
}

func answering(srv *socketio.Server) {
	socketio.Handle(srv, "add", func(_ context.Context, _ *socketio.Socket, q sum) (int, error) {
		return q.A + q.B, nil // the acknowledgement
	})
	srv.OnPacket("slow", func(_ context.Context, _ *socketio.Socket, p *socketio.Packet) error {
		if p.WantsReply() {
			return p.Reply("several", "arguments") // now or at any time later, once
		}
		return nil
	})
}

const whereAreYou sockeye.Request[struct{}, string] = "where are you"

// ask waits for the client's answer, for at most 5 seconds.
func ask(ctx context.Context, s *socketio.Socket) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	place, err := socketio.Call(ctx, s, whereAreYou, struct{}{})
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer", nil
	case errors.Is(err, socketio.ErrDisconnected):
		return "gone", nil
	}
	return place, err
}

// askEveryone returns the places of all who answer within 5 seconds.
func askEveryone(ctx context.Context, srv *socketio.Server) []string {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	var places []string
	for reply, err := range socketio.CallAll(ctx, srv.To(), whereAreYou, struct{}{}) {
		if err != nil { // a *socketio.ReplyError: who gave no answer, and why
			continue
		}
		places = append(places, reply.Value)
	}
	return places
}
