package socketio_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sockeye-io/sockeye"
	"github.com/sockeye-io/sockeye/socketio"
)

const status sockeye.Request[string, int] = "status"

// free checks that nobody waits for an acknowledgement of these sockets.
func free(t *testing.T, sockets ...*socketio.Socket) {
	t.Helper()
	for _, s := range sockets {
		_, _, owed := s.Held()
		equal(t, "calls pending", s.Pending(), 0)
		equal(t, "acknowledgements owed", owed, 0)
	}
}

func TestCallAllYieldsRepliesAsTheyCome(t *testing.T) {
	t.Parallel()
	bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
		a, sa := r.socket()
		b, sb := r.socket()
		_, sc := r.socket() // never answers
		start := time.Now()
		for _, c := range []*client{a, b} {
			go func() {
				c.expect(`20["status","now"]`) // one packet, one id, and 0 is one
				if c == a {
					<-time.After(time.Second)
				}
				c.send(`30[` + map[*client]string{a: "1", b: "2"}[c] + `,"more"]`)
				c.send(`30[9]`) // nobody waits for a second one
			}()
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var got []string
		for reply, err := range socketio.CallAll(ctx, r.srv.To(), status, "now") {
			got = append(got, fmt.Sprint(reply.SocketID, " ", reply.Value, " ", time.Since(start).Truncate(time.Second), " ", err))
			var missing *socketio.ReplyError
			if err != nil && (!errors.As(err, &missing) || missing.SocketID != sc.ID() || !errors.Is(err, context.DeadlineExceeded)) {
				t.Errorf("got %v", err)
			}
		}
		if diff := cmp.Diff([]string{
			sb.ID() + " 2 0s <nil>",
			sa.ID() + " 1 1s <nil>",
			" 0 1m0s socketio: no answer from " + sc.ID() + ": context deadline exceeded",
		}, got); diff != "" {
			t.Errorf("replies (-want +got):\n%s", diff)
		}
		free(t, sa, sb, sc)
	})
}

// Node.js kept an entry for each socket and each broadcast that timed out.
func TestCallAllLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	tests := []struct {
		rule string
		end  func(c *client, s *socketio.Socket)
		want error // of the one who does not answer; nil = the loop breaks before
	}{
		{"a timeout", func(*client, *socketio.Socket) {}, context.DeadlineExceeded},
		{"the client's disconnect", func(c *client, _ *socketio.Socket) { c.send("1") }, socketio.ErrDisconnected},
		{"the server's disconnect", func(_ *client, s *socketio.Socket) { s.Disconnect() }, socketio.ErrDisconnected},
		{"the end of the connection", func(c *client, _ *socketio.Socket) { c.leave() }, socketio.ErrDisconnected},
		{"a break", func(*client, *socketio.Socket) {}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
				good, sGood := r.socket()
				bad, sBad := r.socket()
				const rounds = 50
				go func() {
					for i := range rounds {
						good.expect(fmt.Sprintf(`2%d["status","now"]`, i))
						good.send(fmt.Sprintf(`3%d[1]`, i))
					}
				}()
				for i := range rounds {
					ctx, cancel := context.WithTimeout(t.Context(), time.Second)
					n := 0
					for reply, err := range socketio.CallAll(ctx, r.srv.To(), status, "now") {
						if n++; n == 1 && (err != nil || reply.SocketID != sGood.ID()) {
							t.Fatalf("round %d: first pair %v, %v", i, reply, err)
						}
						if tt.want == nil {
							break
						}
						if n == 1 && i == 0 {
							tt.end(bad, sBad)
						} else if n == 2 && !errors.Is(err, tt.want) {
							t.Fatalf("round %d: got %v, want %v", i, err, tt.want)
						}
					}
					cancel()
					free(t, sGood, sBad)
				}
				if tt.want == nil || errors.Is(tt.want, context.DeadlineExceeded) {
					bad.send(`30[1]`) // far too late
					bad.send(`299["nobody handles this"]`)
					synctest.Wait()
					equal(t, "sockets", r.srv.Len(), 2)
				}
			})
		})
	}
}

func TestCallAllOfNobodyAndWithBadArguments(t *testing.T) {
	t.Parallel()
	bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
		for range socketio.CallAll(t.Context(), r.srv.To("empty"), status, "now") {
			t.Error("a pair for nobody")
		}
		c, s := r.socket()
		pairs := 0
		for _, err := range r.srv.To().Call(t.Context(), "e", func() {}) {
			pairs++
			if !errors.As(err, new(*socketio.EncodeError)) {
				t.Errorf("got %v, want an *EncodeError", err)
			}
		}
		for _, err := range socketio.CallAll[int](t.Context(), r.srv.To(), "e", badArgs{}) {
			pairs++
			equal(t, "error of the arguments", err, io.ErrUnexpectedEOF)
		}
		equal(t, "pairs", pairs, 2)
		_ = socketio.CallAll(t.Context(), r.srv.To(), status, "never ranged over")
		c.nothing()
		free(t, s)
	})
}

