package chat_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sockeye-io/sockeye/cmd/sockeye/internal/chat"
)

func TestNames(t *testing.T) {
	run(t, chat.Options{}, func(t *testing.T, h *harness) {
		p := h.open()
		for _, c := range []struct{ rule, name, token, want string }{
			{"a name is needed", "", token("x"), "bad-name"},
			{"spaces are no name", " \t ", token("x"), "bad-name"},
			{"25 characters are too many", strings.Repeat("ä", 25), token("x"), "bad-name"},
			{"characters that cannot be seen are refused", "Ada\u202eBob", token("x"), "bad-name"},
			{"a short token is refused", "Ada", "short", "bad-name"},
			{"24 characters are a name", strings.Repeat("ä", 24), token("x"), ""},
			{"the same page can take another name", "Ada", token("x"), ""},
		} {
			e := p.ask("hello", map[string]any{"name": c.name, "token": c.token}, nil)
			if got := refusalCode(e); got != c.want {
				t.Errorf("%s: got code %q (%s), want %q", c.rule, got, e.arg, c.want)
			}
		}

		other := h.open()
		other.refused("name-taken", "hello", map[string]any{"name": " ADA ", "token": token("y")}, nil)
		p.must("leave", map[string]any{}, nil)
		other.hello("Ada  Lovelace", token("y"))
		if other.name != "Ada Lovelace" {
			t.Errorf("got the name %q, want single spaces", other.name)
		}
	})
}

func TestNothingButNamesWithoutAName(t *testing.T) {
	run(t, chat.Options{}, func(_ *testing.T, h *harness) {
		p := h.open()
		p.refused("not-joined", "enter", map[string]any{"room": "lobby"}, nil)
		p.refused("not-joined", "say", say("lobby", "n", "hi"), nil)
		p.refused("not-joined", "picture", map[string]any{"id": "1"}, nil)
		p.refused("not-joined", "private", map[string]any{"to": "x", "nonce": "n", "text": "hi"}, nil)
		p.hello("Ada", token("Ada"))
		p.refused("not-joined", "say", say("lobby", "n", "hi"), nil) // in no room yet
	})
}

func TestTheTokenTakesANameOver(t *testing.T) {
	run(t, chat.Options{}, func(t *testing.T, h *harness) {
		first := h.join("Ada", "lobby")
		bob := h.join("Bob", "lobby")
		second := h.join("Ada", "lobby")
		first.expect("(disconnect)", nil)
		if first.id != second.id {
			t.Errorf("the identity changed from %s to %s", first.id, second.id)
		}
		bob.must("say", say("lobby", "n1", "who is there?"), nil)
		second.expect("message", nil)
		first.quiet("message")
		// The end of the first connection must not end the second one's stay.
		first.close()
		bob.send("private", "100", map[string]any{"to": second.id, "nonce": "x", "text": "still there?"}, nil)
		second.expect("private", nil)
	})
}

func TestMessagesStayInTheRoom(t *testing.T) {
	run(t, chat.Options{}, func(t *testing.T, h *harness) {
		ada, bob, eve := h.join("Ada", "lobby"), h.join("Bob", "lobby"), h.join("Eve", "help")
		var sent, again struct{ ID string }
		ada.must("say", say("lobby", "n1", "<b>hi</b>"), &sent)
		var m message
		bob.expect("message", &m)
		if m.ID != sent.ID || m.From.Name != "Ada" || m.From.ID != ada.id || m.Text != "<b>hi</b>" || m.Room != "lobby" {
			t.Errorf("got %+v", m)
		}
		ada.quiet("message")
		eve.quiet("message")

		ada.must("say", say("lobby", "n1", "<b>hi</b>"), &again)
		if again != sent {
			t.Errorf("a second attempt got receipt %s, want %s", again.ID, sent.ID)
		}
		bob.quiet("message")

		eve.refused("other-room", "say", say("lobby", "n2", "let me in"), nil)
		ada.refused("bad-text", "say", say("lobby", "n3", " \n"), nil)
		ada.refused("bad-text", "say", say("lobby", "n3", strings.Repeat("ä", 2001)), nil)
		ada.refused("bad-text", "say", say("lobby", "", "no nonce"), nil)
		ada.must("say", say("lobby", "n3", strings.Repeat("ä", 2000)), nil)
	})
}

