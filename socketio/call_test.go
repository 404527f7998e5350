package socketio_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sockeye-io/sockeye"
	"github.com/sockeye-io/sockeye/socketio"
)

type user struct {
	Name string `json:"name"`
}

const whoAmI sockeye.Request[int, user] = "whoami"

func TestCallReturnsTheAcknowledgement(t *testing.T) {
	t.Parallel()
	bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
		c, s := r.socket()
		go func() {
			c.expect(`20["whoami",7]`)
			c.send(`30[{"name":"ann"},"more"]`)
			c.expect(`21["bin",{"a":1}]`)
			c.send(`61-1[{"_placeholder":true,"num":0}]`)
			c.sendBinary("\x01\x02")
		}()
		u, err := socketio.Call(t.Context(), s, whoAmI, 7)
		must(t, err)
		equal(t, "value", u, user{"ann"})
		b, err := socketio.Call[[]byte](t.Context(), s, "bin", map[string]int{"a": 1})
		must(t, err)
		equal(t, "binary", string(b), "\x01\x02")
		equal(t, "calls pending", s.Pending(), 0)
	})
}

func TestCallEndsOnceWhateverEndsIt(t *testing.T) {
	t.Parallel()
	tests := []struct {
		rule string
		end  func(t *testing.T, c *client, s *socketio.Socket)
		want error
	}{
		{"an acknowledgement", func(_ *testing.T, c *client, _ *socketio.Socket) { c.send("30[]") }, nil},
		{"its context", func(*testing.T, *client, *socketio.Socket) {}, context.DeadlineExceeded},
		{"the client's disconnect", func(_ *testing.T, c *client, _ *socketio.Socket) { c.send("1") }, socketio.ErrDisconnected},
		{"the server's disconnect", func(_ *testing.T, _ *client, s *socketio.Socket) { s.Disconnect() }, socketio.ErrDisconnected},
		{"the server's close", func(_ *testing.T, _ *client, s *socketio.Socket) { s.Close() }, socketio.ErrDisconnected},
		{"the end of the connection", func(_ *testing.T, c *client, _ *socketio.Socket) { c.leave() }, socketio.ErrDisconnected},
		{"a broken packet", func(_ *testing.T, c *client, _ *socketio.Socket) { c.send("9") }, socketio.ErrDisconnected},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
				c, s := r.socket()
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				done := make(chan error, 1)
				go func() {
					_, err := s.Call(ctx, "q")
					done <- err
				}()
				c.expect(`20["q"]`)
				tt.end(t, c, s)
				err := wait(t, "end of the call", done)
				if !errors.Is(err, tt.want) {
					t.Errorf("got %v, want %v", err, tt.want)
				}
				equal(t, "calls pending", s.Pending(), 0)
				_, _, owed := s.Held()
				equal(t, "acknowledgements owed", owed, 0)
				if tt.want == nil || errors.Is(tt.want, context.DeadlineExceeded) {
					c.send("30[]", "30[1]", `399["x"]`) // late, twice, and unknown: ignored
					c.nothing()
				}
			})
		})
	}
}

// A client's acknowledgement with the id 0 must not disturb the next call.
func TestAckIDsStartAtZeroAndStayUnique(t *testing.T) {
	t.Parallel()
	bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
		c, s := r.socket()
		c.send("30[]") // nobody has asked
		c.nothing()
		for i := range 3 {
			go func() {
				c.expect(fmt.Sprintf(`2%d["q"]`, i))
				c.send(fmt.Sprintf("3%d[%d]", i, i))
				c.send("30[]")
			}()
			n, err := socketio.Call[int](t.Context(), s, "q", struct{}{})
			must(t, err)
			equal(t, "answer", n, i)
		}
	})
}

func TestConcurrentCallsGetTheirOwnAnswers(t *testing.T) {
	t.Parallel()
	bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
		c, s := r.socket()
		const n = 50
		errs := make(chan error, n)
		for i := range n {
			go func() {
				got, err := socketio.Call[int](t.Context(), s, "double", i)
				if err == nil && got != 2*i {
					err = fmt.Errorf("double %d is %d", i, got)
				}
				errs <- err
			}()
		}
		packets := make([]string, n)
		for i := range n {
			var id, v int
			if _, err := fmt.Sscanf(c.next(), `2%d["double",%d]`, &id, &v); err != nil {
				t.Fatal(err)
			}
			packets[n-1-i] = fmt.Sprintf("3%d[%d]", id, 2*v) // in reverse
		}
		c.send(packets...)
		for range n {
			must(t, <-errs)
		}
	})
}

// Inside a handler a call does not keep the connection from being read: the
// acknowledgement arrives, and so do pongs, other calls and other sockets' events.
func TestCallInHandlerCompletes(t *testing.T) {
	t.Parallel()
	bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
		socketio.Handle(r.srv, "ask", func(ctx context.Context, s *socketio.Socket, depth int) (int, error) {
			n, err := socketio.Call[int](ctx, s, "question", depth)
			return n + 1, err
		})
		c, _ := r.socket()
		start := time.Now()
		c.send(`2100["ask",5]`)
		c.expect(`20["question",5]`)
		equal(t, "time until the question leaves", time.Since(start), 0)
		<-time.After(5 * time.Minute) // pings and pongs go on
		c.send(`30[41]`)
		c.expect(`3100[42]`)
	})
}