type badArgs struct{}

func (badArgs) MarshalArgs() ([]any, error) { return nil, io.ErrUnexpectedEOF }

func TestCallAllNamesWhoFailed(t *testing.T) {
	t.Parallel()
	bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
		answers := []string{`[{"error":{"message":"busy"}}]`, `["not a number"]`, `[]`, `[7]`}
		var sockets []*socketio.Socket
		for _, answer := range answers {
			c, s := r.socket()
			sockets = append(sockets, s)
			go func() {
				c.expect(`20["status","now"]`)
				c.send("30" + answer)
			}()
		}
		errs := map[string]error{}
		for reply, err := range socketio.CallAll(t.Context(), r.srv.To(), status, "now") {
			var who *socketio.ReplyError
			switch {
			case err == nil:
				errs[reply.SocketID] = nil
				equal(t, "value", reply.Value, 7)
			case errors.As(err, &who):
				errs[who.SocketID] = who.Err
				equal(t, "reply beside an error", reply, socketio.Reply[int]{})
			default:
				t.Errorf("got %v", err)
			}
		}
		equal(t, "pairs", len(errs), 4)
		if diff := cmp.Diff(error(&socketio.Error{Message: "busy"}), errs[sockets[0].ID()]); diff != "" {
			t.Error(diff)
		}
		for _, s := range sockets[1:3] {
			if err := errs[s.ID()]; !errors.As(err, new(*socketio.ArgumentError)) {
				t.Errorf("got %v, want an *ArgumentError", err)
			}
		}
		equal(t, "error of the last", errs[sockets[3].ID()], nil)
		free(t, sockets...)
	})
}

// A handler asks everybody, its own client among them, whose acknowledgement has to
// be read meanwhile.
func TestCallAllInHandlerCompletes(t *testing.T) {
	t.Parallel()
	bubble(t, socketio.Options{InboundPackets: 2}, func(t *testing.T, r *rig) {
		socketio.Handle(r.srv, "ask", func(ctx context.Context, _ *socketio.Socket, _ struct{}) (int, error) {
			sum := 0
			for reply, err := range socketio.CallAll(ctx, r.srv.To(), status, "now") {
				if err != nil {
					return 0, err
				}
				sum += reply.Value
			}
			return sum, nil
		})
		a, sa := r.socket()
		b, sb := r.socket()
		a.send(`25["ask"]`, `2["waits"]`, `2["waits"]`)
		a.expect(`20["status","now"]`)
		b.expect(`20["status","now"]`)
		b.send(`30[2]`)
		a.send(`30[1]`)
		a.expect(`35[3]`)
		synctest.Wait()
		free(t, sa, sb)
		equal(t, "calls that handlers wait for", sa.Waiting(), 0)
	})
}

// At the hard limit of the connection whose handler waits nothing can arrive: the
// answers of others would be waited for in vain if they depended on it.
func TestCallAllInHandlerEndsWhenInboundIsFull(t *testing.T) {
	t.Parallel()
	o := socketio.Options{InboundBytes: 1000}
	o.Engine.MaxPayload = 1000
	bubble(t, o, func(t *testing.T, r *rig) {
		failed := make(chan error, 2)
		socketio.On(r.srv, "ask", func(ctx context.Context, _ *socketio.Socket, _ struct{}) error {
			for _, err := range socketio.CallAll(ctx, r.srv.To(), status, "now") {
				failed <- err
			}
			for _, err := range socketio.CallAll(ctx, r.srv.To(), status, "again") {
				failed <- err
			}
			return nil
		})
		a, sa := r.socket()
		_, sb := r.socket()
		a.send(`2["ask"]`)
		a.expect(`20["status","now"]`)
		for range 10 {
			a.send(`2["fill","` + strings.Repeat("x", 700) + `"]`)
		}
		for range 4 { // two each, sent or not
			err := wait(t, "the end of a call", failed)
			if !errors.Is(err, socketio.ErrInboundFull) {
				t.Errorf("got %v, want ErrInboundFull", err)
			}
		}
		free(t, sa, sb)
	})
}

