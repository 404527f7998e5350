package sut

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"time"

	"github.com/sockeye-io/sockeye/socketio"
)

// onDemand is the namespaces that are made for clients, and questions to many of them.
func (h *handlers) onDemand(main *socketio.Namespace) {
	byPattern := h.srv.OfMatch(regexp.MustCompile(`^/room-[a-z]+-\d+$`))
	byFunc := h.srv.OfFunc(func(_ context.Context, name string, auth socketio.Raw) error {
		var a struct {
			Token string `json:"token"`
		}
		if !strings.HasPrefix(name, "/fn-") {
			return errors.New("another name")
		}
		if err := auth.Decode(&a); err != nil || a.Token != "secret" {
			return &socketio.Error{Message: "not invited", Data: name}
		}
		return nil
	})
	for _, parent := range []*socketio.Namespace{byPattern, byFunc} {
		h.common(parent)
		parent.OnPacket("message-with-ack", func(_ context.Context, s *socketio.Socket, p *socketio.Packet) error {
			return p.Reply(append([]any{s.Namespace().Name()}, rest(p, 0)...)...)
		})
	}
	main.OnPacket("namespace-is-there", func(_ context.Context, _ *socketio.Socket, p *socketio.Packet) error {
		var name string
		if err := p.Decode(&name); err != nil {
			return err
		}
		return p.Reply(h.srv.Lookup(name) != nil)
	})
	main.OnPacket("tell-all-rooms", func(_ context.Context, _ *socketio.Socket, p *socketio.Packet) error {
		return relay(p, 0, byPattern.Emit)
	})
	main.OnPacket("ask-room", func(ctx context.Context, _ *socketio.Socket, p *socketio.Packet) error {
		var room string
		var ms int
		if err := p.Decode(&room, &ms); err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(ctx, time.Duration(ms)*time.Millisecond)
		defer cancel()
		answers := map[string]socketio.Raw{}
		missing := []string{}
		err := relay(p, 2, func(event string, args ...any) error {
			for reply, err := range main.To(room).Call(ctx, event, args...) {
				var none *socketio.ReplyError
				switch {
				case errors.As(err, &none):
					missing = append(missing, none.SocketID)
				case err != nil:
					return err
				default:
					answers[reply.SocketID] = reply.Value.Raw(0)
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		return p.Reply(answers, missing)
	})
}
