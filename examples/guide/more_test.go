package guide

import (
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sockeye-io/sockeye/examples/internal/sioclient"
	"github.com/sockeye-io/sockeye/socketio"
)

func TestAskingAClient(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t, socketio.Options{})
		c, id := join(t, sioclient.Serve(t, srv), sioclient.Options{})
		answers := make(chan string)
		begin := func() {
			t.Helper()
			s := srv.Socket(id)
			go func() {
				answer, err := ask(context.Background(), s)
				if err != nil {
					answer = err.Error()
				}
				answers <- answer
			}()
			if p := c.Next(); !strings.HasSuffix(p, `["where are you"]`) {
				t.Fatalf("got %s", p)
			}
		}
		for i, want := range []string{"home", "no answer", "gone"} {
			begin()
			switch want {
			case "home":
				c.Send(`30["home"]`)
			case "gone":
				c.Vanish()
			}
			if got := <-answers; got != want {
				t.Errorf("question %d: got %q, want %q", i, got, want)
			}
		}
	})
}

func TestAskingEveryone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(t, socketio.Options{})
		dial := sioclient.Serve(t, srv)
		home, _ := join(t, dial, sioclient.Options{})
		join(t, dial, sioclient.Options{}) // who does not answer
		answers := make(chan []string)
		go func() { answers <- askEveryone(context.Background(), srv) }()
		home.Expect(`20["where are you"]`)
		home.Send(`30["home"]`)
		if got := <-answers; len(got) != 1 || got[0] != "home" {
			t.Errorf("got %q", got)
		}
	})
}

func TestFailing(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	srv, err := reporting(slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	failing(srv)
	checking(srv)
	keepScore(srv)
	socketio.On(srv, "crash", func(context.Context, *socketio.Socket, struct{}) error { panic("ouch") })
	c := sioclient.Dial(t, sioclient.Serve(t, srv), nil)
	wantAck(t, c, `[{"error":{"message":"order at least one","data":0}}]`, "order", 0)
	wantAck(t, c, `[{"error":{"message":"internal error"}}]`, "order", 1)
	wantAck(t, c, `[{"error":{"message":"internal error"}}]`, "crash")
	wantAck(t, c, `[{"error":{"message":"join the game first"}}]`, "win", 1)
	c.Close()
	if err := srv.Shutdown(t.Context()); err != nil { // nothing is logged after it
		t.Fatal(err)
	}
	for _, want := range []string{"warehouse 7", "value=ouch", "order at least one"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log says nothing of %q:\n%s", want, log.String())
		}
	}
}

func TestServeEndsInOrder(t *testing.T) {
	t.Parallel()
	srv := newServer(t, socketio.Options{})
	web := &http.Server{Addr: "127.0.0.1:0", Handler: srv, ReadHeaderTimeout: time.Second}
	listening := make(chan struct{})
	web.BaseContext = func(net.Listener) context.Context {
		close(listening)
		return context.Background()
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- serve(ctx, srv, web) }()
	<-listening
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}
}

func TestDeployOptions(t *testing.T) {
	t.Parallel()
	if _, err := behindAProxy(); err != nil {
		t.Error(err)
	}
	err := faultyOptions()
	if err == nil || !strings.Contains(err.Error(), "ConnectTimeout") || !strings.Contains(err.Error(), "MaxPayload") {
		t.Errorf("faulty options: %v, want both faults named", err)
	}
	srv, err := forAnotherSite()
	if err != nil {
		t.Fatal(err)
	}
	dial := sioclient.Serve(t, srv)
	for origin, want := range map[string]int{
		"https://app.example.com":   http.StatusOK,
		"https://other.example.com": http.StatusForbidden,
	} {
		if _, status := sioclient.Open(t, dial, sioclient.Options{Header: http.Header{"Origin": {origin}}, Polling: true}); status != want {
			t.Errorf("%s: status %d, want %d", origin, status, want)
		}
	}
}

func TestRecovering(t *testing.T) {
	t.Parallel()
	srv, err := recovering()
	if err != nil {
		t.Fatal(err)
	}
	dial := sioclient.Serve(t, srv)
	connect := func(auth any) *sioclient.Client {
		t.Helper()
		c, status := sioclient.Open(t, dial, sioclient.Options{})
		if c == nil {
			t.Fatalf("connect: status %d", status)
		}
		c.Join(auth)
		return c
	}
	var first, second struct{ SID, PID string }
	c := connect(nil)
	p := c.Next()
	if err := json.Unmarshal([]byte(strings.TrimPrefix(p, "0")), &first); err != nil || first.PID == "" {
		t.Fatalf("got %s, want a CONNECT packet with a pid: %v", p, err)
	}
	gone := make(chan struct{})
	srv.OnDisconnect(func(context.Context, *socketio.Socket, socketio.Disconnect) { close(gone) })
	if err := srv.To(first.SID).Emit("seen", 1); err != nil {
		t.Fatal(err)
	}
	var seen []any
	p = c.Next()
	if err := json.Unmarshal([]byte(strings.TrimPrefix(p, "2")), &seen); err != nil || len(seen) != 3 {
		t.Fatalf("got %s, want an event with an offset: %v", p, err)
	}
	c.Vanish()
	<-gone
	if err := srv.To("lobby").Emit("missed", 2); err != nil {
		t.Fatal(err)
	}
	c = connect(map[string]any{"pid": first.PID, "offset": seen[2]})
	if p := c.Next(); !strings.HasPrefix(p, `2["missed",2,`) {
		t.Errorf("got %s, want what was missed", p)
	}
	p = c.Next()
	if err := json.Unmarshal([]byte(strings.TrimPrefix(p, "0")), &second); err != nil || second.SID != first.SID {
		t.Errorf("got %s, want a CONNECT packet with the id %s: %v", p, first.SID, err)
	}
}