func TestCallAllOfAParentAndOfOneSocket(t *testing.T) {
	t.Parallel()
	bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
		parent := r.srv.OfMatch(regexp.MustCompile(`^/room-\d$`))
		c := r.dial()
		one, two := c.join("/room-1"), c.join("/room-2")
		go func() {
			c.expect(`2/room-1,0["status","now"]`, `2/room-2,0["status","now"]`)
			c.send(`3/room-2,0[2]`, `3/room-1,0[1]`)
			c.expect(`2/room-1,1["status","plain"]`) // ids are the namespace's
			c.send(`3/room-1,1[3]`)
		}()
		var got []string
		for reply, err := range socketio.CallAll(t.Context(), parent.To(), status, "now") {
			got = append(got, fmt.Sprint(reply.SocketID, reply.Value, err))
		}
		for reply, err := range socketio.CallAll(t.Context(), parent.Socket(one).Compress(false), status, "plain") {
			got = append(got, fmt.Sprint(reply.SocketID, reply.Value, err))
		}
		if diff := cmp.Diff([]string{two + "2 <nil>", one + "1 <nil>", one + "3 <nil>"}, got); diff != "" {
			t.Errorf("replies (-want +got):\n%s", diff)
		}
	})
}

// The same event to clients of both transports: python-socketio broke binary then.
func TestCallAllOfBothTransportsWithBinary(t *testing.T) {
	t.Parallel()
	bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
		p := r.poller()
		p.join()
		c, _ := r.socket()
		var clients sync.WaitGroup
		clients.Go(func() {
			equal(t, "poll", p.get(), "451-0[\"e\",{\"_placeholder\":true,\"num\":0}]\x1ebAQI=")
			equal(t, "answer to the POST", p.post("461-0[{\"_placeholder\":true,\"num\":0}]\x1ebAQID"), "ok")
		})
		clients.Go(func() {
			c.expect(`51-0["e",{"_placeholder":true,"num":0}]`)
			c.expectBinary("\x01\x02")
			c.send(`61-0[{"_placeholder":true,"num":0}]`)
			c.sendBinary("\x01\x02\x03")
		})
		n := 0
		for reply, err := range socketio.CallAll[[]byte](t.Context(), r.srv.To(), "e", []byte{1, 2}) {
			must(t, err)
			equal(t, "value", string(reply.Value), "\x01\x02\x03")
			n++
		}
		clients.Wait()
		equal(t, "replies", n, 2)
	})
}

func TestSocketsYieldsValues(t *testing.T) {
	t.Parallel()
	bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
		name := socketio.NewKey[string]("name")
		r.srv.Use(func(_ context.Context, s *socketio.Socket) error {
			var auth struct{ Name string }
			_ = s.Handshake().Auth.Decode(&auth)
			name.Set(s, auth.Name)
			return nil
		})
		a := r.dial("X-Custom", "a")
		a.send(`0{"Name":"ann"}`)
		id := a.joined("")
		b := r.dial()
		b.send(`0{"Name":"bob"}`)
		b.joined("")
		r.srv.Socket(id).Join("lobby")
		var found []socketio.Remote
		for s, err := range r.srv.To("lobby").Sockets(t.Context()) {
			must(t, err)
			found = append(found, s)
		}
		equal(t, "found", len(found), 1)
		s := found[0]
		equal(t, "id", s.ID(), id)
		equal(t, "socket", s.Socket(), r.srv.Socket(id))
		equal(t, "rooms", strings.Join(s.Rooms(), " "), id+" lobby")
		equal(t, "header", s.Handshake().Header().Get("X-Custom"), "a")
		equal(t, "auth", string(s.Handshake().Auth.Bytes()), `{"Name":"ann"}`)
		who, ok := name.Of(s)
		equal(t, "value", who, "ann")
		equal(t, "value is there", ok, true)
		if _, ok := socketio.NewKey[string]("name").Of(s); ok {
			t.Error("found a value under another key")
		}

		must(t, s.Join("other"))
		must(t, s.Leave("lobby"))
		equal(t, "rooms now", strings.Join(r.srv.Socket(id).Rooms(), " "), id+" other")
		equal(t, "rooms then", strings.Join(s.Rooms(), " "), id+" lobby")
		must(t, s.Emit("e", 1))
		a.expect(`2["e",1]`)
		go func() {
			a.expect(`20["q"]`)
			a.send(`30["answer"]`)
		}()
		args, err := s.Call(t.Context(), "q")
		must(t, err)
		equal(t, "answer", string(args.Raw(0).Bytes()), `"answer"`)
		must(t, s.Disconnect())
		a.expect("1")
		if err := s.Emit("e"); !errors.Is(err, socketio.ErrDisconnected) {
			t.Errorf("got %v, want ErrDisconnected", err)
		}
		for s := range r.srv.To().Sockets(t.Context()) {
			must(t, s.Close())
		}
		b.expect("1")
		b.closed()
	})
}

func TestSocketsEndsWithItsContext(t *testing.T) {
	t.Parallel()
	bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
		for range 3 {
			r.socket()
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var errs []error
		for _, err := range r.srv.To().Sockets(ctx) {
			errs = append(errs, err)
			cancel()
		}
		if !slices.Equal(errs, []error{nil, context.Canceled}) {
			t.Errorf("got %v", errs)
		}
		for range r.srv.To().Sockets(t.Context()) {
			break
		}
	})
}
