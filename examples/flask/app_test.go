package main

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sockeye-io/sockeye/examples/internal/sioclient"
	"github.com/sockeye-io/sockeye/internal/leak"
	"github.com/sockeye-io/sockeye/socketio"
)

func TestMain(m *testing.M) { leak.Main(m) }

// start serves the application and returns how to join it: each client has read
// the response that greets it.
func start(t *testing.T) (*app, func() *sioclient.Client) {
	t.Helper()
	a, err := newApp(socketio.Options{})
	if err != nil {
		t.Fatal(err)
	}
	dial := sioclient.Serve(t, a.srv)
	return a, func() *sioclient.Client {
		t.Helper()
		c := sioclient.Dial(t, dial, nil)
		c.Expect(`2["my_response",{"data":"Connected","count":0}]`)
		return c
	}
}

func TestEventsOfOneClient(t *testing.T) {
	t.Parallel()
	_, join := start(t)
	c := join()
	for _, step := range []struct{ rule, send, want string }{
		{"my_event is echoed", `2["my_event",{"data":"hi"}]`, `2["my_response",{"data":"hi","count":1}]`},
		{"the count goes on", `2["my_event",{"data":{"x":[1]}}]`, `2["my_response",{"data":{"x":[1]},"count":2}]`},
		{"a broadcast comes back", `2["my_broadcast_event",{"data":"all"}]`, `2["my_response",{"data":"all","count":3}]`},
		{"who is in no room can send to it", `2["my_room_event",{"room":"r","data":"there"}]`, ``},
		{"my_ping is answered", `2["my_ping"]`, `2["my_pong"]`},
		{"an unknown event is caught", `2["other",{"data":1}]`, `2["my_response",{"data":["other",{"data":1}],"count":5}]`},
		{"so is one without arguments", `2["other"]`, `2["my_response",{"data":["other",null],"count":6}]`},
	} {
		c.Send(step.send)
		if step.want == "" {
			continue
		}
		if got := c.Next(); got != step.want {
			t.Errorf("%s: got %s, want %s", step.rule, got, step.want)
		}
	}
}

func TestRooms(t *testing.T) {
	t.Parallel()
	_, join := start(t)
	inside, outside := join(), join()

	inside.Emit("join", map[string]string{"room": "r"})
	if got := rooms(t, inside.Next()); len(got) != 2 || got[1] != "r" {
		t.Errorf("after join: in rooms %q, want the own one and r", got)
	}
	outside.Emit("my_room_event", map[string]string{"room": "r", "data": "knock"})
	inside.Expect(`2["my_response",{"data":"knock","count":1}]`)

	outside.Emit("close_room", map[string]string{"room": "r"})
	inside.Expect(`2["my_response",{"data":"Room r is closing.","count":2}]`)
	// Nobody is in it any more: the next thing that comes in is the broadcast.
	outside.Emit("my_room_event", map[string]string{"room": "r", "data": "gone?"})
	outside.Emit("my_broadcast_event", map[string]string{"data": "all"})
	inside.Expect(`2["my_response",{"data":"all","count":4}]`)

	inside.Emit("join", map[string]string{"room": "q"})
	inside.Next()
	inside.Emit("leave", map[string]string{"room": "q"})
	if got := rooms(t, inside.Next()); len(got) != 1 {
		t.Errorf("after leave: in rooms %q, want the own one", got)
	}
}

// rooms returns what a response says of the rooms that its receiver is in.
func rooms(t *testing.T, packet string) []string {
	t.Helper()
	var event []json.RawMessage
	var m struct{ Data string }
	if err := json.Unmarshal([]byte(strings.TrimPrefix(packet, "2")), &event); err != nil || len(event) != 2 {
		t.Fatalf("got packet %s: %v", packet, err)
	}
	if err := json.Unmarshal(event[1], &m); err != nil {
		t.Fatal(err)
	}
	list, ok := strings.CutPrefix(m.Data, "In rooms: ")
	if !ok {
		t.Fatalf("got %q, want the rooms", m.Data)
	}
	return strings.Split(list, ", ")
}

func TestDisconnectRequestWaitsForTheClient(t *testing.T) {
	t.Parallel()
	_, join := start(t)
	c := join()
	c.Emit("disconnect_request")
	c.Expect(`20["my_response",{"data":"Disconnected!","count":1}]`)
	c.Send(`30[]`)
	c.Expect(`1`) // the DISCONNECT packet
}

func TestDisconnectRequestDoesNotWaitForEver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, join := start(t)
		c := join()
		began := time.Now()
		c.Emit("disconnect_request")
		c.Expect(`20["my_response",{"data":"Disconnected!","count":1}]`, `1`)
		if took := time.Since(began); took != goodbye {
			t.Errorf("disconnected after %v, want %v", took, goodbye)
		}
	})
}

func TestServerGeneratesAnEventEachTenSeconds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, join := start(t)
		c := join()
		ctx, cancel := context.WithCancel(t.Context())
		generated := make(chan error, 1)
		go func() { generated <- a.generate(ctx) }()
		began := time.Now()
		c.Expect(
			`2["my_response",{"data":"Server generated event","count":1}]`,
			`2["my_response",{"data":"Server generated event","count":2}]`,
		)
		if took := time.Since(began); took != 2*generateEvery {
			t.Errorf("two events took %v, want %v", took, 2*generateEvery)
		}
		cancel()
		if err := <-generated; err != nil {
			t.Errorf("generate: %v", err)
		}
	})
}
