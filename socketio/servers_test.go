package socketio_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sockeye-io/sockeye/socketio"
)

func TestServerAloneHasNoOthers(t *testing.T) {
	t.Parallel()
	bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
		r.srv.OnServerEvent("e", func(context.Context, socketio.Args) ([]any, error) {
			t.Error("the event came back")
			return nil, nil
		})
		must(t, r.srv.Servers().Emit("e", 1))
		for range r.srv.Servers().Call(t.Context(), "e", 1) {
			t.Error("an answer of nobody")
		}
		synctest.Wait()
		unfit := func(err error) {
			t.Helper()
			if !errors.As(err, new(*socketio.EncodeError)) {
				t.Errorf("got %v, want an *EncodeError", err)
			}
		}
		unfit(r.srv.Servers().Emit("e", func() {}))
		pairs := 0
		for _, err := range r.srv.Servers().Call(t.Context(), "e", func() {}) {
			pairs++
			unfit(err)
		}
		equal(t, "pairs", pairs, 1)
	})
}

// Servers is held to what it will do in a cluster by servers in one process.
func TestServersAnswerAsTheyCome(t *testing.T) {
	t.Parallel()
	bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
		others := map[string]*socketio.Server{}
		got := make(chan string, 10)
		for _, id := range []string{"quick", "late", "never", "broken", "silent"} {
			srv, err := socketio.NewServer(socketio.Options{})
			must(t, err)
			t.Cleanup(func() { _ = srv.Shutdown(context.Background()) })
			others[id] = srv
			srv.Of("/other").OnServerEvent("ask", func(context.Context, socketio.Args) ([]any, error) {
				t.Error("an event of another namespace")
				return nil, nil
			})
			srv.OnServerEvent("note", func(_ context.Context, a socketio.Args) ([]any, error) {
				got <- id + string(a.Raw(0).Bytes())
				return nil, nil
			})
			if id == "silent" {
				continue
			}
			srv.OnServerEvent("ask", func(ctx context.Context, a socketio.Args) ([]any, error) {
				switch id {
				case "late":
					<-time.After(time.Second)
				case "never":
					<-ctx.Done()
				case "broken":
					return nil, &socketio.Error{Message: "broken"}
				}
				return []any{a.Raw(0), id}, nil
			})
		}
		r.srv.Join(others)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var answers []string
		for reply, err := range r.srv.Servers().Call(ctx, "ask", []byte{7}) {
			if err != nil {
				answers = append(answers, err.Error())
				continue
			}
			var b []byte
			var from string
			if reply.Args.Len() > 0 {
				must(t, errors.Join(reply.Args.Decode(0, &b), reply.Args.Decode(1, &from)))
			}
			answers = append(answers, fmt.Sprint(reply.Server, len(b), from))
		}
		slices.Sort(answers[:3]) // they came at once
		if diff := cmp.Diff([]string{
			"quick1quick", "silent0", "socketio: no answer from server broken: broken",
			"late1late",
			"socketio: no answer from server never: context deadline exceeded",
		}, answers); diff != "" {
			t.Errorf("answers (-want +got):\n%s", diff)
		}
		for range r.srv.Servers().Call(t.Context(), "ask", 1) {
			break // nobody is waited for
		}
		must(t, r.srv.Servers().Emit("note", 5))
		synctest.Wait()
		equal(t, "servers that were told", len(got), 5)

		parent := r.srv.OfMatch(regexp.MustCompile(`^/room-\d$`))
		r.srv.Of("/room-1")
		others["quick"].OfMatch(regexp.MustCompile(`^/room-\d$`)).OnServerEvent("note", func(context.Context, socketio.Args) ([]any, error) {
			got <- "room"
			panic("handler")
		})
		others["quick"].Of("/room-1")
		must(t, parent.Servers().Emit("note", 6))
		synctest.Wait()
		equal(t, "told with the one of the namespace", len(got), 6)
	})
}
