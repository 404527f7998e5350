package socketio_test

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"

	"github.com/sockeye-io/sockeye/engineio"
	"github.com/sockeye-io/sockeye/socketio"
)

// v2 allows clients of Socket.IO 1 and 2.
func v2() socketio.Options {
	return socketio.Options{Engine: engineio.Options{AllowEIO3: true}}
}

// dialV2 opens a WebSocket session of version 2. Its client is in "/" if nobody
// refuses it.
func (r *rig) dialV2() *client {
	r.t.Helper()
	return r.dialQuery("EIO=3")
}

func TestVersion2IsConnectedFromTheStart(t *testing.T) {
	t.Parallel()
	bubble(t, v2(), func(t *testing.T, r *rig) {
		var order []string
		r.srv.OnConnect(func(_ context.Context, s *socketio.Socket) error {
			order = append(order, "connect "+s.ID())
			return s.Emit("hello")
		})
		r.srv.OnDisconnect(func(_ context.Context, _ *socketio.Socket, why socketio.Disconnect) {
			order = append(order, string(why.Reason))
		})
		socketio.On(r.srv, "x", func(_ context.Context, _ *socketio.Socket, n int) error {
			order = append(order, "event "+strconv.Itoa(n))
			return nil
		})
		c := r.dialV2()
		c.expect("0", `2["hello"]`)
		c.send(`2["x",1]`)
		synctest.Wait()
		s := r.srv.Socket(c.sid) // the id is the session's
		equal(t, "auth", s.Handshake().Auth.Bytes() == nil, true)
		equal(t, "room of its own", strings.Join(s.Rooms(), " "), c.sid)
		time.Sleep(44 * time.Second) //nolint:forbidigo // virtual time; the timeout is not the one for joining
		c.send("1")
		synctest.Wait()
		want := []string{"connect " + c.sid, "event 1", "client namespace disconnect"}
		if diff := cmp.Diff(want, order); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestVersion2OverPolling(t *testing.T) {
	t.Parallel()
	bubble(t, v2(), func(t *testing.T, r *rig) {
		socketio.On(r.srv, "x", func(_ context.Context, s *socketio.Socket, v any) error { return s.Emit("x", v) })
		p := &poller{r: r, query: "EIO=3&transport=polling"}
		first := p.get()
		length, packet, _ := strings.Cut(first, ":")
		var open struct {
			SID string `json:"sid"`
		}
		if err := json.Unmarshal([]byte(packet[1:]), &open); err != nil || length != strconv.Itoa(len(packet)) {
			t.Fatalf("%q is more than the OPEN packet: %v", first, err)
		}
		p.query += "&sid=" + open.SID
		equal(t, "CONNECT", p.get(), "2:40")
		part := func(text string) string { return strconv.Itoa(len(utf16.Encode([]rune(text)))) + ":" + text }
		equal(t, "POST", p.post(part(`42["x","€😀"]`)), "ok")
		synctest.Wait()
		equal(t, "event", p.get(), part(`42["x","€😀"]`))
		equal(t, "binary", p.post(part(`451-["x",{"_placeholder":true,"num":0}]`)+part("b4AQID")), "ok")
		synctest.Wait()
		answer := p.get()
		equal(t, "binary event", answer, "\x00\x03\x09\xff"+`451-["x",{"_placeholder":true,"num":0}]`+"\x01\x04\xff\x04\x01\x02\x03")
	})
}

func TestVersion2Namespaces(t *testing.T) {
	t.Parallel()
	bubble(t, v2(), func(t *testing.T, r *rig) {
		auths := make(map[string]string)
		admin := r.srv.Of("/admin")
		admin.OnConnect(func(_ context.Context, s *socketio.Socket) error {
			auths[s.ID()] = string(s.Handshake().Auth.Bytes())
			return nil
		})
		socketio.On(admin, "x", func(_ context.Context, s *socketio.Socket, n int) error { return s.Emit("x", n) })
		var sids []string
		for _, connect := range []string{"0/admin", "0/admin,", "0/admin?token=a%20b,", "0/admin?n=1&n=2&m", "0/admin?", `0/admin,{"a":1}`} {
			c := r.dialV2()
			c.expect("0")
			c.send(connect)
			c.expect("0/admin,")
			c.send(`2/admin,["x",1]`)
			c.expect(`2/admin,["x",1]`)
			sids = append(sids, c.sid)
		}
		want := []string{"", "", `{"token":"a b"}`, `{"m":"","n":["1","2"]}`, "{}", ""}
		for i, sid := range sids {
			var got, wanted any
			if want[i] != "" {
				must(t, json.Unmarshal([]byte(want[i]), &wanted))
				must(t, json.Unmarshal([]byte(auths["/admin#"+sid]), &got))
			} else if auths["/admin#"+sid] != "" {
				got = auths["/admin#"+sid]
			}
			if diff := cmp.Diff(wanted, got); diff != "" {
				t.Errorf("auth of connection %d (-want +got):\n%s", i, diff)
			}
		}
		equal(t, "sockets", len(auths), len(sids))
	})
}

// TestVersion2JoinsAgain: the id is the same the second time, so nothing of the
// first may be in its way.
func TestVersion2JoinsAgain(t *testing.T) {
	t.Parallel()
	bubble(t, v2(), func(t *testing.T, r *rig) {
		admin := r.srv.Of("/admin")
		admin.OnConnect(func(_ context.Context, s *socketio.Socket) error { s.Join("room"); return nil })
		var mu sync.Mutex
		var ends []socketio.Reason
		admin.OnDisconnect(func(_ context.Context, _ *socketio.Socket, why socketio.Disconnect) {
			mu.Lock()
			ends = append(ends, why.Reason)
			mu.Unlock()
		})
		c := r.dialV2()
		c.expect("0")
		for range 3 {
			c.send("0/admin,")
			c.expect("0/admin,")
			c.send("1/admin,", "0/admin,")
			c.expect("0/admin,")
			synctest.Wait()
			admin.Socket("/admin#" + c.sid).Disconnect()
			c.expect("1/admin,")
		}
		synctest.Wait()
		equal(t, "ends", len(ends), 6)
		equal(t, "sockets", admin.Len(), 0)
		must(t, admin.To("room").Emit("x"))
		c.nothing()
	})
}

func TestVersion2IsRefused(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule string
		err  error
		want string
	}{
		{"the data is all that is said", &socketio.Error{Message: "no", Data: map[string]any{"x": 1}}, `{"x":1}`},
		{"or else the message", &socketio.Error{Message: "no"}, `"no"`},
		{"data that no refusal can carry counts for nothing", &socketio.Error{Message: "no", Data: panicky{}}, `"no"`},
		{"others are not told", context.Canceled, `"internal error"`},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			bubble(t, v2(), func(t *testing.T, r *rig) {
				refuse := func(context.Context, *socketio.Socket) error { return test.err }
				r.srv.Of("/err").Use(refuse)
				c := r.dialV2()
				c.expect("0")
				c.send("0/err")
				c.expect("4/err," + test.want)
				c.send("0/nowhere?a=1")
				c.expect(`4/nowhere,{"message":"Invalid namespace"}`)
				r.srv.Use(refuse)
				c = r.dialV2()
				c.expect("4" + test.want) // instead of a CONNECT for "/"
			})
		})
	}
}

