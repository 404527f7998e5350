package chat_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sockeye-io/sockeye/cmd/sockeye/internal/chat"
	"github.com/sockeye-io/sockeye/internal/leak"
	"github.com/sockeye-io/sockeye/internal/memnet"
	"github.com/sockeye-io/sockeye/socketio"
)

func TestMain(m *testing.M) { leak.Main(m) }

// run runs fn in virtual time with a chat of its own.
func run(t *testing.T, o chat.Options, fn func(t *testing.T, h *harness)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o.Logger = slog.New(slog.DiscardHandler)
		srv, err := socketio.NewServer(socketio.Options{Logger: o.Logger})
		if err != nil {
			t.Fatal(err)
		}
		c := chat.New(srv, o)
		listener := memnet.Listen(memnet.Options{})
		web := &http.Server{Handler: srv, ReadHeaderTimeout: time.Second}
		served := make(chan error, 1)
		go func() { served <- web.Serve(listener) }()
		h := &harness{t: t, client: &http.Client{Transport: &http.Transport{DialContext: listener.DialContext}}}
		defer func() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			if err := srv.Shutdown(ctx); err != nil {
				t.Errorf("shutdown of the sockets: %v", err)
			}
			c.Wait()
			for _, p := range h.pages {
				<-p.ended
			}
			h.client.CloseIdleConnections()
			if err := web.Shutdown(ctx); err != nil {
				t.Errorf("shutdown of the web server: %v", err)
			}
			<-served
		}()
		fn(t, h)
	})
}

type harness struct {
	t      *testing.T
	client *http.Client
	pages  []*page
}

// page is the other side of the chat: a client that polls.
type page struct {
	t      *testing.T
	client *http.Client
	url    string
	name   string
	id     string // of the identity

	inbox  chan string // packets, as they stand in payloads
	ended  chan struct{}
	events []event // received while something else was waited for
	asked  int
}

// event is an event or an acknowledgement with its first argument.
type event struct {
	name        string
	ack         string // the id to answer with, or of the answer
	arg         json.RawMessage
	attachments [][]byte
}

// open connects a page that has said nothing yet.
func (h *harness) open() *page {
	h.t.Helper()
	p := &page{
		t: h.t, client: h.client, url: "http://chat.test/socket.io/?EIO=4&transport=polling",
		inbox: make(chan string, 1000), ended: make(chan struct{}),
	}
	var handshake struct{ SID string }
	payload := p.get()
	if err := json.Unmarshal([]byte(strings.TrimPrefix(payload, "0")), &handshake); err != nil {
		h.t.Fatalf("handshake %q: %v", payload, err)
	}
	p.url += "&sid=" + handshake.SID
	h.pages = append(h.pages, p)
	go p.poll()
	p.post("40")
	if got := p.packet(); !strings.HasPrefix(got, "40{") {
		h.t.Fatalf("got %s, want CONNECT", got)
	}
	p.expect("rooms", nil)
	return p
}

// join opens a page and goes to a room under a name; the name is the token, too.
func (h *harness) join(name, room string) *page {
	h.t.Helper()
	p := h.open()
	p.hello(name, token(name))
	p.must("enter", map[string]any{"room": room}, nil)
	return p
}

func token(name string) string { return "the secret token of " + name }

func (p *page) hello(name, token string) {
	p.t.Helper()
	var w struct{ You struct{ ID, Name string } }
	p.must("hello", map[string]any{"name": name, "token": token}, &w)
	p.id, p.name = w.You.ID, w.You.Name
}

// poll receives until the session ends.
func (p *page) poll() {
	defer close(p.ended)
	for {
		payload := p.get()
		if payload == "" {
			return
		}
		for packet := range strings.SplitSeq(payload, "\x1e") {
			switch packet {
			case "2":
				p.post("3")
			case "6":
			case "1":
				return
			default:
				p.inbox <- packet
			}
		}
	}
}

// get polls once; empty means that the session has ended.
func (p *page) get() string {
	resp, err := p.client.Get(p.url)
	if err != nil {
		return ""
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		return ""
	}
	return string(body)
}