func TestWhoEntersGetsTheRoom(t *testing.T) {
	run(t, chat.Options{}, func(t *testing.T, h *harness) {
		ada := h.join("Ada", "lobby")
		for i := range 60 {
			ada.must("say", say("lobby", fmt.Sprint("n", i), fmt.Sprint("message ", i)), nil)
		}
		bob := h.join("Bob", "lobby")
		var s snapshot
		bob.expect("room", &s)
		if len(s.History) != 50 || s.History[0].Text != "message 10" || s.History[49].Text != "message 59" {
			t.Errorf("got a history of %d, from %q on", len(s.History), s.History[0].Text)
		}
		var names []string
		for _, p := range s.People {
			names = append(names, p.Name)
		}
		if diff := cmp.Diff([]string{"Ada", "Bob"}, names); diff != "" {
			t.Errorf("people (-want +got):\n%s", diff)
		}

		var who struct {
			Room   string
			Person struct{ Name string }
		}
		ada.expect("joined", &who)
		if who.Room != "lobby" || who.Person.Name != "Bob" {
			t.Errorf("joined: got %+v", who)
		}
		bob.must("enter", map[string]any{"room": "#Salmon-run"}, nil)
		ada.expect("left", &who)
		if who.Room != "lobby" || who.Person.Name != "Bob" {
			t.Errorf("left: got %+v", who)
		}
		bob.expect("room", &s)
		if s.Name != "salmon-run" || len(s.History) != 0 {
			t.Errorf("got room %q with %d messages", s.Name, len(s.History))
		}
		bob.must("enter", map[string]any{"room": "lobby"}, nil)
		ada.expect("joined", nil)
		bob.close()
		ada.expect("left", &who)
		if who.Person.Name != "Bob" {
			t.Errorf("after a close: got %+v", who)
		}
	})
}

func TestRoomsAreBounded(t *testing.T) {
	run(t, chat.Options{}, func(t *testing.T, h *harness) {
		ada := h.join("Ada", "lobby")
		for _, bad := range []string{"", "#", "two words", "a/b", strings.Repeat("x", 25), "\u202e"} {
			ada.refused("bad-room", "enter", map[string]any{"room": bad}, nil)
		}
		for i := range 60 { // the server keeps 50, and three are fixed
			ada.must("enter", map[string]any{"room": fmt.Sprint("room", i)}, nil)
		}
		ada.must("enter", map[string]any{"room": "lobby"}, nil)
		var rooms []struct {
			Name   string
			People int
		}
		synctest.Wait()
		ada.quiet("nothing")
		for _, e := range ada.events {
			if e.name == "rooms" {
				ada.decoded(e, &rooms)
			}
		}
		names := map[string]int{}
		for _, r := range rooms {
			names[r.Name] = r.People
		}
		if _, old := names["room0"]; len(rooms) != 50 || old || names["lobby"] != 1 {
			t.Errorf("got %d rooms: %v", len(rooms), names)
		}
		for _, kept := range []string{"lobby", "gophers", "help", "room59"} {
			if _, ok := names[kept]; !ok {
				t.Errorf("room %s has made way", kept)
			}
		}
	})
}

func TestPictures(t *testing.T) {
	png := append([]byte("\x89PNG\r\n\x1a\n"), make([]byte, 3000)...)
	run(t, chat.Options{MaxPayload: 20_000}, func(t *testing.T, h *harness) {
		ada, bob := h.join("Ada", "lobby"), h.join("Bob", "lobby")
		upload := func(name, kind string) map[string]any {
			return map[string]any{"room": "lobby", "nonce": name, "name": name, "type": kind}
		}
		e := ada.ask("image", upload("river.png", "text/html"), png)
		if code := refusalCode(e); code != "" {
			t.Fatalf("refused: %s", e.arg)
		}
		var m message
		got := bob.expect("message", &m)
		if m.Image == nil || m.Image.Type != "image/png" || m.Image.Name != "river.png" || m.Image.Size != len(png) {
			t.Errorf("got %+v", m.Image)
		}
		if len(got.attachments) != 1 || string(got.attachments[0]) != string(png) {
			t.Errorf("got %d attachments, want the picture", len(got.attachments))
		}

		eve := h.join("Eve", "lobby")
		var s snapshot
		eve.expect("room", &s)
		if len(s.History) != 1 || s.History[0].Image == nil || s.History[0].Image.Data != nil {
			t.Fatalf("history: got %+v, want the picture without its data", s.History)
		}
		answer := eve.ask("picture", map[string]any{"id": m.ID}, nil)
		if len(answer.attachments) != 1 || string(answer.attachments[0]) != string(png) {
			t.Errorf("picture: got %s", answer.arg)
		}
		eve.refused("picture-gone", "picture", map[string]any{"id": "other"}, nil)
		eve.must("enter", map[string]any{"room": "help"}, nil)
		eve.refused("picture-gone", "picture", map[string]any{"id": m.ID}, nil) // of a room that she is not in

		ada.refused("bad-picture", "image", upload("page.png", "image/png"), []byte("<script>alert(1)</script>"))
		ada.refused("bad-picture", "image", upload("drawing.svg", "image/svg+xml"), []byte(`<svg xmlns="http://www.w3.org/2000/svg"/>`))
		ada.refused("bad-picture", "image", upload("large.png", "image/png"), append([]byte("\x89PNG\r\n\x1a\n"), make([]byte, 9000)...))
		bob.quiet("message")
	})
}