func TestVersion2AndTodayInOneRoom(t *testing.T) {
	t.Parallel()
	bubble(t, v2(), func(t *testing.T, r *rig) {
		r.srv.OnConnect(func(_ context.Context, s *socketio.Socket) error { s.Join("room"); return nil })
		old, today := r.dialV2(), r.dial()
		old.expect("0")
		today.join("")
		synctest.Wait()
		must(t, r.srv.To("room").Emit("x", []byte{1, 2}))
		head := `51-["x",{"_placeholder":true,"num":0}]`
		old.expect(head)
		old.expectBinary("\x04\x01\x02")
		today.expect(head)
		today.expectBinary("\x01\x02")
		old.send(`51-["x",{"_placeholder":true,"num":0}]`)
		old.sendBinary("\x04\x03")
		must(t, r.srv.Emit("y"))
		old.expect(`2["y"]`)
		today.expect(`2["y"]`)
	})
}

func TestVersion2Acknowledges(t *testing.T) {
	t.Parallel()
	bubble(t, v2(), func(t *testing.T, r *rig) {
		got := make(chan []byte, 1)
		r.srv.OnConnect(func(ctx context.Context, s *socketio.Socket) error {
			b, err := socketio.Call[[]byte](ctx, s, "question", 1)
			got <- b
			return err
		})
		socketio.Handle(r.srv, "ask", func(context.Context, *socketio.Socket, int) ([]byte, error) { return []byte{9}, nil })
		c := r.dialV2()
		c.expect("0", `20["question",1]`)
		c.send(`61-0[{"_placeholder":true,"num":0}]`)
		c.sendBinary("\x04\x07\x08")
		equal(t, "acknowledgement", string(<-got), "\x07\x08")
		c.send(`27["ask",1]`)
		c.expect(`61-7[{"_placeholder":true,"num":0}]`)
		c.expectBinary("\x04\x09")
	})
}

// TestVersion2ClosedWhileItOpens: the end may come before the handshake is
// through.
func TestVersion2ClosedWhileItOpens(t *testing.T) {
	t.Parallel()
	bubble(t, v2(), func(t *testing.T, r *rig) {
		r.srv.OnConnect(func(_ context.Context, s *socketio.Socket) error { s.Close(); return nil })
		ended := make(chan socketio.Reason, 1)
		r.srv.OnDisconnect(func(_ context.Context, _ *socketio.Socket, why socketio.Disconnect) { ended <- why.Reason })
		for range 20 {
			c := r.dialV2()
			c.expect("0", "1")
			c.closed()
			equal(t, "reason", <-ended, socketio.ReasonServerDisconnect)
			p := &poller{r: r, query: "EIO=3&transport=polling"}
			open := p.get()
			equal(t, "OPEN", open[:5], `118:0`)
			p.query += "&sid=" + strings.Split(open, `"`)[3]
			rest := p.get()
			if strings.HasSuffix(rest, "2:40") {
				rest += p.get()
			}
			equal(t, "the rest", rest, "2:402:41")
			equal(t, "goodbye", p.get(), "1:1")
			equal(t, "reason", <-ended, socketio.ReasonServerDisconnect)
		}
	})
}