func TestCallOfAnotherSocketInHandlerCompletes(t *testing.T) {
	t.Parallel()
	bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
		a, first := r.socket()
		b, second := r.socket()
		others := map[string]*socketio.Socket{first.ID(): second, second.ID(): first}
		socketio.Handle(r.srv, "ask other", func(ctx context.Context, s *socketio.Socket, _ struct{}) (int, error) {
			return socketio.Call[int](ctx, others[s.ID()], "question", struct{}{})
		})
		a.send(`27["ask other"]`)
		b.expect(`20["question"]`)
		b.send(`27["ask other"]`)
		a.expect(`21["question"]`) // ids are the namespace's
		a.send(`31[1]`)
		b.send(`30[2]`)
		a.expect(`37[2]`)
		b.expect(`37[1]`)
	})
}

// An acknowledgement is seen although events that arrived before it wait.
func TestAckOvertakesQueuedEvents(t *testing.T) {
	t.Parallel()
	bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
		var order []string
		socketio.On(r.srv, "first", func(ctx context.Context, s *socketio.Socket, _ struct{}) error {
			_, err := s.Call(ctx, "q")
			order = append(order, "answered")
			return err
		})
		socketio.On(r.srv, "second", func(context.Context, *socketio.Socket, struct{}) error {
			order = append(order, "second")
			return nil
		})
		c, _ := r.socket()
		c.send(`2["first"]`, `2["second"]`, `2["second"]`, `30[]`)
		c.expect(`20["q"]`)
		synctest.Wait()
		c.send(`30[]`) // the first came before the question; this is the answer
		synctest.Wait()
		if diff := cmp.Diff([]string{"answered", "second", "second"}, order); diff != "" {
			t.Error(diff)
		}
	})
}

func TestCallTurnsErrorRepliesIntoErrors(t *testing.T) {
	t.Parallel()
	bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
		c, s := r.socket()
		tests := []struct {
			rule, ack string
			want      *socketio.Error
		}{
			{"message and data", `[{"error":{"message":"no","data":{"a":[1]}}}]`, &socketio.Error{Message: "no", Data: map[string]any{"a": []any{1.0}}}},
			{"message alone", `[{"error":{"message":"no"}}]`, &socketio.Error{Message: "no"}},
			{"no message is no error", `[{"error":{}}]`, nil},
			{"another argument is no error", `[{"error":{"message":"no"}},1]`, nil},
			{"null is no error", `[{"error":null}]`, nil},
			{"nothing is no error", `[]`, nil},
		}
		for i, tt := range tests {
			go func() {
				c.next()
				c.send(fmt.Sprintf("3%d%s", i, tt.ack))
			}()
			_, err := s.Call(t.Context(), "q")
			var got *socketio.Error
			errors.As(err, &got)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("%s: %s", tt.rule, diff)
			}
		}
	})
}

func TestCallAfterTheEndFails(t *testing.T) {
	t.Parallel()
	bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
		_, s := r.socket()
		s.Disconnect()
		_, err := s.Call(t.Context(), "q")
		var end *socketio.DisconnectedError
		if !errors.As(err, &end) || end.Reason != socketio.ReasonServerDisconnect || !errors.Is(err, socketio.ErrDisconnected) {
			t.Errorf("got %v, want a *DisconnectedError", err)
		}
		if err := s.Emit("x"); !errors.Is(err, socketio.ErrDisconnected) {
			t.Errorf("Emit: got %v, want ErrDisconnected", err)
		}
	})
}

func TestCallThatCannotBeEncodedLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
		c, s := r.socket()
		var encode *socketio.EncodeError
		if _, err := s.Call(t.Context(), "q", make(chan int)); !errors.As(err, &encode) {
			t.Errorf("got %v, want *EncodeError", err)
		}
		if _, err := s.Call(t.Context(), "disconnect"); !errors.As(err, &encode) {
			t.Errorf("reserved name: got %v, want *EncodeError", err)
		}
		equal(t, "calls pending", s.Pending(), 0)
		c.nothing()
	})
}

// The calls of an ended handler's context end with the socket's end, not only
// with their own socket.
func TestCallOfOtherSocketEndsWithTheCallersSocket(t *testing.T) {
	t.Parallel()
	bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
		ended := make(chan error, 1)
		_, other := r.socket()
		socketio.On(r.srv, "ask", func(ctx context.Context, _ *socketio.Socket, _ struct{}) error {
			_, err := other.Call(ctx, "q")
			ended <- err
			return err
		})
		c, _ := r.socket()
		c.send(`2["ask"]`)
		synctest.Wait()
		c.leave()
		if err := wait(t, "end of the call", ended); !errors.Is(err, socketio.ErrDisconnected) {
			t.Errorf("got %v, want ErrDisconnected", err)
		}
		equal(t, "calls pending", other.Pending(), 0)
	})
}