func TestPrivateMessages(t *testing.T) {
	run(t, chat.Options{}, func(t *testing.T, h *harness) {
		ada, bob, eve := h.join("Ada", "lobby"), h.join("Bob", "help"), h.join("Eve", "lobby")
		to := func(id, nonce string) map[string]any {
			return map[string]any{"to": id, "nonce": nonce, "text": "psst"}
		}

		ada.send("private", "100", to(bob.id, "n1"), nil)
		var m message
		got := bob.expect("private", &m)
		if m.Text != "psst" || m.From.Name != "Ada" || m.Room != "" || got.ack == "" {
			t.Errorf("got %+v", m)
		}
		ada.must("say", say("lobby", "n2", "meanwhile"), nil) // nobody waits for Bob
		bob.post("43" + got.ack + "[{}]")
		if e := ada.expect("", nil); e.ack != "100" || refusalCode(e) != "" {
			t.Errorf("got %s %s, want the receipt", e.ack, e.arg)
		}
		eve.quiet("private")

		began := time.Now()
		ada.refused("no-answer", "private", to(bob.id, "n3"), nil)
		if took := time.Since(began); took != 5*time.Second {
			t.Errorf("gave up after %v, want 5s", took)
		}

		ada.send("private", "101", to(bob.id, "n4"), nil)
		synctest.Wait()
		bob.close()
		if e := ada.expect("", nil); e.ack != "101" || refusalCode(e) != "person-gone" {
			t.Errorf("got %s %s, want person-gone", e.ack, e.arg)
		}
		ada.refused("person-gone", "private", to(bob.id, "n5"), nil)
		ada.refused("bad-text", "private", to(ada.id, "n6"), nil)

		for i := range 8 {
			ada.send("private", strconv.Itoa(200+i), to(eve.id, fmt.Sprint("m", i)), nil)
		}
		ada.refused("full", "private", to(eve.id, "m8"), nil)
	})
}

func TestTypingIsToldToOthersInTheRoom(t *testing.T) {
	run(t, chat.Options{}, func(t *testing.T, h *harness) {
		ada, bob, eve := h.join("Ada", "lobby"), h.join("Bob", "lobby"), h.join("Eve", "help")
		synctest.Wait() // their polls are open, so nothing volatile is dropped
		ada.send("typing", "", true, nil)
		var who struct {
			Name string
			On   bool
		}
		bob.expect("typing", &who)
		if who.Name != "Ada" || !who.On {
			t.Errorf("got %+v", who)
		}
		ada.quiet("typing")
		eve.quiet("typing")
	})
}

func TestLatencyIsAcknowledgedWithNothing(t *testing.T) {
	run(t, chat.Options{}, func(t *testing.T, h *harness) {
		p := h.open()
		p.post(`421["latency"]`)
		if e := p.next(); e.ack != "1" || e.arg != nil {
			t.Errorf("got %s %s", e.ack, e.arg)
		}
	})
}

// TestHistoryAndEventsMeet has people enter while others speak: each message
// reaches each of them once, in the history or as an event.
func TestHistoryAndEventsMeet(t *testing.T) {
	run(t, chat.Options{}, func(t *testing.T, h *harness) {
		const messages = 40
		ada, bob := h.join("Ada", "lobby"), h.open()
		bob.hello("Bob", token("Bob"))
		said := make(chan struct{})
		go func() {
			defer close(said)
			for i := range messages {
				body, err := json.Marshal([]any{"say", say("lobby", fmt.Sprint("n", i), strconv.Itoa(i))})
				if err != nil {
					t.Error(err)
				}
				ada.post("42" + string(body))
			}
		}()
		bob.must("enter", map[string]any{"room": "lobby"}, nil)
		<-said
		var s snapshot
		bob.expect("room", &s)
		var got []string
		for _, m := range s.History {
			got = append(got, m.Text)
		}
		for len(got) < messages {
			var m message
			bob.expect("message", &m)
			got = append(got, m.Text)
		}
		for i, text := range got {
			if text != strconv.Itoa(i) {
				t.Fatalf("message %d is %q: %q", i, text, got)
			}
		}
		bob.quiet("message")
	})
}

func TestBinaryOverPollingFitsTheLimit(t *testing.T) {
	// What the page is told to send at most must pass a server of that MaxPayload.
	run(t, chat.Options{MaxPayload: 1_000_000}, func(t *testing.T, h *harness) {
		p := h.open()
		var w struct{ Limits struct{ Image int } }
		p.must("hello", map[string]any{"name": "Ada", "token": token("Ada")}, &w)
		if encoded := base64.StdEncoding.EncodedLen(w.Limits.Image); w.Limits.Image == 0 || encoded > 1_000_000-2_000 {
			t.Errorf("a picture of %d bytes is %d bytes over polling", w.Limits.Image, encoded)
		}
	})
}
