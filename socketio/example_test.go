package socketio_test

import (
	"context"
	"fmt"

	"github.com/sockeye-io/sockeye"
	"github.com/sockeye-io/sockeye/socketio"
)

// A server is made from options, and knows all of their faults at once.
func ExampleNewServer() {
	_, err := socketio.NewServer(socketio.Options{ConnectTimeout: -1, InboundPackets: -1})
	fmt.Println(err)
	// Output:
	// socketio: Options.ConnectTimeout is negative: -1ns
	// socketio: Options.InboundPackets is negative: -1
}

// Message is a payload.
type Message struct {
	From, Text string
}

// Contract: the event's name fixes the type of its payload, so that a handler or
// an emit with another one does not compile.
const ChatMessage sockeye.Event[Message] = "chat message"

func ExampleOn() {
	srv, err := socketio.NewServer(socketio.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	chat := srv.Of("chat")
	stop := socketio.On(chat, ChatMessage, func(_ context.Context, s *socketio.Socket, m Message) error {
		return socketio.Emit(s.To("lobby"), ChatMessage, m)
	})
	defer stop()
	fmt.Println(chat.Name(), chat.Len())
	// Output: /chat 0
}
