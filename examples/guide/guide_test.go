package guide

import (
	"net/http"
	"strings"
	"testing"

	"github.com/sockeye-io/sockeye/examples/internal/sioclient"
	"github.com/sockeye-io/sockeye/internal/leak"
	"github.com/sockeye-io/sockeye/socketio"
)

func TestMain(m *testing.M) { leak.Main(m) }

// newServer makes a server and gives it to the functions of a page.
func newServer(t *testing.T, o socketio.Options, pages ...func(*socketio.Server)) *socketio.Server {
	t.Helper()
	srv, err := socketio.NewServer(o)
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range pages {
		page(srv)
	}
	return srv
}

// join connects and returns the id of the socket, too.
func join(t *testing.T, dial sioclient.DialFunc, o sioclient.Options) (*sioclient.Client, string) {
	t.Helper()
	c, status := sioclient.Open(t, dial, o)
	if c == nil {
		t.Fatalf("connect: status %d", status)
	}
	c.Join(nil)
	p := c.Next()
	id, ok := strings.CutPrefix(p, `0{"sid":"`)
	if !ok {
		t.Fatalf("got %s, want a CONNECT packet", p)
	}
	return c, strings.TrimSuffix(id, `"}`)
}

// wantAck fails the test unless the acknowledgement is want.
func wantAck(t *testing.T, c *sioclient.Client, want, event string, args ...any) {
	t.Helper()
	if got := c.Ask(event, args...); got != want {
		t.Errorf("%s: got %s, want %s", event, got, want)
	}
}

func TestTypedEvents(t *testing.T) {
	t.Parallel()
	dial := sioclient.Serve(t, newServer(t, socketio.Options{}, typedEvents))
	ada, bob := sioclient.Dial(t, dial, nil), sioclient.Dial(t, dial, nil)
	ada.Emit("chat message", Message{Text: "hi"})
	bob.Expect(`2["chat message",{"text":"hi"}]`)
}

func TestKindsOfEvents(t *testing.T) {
	t.Parallel()
	dial := sioclient.Serve(t, newServer(t, socketio.Options{}, kindsOfEvents))
	ada, id := join(t, dial, sioclient.Options{Polling: true})
	bob, _ := join(t, dial, sioclient.Options{Polling: true})
	ada.Emit("typing")
	bob.Expect(`2["typing","` + id + `"]`)
	ada.Emit("move", 3, 4)
	bob.Expect(`2["move","` + id + `",3,4]`)
	ada.Send("51-" + `["picture",{"name":"dot","data":{"_placeholder":true,"num":0}}]` + "\x1ebAQID")
	bob.Expect(`51-["picture",{"name":"dot","data":{"_placeholder":true,"num":0}}]`)
	bob.ExpectBinary([]byte{1, 2, 3})
}

func TestComingAndGoing(t *testing.T) {
	t.Parallel()
	dial := sioclient.Serve(t, newServer(t, socketio.Options{}, comingAndGoing))
	c, id := join(t, dial, sioclient.Options{})
	c.Expect(`2["welcome","` + id + `"]`)
}

func TestRemoving(t *testing.T) {
	t.Parallel()
	srv := newServer(t, socketio.Options{}, answering)
	stop := removing(srv)
	c := sioclient.Dial(t, sioclient.Serve(t, srv), nil)
	c.Emit("vote", "cats")
	c.Expect(`2["voted","cats"]`)
	stop()
	c.Emit("vote", "dogs")
	wantAck(t, c, `[3]`, "add", sum{A: 1, B: 2}) // nothing came before it
}

func TestEmitting(t *testing.T) {
	t.Parallel()
	srv := newServer(t, socketio.Options{})
	c, id := join(t, sioclient.Serve(t, srv), sioclient.Options{})
	if err := emitting(srv, srv.Socket(id)); err != nil {
		t.Fatal(err)
	}
	c.Expect(`2["news",{"text":"for this client"}]`, `2["position",3,4]`, `2["news",{"text":"for everybody"}]`)
}

func TestRooms(t *testing.T) {
	t.Parallel()
	srv := newServer(t, socketio.Options{}, rooms, answering)
	dial := sioclient.Serve(t, srv)
	ada, adaID := join(t, dial, sioclient.Options{})
	bob, bobID := join(t, dial, sioclient.Options{Polling: true})
	ada.Emit("enter", "tea")
	wantAck(t, ada, `[0]`, "add", sum{})
	bob.Emit("enter", "tea")
	ada.Expect(`2["entered","` + bobID + `"]`)
	ada.Emit("leave", "tea")
	bob.Expect(`2["left","` + adaID + `"]`)
}

