package main

import (
	"testing"

	"github.com/sockeye-io/sockeye/examples/internal/sioclient"
	"github.com/sockeye-io/sockeye/internal/leak"
)

func TestMain(m *testing.M) { leak.Main(m) }

func TestOthersHearWhatOneSays(t *testing.T) {
	t.Parallel()
	srv, err := newServer()
	if err != nil {
		t.Fatal(err)
	}
	dial := sioclient.Serve(t, srv)
	ada, bob := sioclient.Dial(t, dial, nil), sioclient.Dial(t, dial, nil)

	// The acknowledgement says that OnConnect has run and Bob is in the room.
	if got, want := bob.Ask("greet", "Bob"), `["Hello, Bob!"]`; got != want {
		t.Fatalf("greet: got %s, want %s", got, want)
	}
	ada.Emit("chat message", message{Text: "hi"})
	bob.Expect(`2["chat message",{"text":"hi"}]`)
	bob.Emit("chat message", message{Text: "hello"})
	ada.Expect(`2["chat message",{"text":"hello"}]`) // and not what she said herself
}
