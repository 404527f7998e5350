package main

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sockeye-io/sockeye/examples/internal/sioclient"
	"github.com/sockeye-io/sockeye/internal/leak"
)

func TestMain(m *testing.M) { leak.Main(m) }

type auth struct {
	Name string `json:"name"`
}

// start serves the chat and returns how to join it.
func start(t *testing.T) func(name string) *sioclient.Client {
	t.Helper()
	srv, err := newServer()
	if err != nil {
		t.Fatal(err)
	}
	dial := sioclient.Serve(t, srv)
	return func(name string) *sioclient.Client {
		t.Helper()
		return sioclient.Dial(t, dial, auth{Name: name})
	}
}

// ask fails the test unless the acknowledgement is want.
func ask(t *testing.T, c *sioclient.Client, want, event string, args ...any) {
	t.Helper()
	if got := c.Ask(event, args...); got != want {
		t.Errorf("%s: got %s, want %s", event, got, want)
	}
}

// lineOf returns the line in an event packet.
func lineOf(t *testing.T, packet, event string) (l line) {
	t.Helper()
	_, text, _ := strings.Cut(packet, "[")
	var args []json.RawMessage
	if err := json.Unmarshal([]byte("["+text), &args); err != nil || len(args) != 2 || string(args[0]) != `"`+event+`"` {
		t.Fatalf("got packet %s, want event %s: %v", packet, event, err)
	}
	if err := json.Unmarshal(args[1], &l); err != nil {
		t.Fatal(err)
	}
	return l
}

func TestNameIsNeeded(t *testing.T) {
	t.Parallel()
	srv, err := newServer()
	if err != nil {
		t.Fatal(err)
	}
	dial := sioclient.Serve(t, srv)
	for _, a := range []any{nil, auth{}, auth{Name: "  "}, auth{Name: strings.Repeat("x", 25)}, map[string]int{"name": 1}} {
		c := sioclient.Refused(t, dial, a)
		c.Expect(`4{"message":"a name has 1 to 24 bytes"}`)
		c.Close() // or the shutdown would wait for it
	}
}

func TestRoomHearsWhatIsSaid(t *testing.T) {
	t.Parallel()
	join := start(t)
	ada, bob, eve := join("Ada"), join("Bob"), join("Eve")
	ask(t, ada, `[{"error":{"message":"enter a room first"}}]`, "say", "hello?")
	ask(t, ada, `[1]`, "enter", "go")
	ask(t, bob, `[2]`, "enter", "go")
	ask(t, eve, `[1]`, "enter", "tea")

	ada.Emit("say", "hi")
	for _, c := range []*sioclient.Client{ada, bob} {
		if l := lineOf(t, c.Next(), "said"); l.From != "Ada" || l.Text != "hi" {
			t.Errorf("got %+v", l)
		}
	}
	bob.Emit("typing")
	ada.Expect(`2["typist","Bob"]`)

	ask(t, bob, `[2]`, "enter", "tea")
	bob.Emit("say", "any left?")
	if l := lineOf(t, eve.Next(), "said"); l.From != "Bob" {
		t.Errorf("Eve, who is in another room than Ada, got %+v first", l)
	}
	ask(t, ada, `[{"error":{"message":"a text has 1 to 2000 bytes"}}]`, "say", " ")
	ask(t, ada, `[{"error":{"message":"a room's name has 1 to 24 bytes"}}]`, "enter", "")
}

func TestWhisperIsAnsweredByItsReader(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		join := start(t)
		ada, bob := join("Ada"), join("Bob")
		ask(t, bob, `[1]`, "enter", "go")
		bob.Emit("say", "I am here")
		id := lineOf(t, bob.Next(), "said").ID

		ada.Send(`25["whisper",{"to":"` + id + `","text":"psst"}]`)
		p := bob.Next()
		if l := lineOf(t, p, "received"); l.From != "Ada" || l.Text != "psst" {
			t.Errorf("got %+v", l)
		}
		bob.Send(`30["2026-05-04T03:02:01Z"]`)
		ada.Expect(`35["2026-05-04T03:02:01Z"]`)

		began := time.Now()
		ask(t, ada, `[{"error":{"message":"it was not read"}}]`, "whisper", letter{To: id, Text: "still there?"})
		if took := time.Since(began); took != letterTimeout {
			t.Errorf("gave up after %v, want %v", took, letterTimeout)
		}
		ask(t, ada, `[{"error":{"message":"nobody by that id is here"}}]`, "whisper", letter{To: "x", Text: "hm"})
	})
}