func (p *page) post(packets ...string) {
	resp, err := p.client.Post(p.url, "text/plain", strings.NewReader(strings.Join(packets, "\x1e")))
	if err != nil {
		p.t.Errorf("%s: post: %v", p.name, err)
		return
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != http.StatusOK {
		p.t.Errorf("%s: post %.60q: %s, %v", p.name, packets, resp.Status, err)
	}
}

// close ends the session as the official client does.
func (p *page) close() {
	p.post("1")
	<-p.ended
}

// packet returns the next packet; in virtual time a missing one ends the test soon.
func (p *page) packet() string {
	p.t.Helper()
	select {
	case packet := <-p.inbox:
		return packet
	case <-time.After(time.Minute):
		p.t.Fatalf("%s: nothing came for a minute", p.name)
		return ""
	}
}

// next returns the next event or acknowledgement.
func (p *page) next() event {
	p.t.Helper()
	packet := p.packet()
	rest, ok := strings.CutPrefix(packet, "4")
	if !ok {
		p.t.Fatalf("%s: got packet %.80q", p.name, packet)
	}
	kind, rest := rest[:1], rest[1:]
	var e event
	if kind == "5" || kind == "6" {
		count, tail, _ := strings.Cut(rest, "-")
		rest = tail
		for range len(count) { // one digit is enough here
			data, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(p.packet(), "b"))
			if err != nil {
				p.t.Fatal(err)
			}
			e.attachments = append(e.attachments, data)
		}
	}
	e.ack, rest = cutDigits(rest)
	if kind == "1" {
		return event{name: "(disconnect)"}
	}
	var args []json.RawMessage
	if err := json.Unmarshal([]byte(rest), &args); err != nil {
		p.t.Fatalf("%s: packet %.80q: %v", p.name, packet, err)
	}
	if kind == "2" || kind == "5" {
		if err := json.Unmarshal(args[0], &e.name); err != nil {
			p.t.Fatal(err)
		}
		args = args[1:]
	}
	if len(args) > 0 {
		e.arg = args[0]
	}
	return e
}

func cutDigits(s string) (digits, rest string) {
	rest = strings.TrimLeft(s, "0123456789")
	return s[:len(s)-len(rest)], rest
}

// expect reads to the next event of that name (empty: acknowledgement) and decodes its argument into dst,
// unless that is nil. The events before it are dropped.
func (p *page) expect(name string, dst any) event {
	p.t.Helper()
	for len(p.events) > 0 {
		e := p.events[0]
		p.events = p.events[1:]
		if e.name == name {
			return p.decoded(e, dst)
		}
	}
	for {
		if e := p.next(); e.name == name {
			return p.decoded(e, dst)
		}
	}
}

// quiet fails the test if an event of that name has come by now.
func (p *page) quiet(name string) {
	p.t.Helper()
	synctest.Wait()
	for len(p.inbox) > 0 {
		p.events = append(p.events, p.next())
	}
	for _, e := range p.events {
		if e.name == name {
			p.t.Errorf("%s: got %s %s, want none", p.name, name, e.arg)
		}
	}
}

func (p *page) decoded(e event, dst any) event {
	p.t.Helper()
	if dst != nil {
		if err := json.Unmarshal(e.arg, dst); err != nil {
			p.t.Fatalf("%s: %s %s: %v", p.name, e.name, e.arg, err)
		}
	}
	return e
}

// ask sends an event and returns its acknowledgement. A value of data is sent as
// an attachment, in the argument's field "data".
func (p *page) ask(name string, arg map[string]any, data []byte) event {
	p.t.Helper()
	p.asked++
	id := strconv.Itoa(p.asked)
	p.send(name, id, arg, data)
	for {
		e := p.next()
		if e.name == "" && e.ack == id {
			return e
		}
		p.events = append(p.events, e)
	}
}

func (p *page) send(name, id string, arg any, data []byte) {
	p.t.Helper()
	head := "42" + id
	var tail []string
	if data != nil {
		head = "451-" + id
		arg.(map[string]any)["data"] = map[string]any{"_placeholder": true, "num": 0}
		tail = []string{"b" + base64.StdEncoding.EncodeToString(data)}
	}
	body, err := json.Marshal([]any{name, arg})
	if err != nil {
		p.t.Fatal(err)
	}
	p.post(append([]string{head + string(body)}, tail...)...)
}

// must asks and fails the test if that is refused.
func (p *page) must(name string, arg map[string]any, dst any) {
	p.t.Helper()
	e := p.ask(name, arg, nil)
	if code := refusalCode(e); code != "" {
		p.t.Fatalf("%s: %s: refused: %s", p.name, name, e.arg)
	}
	p.decoded(e, dst)
}

// refused asks and fails the test unless that is refused with the code.
func (p *page) refused(want, name string, arg map[string]any, data []byte) {
	p.t.Helper()
	if e := p.ask(name, arg, data); refusalCode(e) != want {
		p.t.Errorf("%s: %s %.80v: got %.120s, want the code %s", p.name, name, arg, e.arg, want)
	}
}

func refusalCode(e event) string {
	var r struct {
		Error struct{ Data struct{ Code string } }
	}
	if bytes.HasPrefix(e.arg, []byte("{")) {
		_ = json.Unmarshal(e.arg, &r) // of another form: no code
	}
	return r.Error.Data.Code
}

// message is a message as pages get it.
type message struct {
	ID, Nonce, Room, Text string
	From                  struct{ ID, Name string }
	Image                 *struct {
		Name, Type string
		Size       int
		Data       json.RawMessage
	}
}

type snapshot struct {
	Name    string
	People  []struct{ ID, Name string }
	History []message
}

func say(room, nonce, text string) map[string]any {
	return map[string]any{"room": room, "nonce": nonce, "text": text}
}