func TestTargets(t *testing.T) {
	t.Parallel()
	srv := newServer(t, socketio.Options{})
	dial := sioclient.Serve(t, srv)
	me, id := join(t, dial, sioclient.Options{})
	other, otherID := join(t, dial, sioclient.Options{})
	s := srv.Socket(id)
	s.Join("red")
	srv.Socket(otherID).Join("red", "blue", "green")
	if err := targets(srv, s, otherID); err != nil {
		t.Fatal(err)
	}
	if err := srv.Emit("end"); err != nil {
		t.Fatal(err)
	}
	for who, c := range map[string]struct {
		c    *sioclient.Client
		want int
	}{"s": {me, 7}, "the other": {other, 9}} {
		n := 0
		for c.c.Next() != `2["end"]` {
			n++
		}
		if n != c.want {
			t.Errorf("%s got %d events, want %d", who, n, c.want)
		}
	}
}

func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	srv := newServer(t, socketio.Options{})
	c, id := join(t, sioclient.Serve(t, srv), sioclient.Options{})
	srv.Socket(id).Join("red")
	if sockets, red, mine := occupancy(srv, srv.Socket(id)); sockets != 1 || red != 1 || len(mine) != 2 || mine[0] != id {
		t.Errorf("occupancy: %d sockets, %d in red, in rooms %q", sockets, red, mine)
	}
	if err := manyAtOnce(srv); err != nil {
		t.Fatal(err)
	}
	c.Expect(`1`)
}

func TestAnswering(t *testing.T) {
	t.Parallel()
	c := sioclient.Dial(t, sioclient.Serve(t, newServer(t, socketio.Options{}, answering)), nil)
	wantAck(t, c, `[5]`, "add", sum{A: 2, B: 3})
	wantAck(t, c, `["several","arguments"]`, "slow")
}

func TestNamespaces(t *testing.T) {
	t.Parallel()
	dial := sioclient.Serve(t, newServer(t, socketio.Options{}, namespaces))
	c := sioclient.Dial(t, dial, nil)
	c.Send(`0/admin,{"password":"please"}`)
	c.Expect(`4/admin,{"message":"not for you"}`)
	c.Send(`0/admin,{"password":"open sesame"}`)
	if p := c.Next(); !strings.HasPrefix(p, `0/admin,{"sid":`) {
		t.Fatalf("got %s, want a CONNECT packet", p)
	}
	c.Send(`2/admin,["announce",{"text":"lunch"}]`)
	c.Expect(`2["news",{"text":"lunch"}]`)
}

func TestDocuments(t *testing.T) {
	t.Parallel()
	dial := sioclient.Serve(t, newServer(t, socketio.Options{}, documents))
	a, b := sioclient.Dial(t, dial, nil), sioclient.Dial(t, dial, nil)
	for _, c := range []*sioclient.Client{a, b} {
		c.Send(`0/doc-7,`)
		if p := c.Next(); !strings.HasPrefix(p, `0/doc-7,{"sid":`) {
			t.Fatalf("got %s, want a CONNECT packet", p)
		}
	}
	a.Send(`2/doc-7,["edit",{"text":"word"}]`)
	b.Expect(`2/doc-7,["edit",{"text":"word"}]`)
}

func TestVisitors(t *testing.T) {
	t.Parallel()
	srv, err := newServerWithVisitors(func(cookie string) (string, bool) { return "Ada", cookie == "1" })
	if err != nil {
		t.Fatal(err)
	}
	greetVisitors(srv)
	keepScore(srv)
	dial := sioclient.Serve(t, srv)
	for _, cookie := range []string{"", "session=2"} {
		if c, status := sioclient.Open(t, dial, sioclient.Options{Header: http.Header{"Cookie": {cookie}}}); c != nil || status != http.StatusForbidden {
			t.Errorf("cookie %q: status %d, want 403", cookie, status)
		}
	}
	c, id := join(t, dial, sioclient.Options{Header: http.Header{"Cookie": {"session=1"}}})
	c.Expect(`2["hello","Ada"]`)
	wantAck(t, c, `[2]`, "win", 2)
	wantAck(t, c, `[5]`, "win", 3)
	srv.Socket(id).Join("user:Ada")
	if err := kick(srv, "Ada"); err != nil {
		t.Fatal(err)
	}
	c.Expect(`1`)
}
