package socketio_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sockeye-io/sockeye/socketio"
)

var roomExpr = regexp.MustCompile(`^/room-\d+$`)

// names returns the names of the namespaces other than "/".
func names(srv *socketio.Server) string {
	var list []string
	for _, n := range srv.Namespaces()[1:] {
		list = append(list, n.Name())
	}
	return strings.Join(list, " ")
}

func TestPatternMakesNamespacesOnDemand(t *testing.T) {
	t.Parallel()
	bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
		parent := r.srv.OfMatch(roomExpr)
		equal(t, "name of the parent", parent.Name(), `^/room-\d+$`)
		equal(t, "namespaces", names(r.srv), "")
		c := r.dial()
		c.send(`0/room-x,`)
		c.expect(`4/room-x,{"message":"Invalid namespace"}`)
		id := c.join("/room-1")
		s := parent.Socket(id)
		equal(t, "namespace of the socket", s.Namespace().Name(), "/room-1")
		equal(t, "known by its name", r.srv.Lookup("room-1"), s.Namespace())
		c.join("/room-2")
		equal(t, "namespaces", names(r.srv), "/room-1 /room-2")
		equal(t, "sockets", parent.Len(), 2)
		equal(t, "sockets of one", s.Namespace().Len(), 1)
	})
}

func TestHandlersOfAParentCountForAllItsNamespaces(t *testing.T) {
	t.Parallel()
	bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
		parent := r.srv.OfMatch(roomExpr)
		var mu sync.Mutex
		var log []string
		note := func(what string) {
			mu.Lock()
			defer mu.Unlock()
			log = append(log, what)
		}
		handler := func(what string) func(context.Context, *socketio.Socket, struct{}) error {
			return func(_ context.Context, s *socketio.Socket, _ struct{}) error {
				note(what + " " + s.Namespace().Name())
				return nil
			}
		}
		middleware := func(what string) socketio.Middleware {
			return func(ctx context.Context, s *socketio.Socket) error { return handler(what)(ctx, s, struct{}{}) }
		}
		parent.Use(middleware("use"))
		r.srv.OnNamespace(func(n *socketio.Namespace) {
			n.Use(middleware("own use"))
			socketio.On(n, "event", handler("own event"))
		})
		parent.OnConnect(middleware("connect"))
		c := r.dial()
		c.join("/room-1")
		stop := socketio.On(parent, "event", handler("event")) // a namespace exists
		c.join("/room-2")
		c.send(`2/room-1,1["event"]`, `2/room-2,2["event"]`)
		c.expect("3/room-1,1[]", "3/room-2,2[]")
		stop()
		c.send(`2/room-1,3["event"]`)
		c.expect("3/room-1,3[]")
		parent.OnDisconnect(func(_ context.Context, s *socketio.Socket, _ socketio.Disconnect) {
			note("disconnect " + s.Namespace().Name())
		})
		c.send("1/room-2,")
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		if diff := cmp.Diff([]string{
			"use /room-1", "own use /room-1", "connect /room-1",
			"use /room-2", "own use /room-2", "connect /room-2",
			"event /room-1", "own event /room-1", "event /room-2", "own event /room-2",
			"own event /room-1",
			"disconnect /room-2",
		}, log); diff != "" {
			t.Errorf("calls (-want +got):\n%s", diff)
		}
	})
}

func TestConcurrencyOfAParentCounts(t *testing.T) {
	t.Parallel()
	bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
		parent := r.srv.OfMatch(roomExpr)
		parent.Concurrency(2)
		socketio.On(parent, "slow", func(context.Context, *socketio.Socket, struct{}) error {
			<-time.After(time.Second)
			return nil
		})
		c := r.dial()
		c.join("/room-1")
		start := time.Now()
		c.send(`2/room-1,1["slow"]`, `2/room-1,2["slow"]`)
		c.next()
		c.next()
		equal(t, "time for two at once", time.Since(start).Truncate(time.Second), time.Second)
		r.srv.Of("/room-1").Concurrency(1)
		c.send(`2/room-1,1["slow"]`, `2/room-1,2["slow"]`)
		c.next()
		c.next()
		equal(t, "time for one by one, which the namespace wants", time.Since(start).Truncate(time.Second), 3*time.Second)
	})
}

// Namespaces that were made for clients are gone without them: Node.js keeps them
// unless told otherwise, and kept them when the first client was refused.
func TestEmptyNamespacesGo(t *testing.T) {
	t.Parallel()
	bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
		parent := r.srv.OfMatch(roomExpr)
		parent.Use(func(ctx context.Context, s *socketio.Socket) error {
			switch s.Namespace().Name() {
			case "/room-403":
				return &socketio.Error{Message: "no"}
			case "/room-500":
				panic("middleware")
			case "/room-408":
				<-ctx.Done()
			}
			return nil
		})
		var last atomic.Pointer[socketio.Namespace]
		parent.OnDisconnect(func(_ context.Context, s *socketio.Socket, _ socketio.Disconnect) {
			last.Store(r.srv.Lookup(s.Namespace().Name()))
		})
		a, b := r.dial(), r.dial()
		empty := func(after string) {
			t.Helper()
			synctest.Wait()
			equal(t, "namespaces after "+after, names(r.srv), "")
			equal(t, "namespaces of the parent after "+after, parent.MadeFor(), 0)
		}
		a.send("0/room-403,")
		a.expect(`4/room-403,{"message":"no"}`)
		empty("a refusal")
		a.send("0/room-500,")
		a.expect(`4/room-500,{"message":"internal error"}`)
		empty("a panic")

		a.join("/room-1")
		b.join("/room-1")
		first := r.srv.Lookup("/room-1")
		a.send("1/room-1,")
		synctest.Wait()
		equal(t, "namespaces while one is left", names(r.srv), "/room-1")
		b.send("1/room-1,")
		empty("the last has left")
		equal(t, "namespace in the last disconnect handler", last.Load(), first)

		a.join("/room-1")
		if r.srv.Lookup("/room-1") == first {
			t.Error("a namespace that had gone came back")
		}
		must(t, parent.To().Disconnect())
		a.expect("1/room-1,")
		empty("a disconnect by the server")

		b.send("0/room-408,")
		synctest.Wait()
		equal(t, "namespaces while middleware runs", names(r.srv), "/room-408")
		b.leave()
		empty("the end of a connection whose middleware runs")

		r.srv.Of("/room-7")
		a.join("/room-7")
		a.send("1/room-7,")
		synctest.Wait()
		equal(t, "namespaces that Of was asked for", names(r.srv), "/room-7")
	})
}

func TestShutdownLeavesNoNamespacesOfParents(t *testing.T) {
	t.Parallel()
	bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
		r.srv.OfMatch(roomExpr)
		for i := range 3 {
			r.dial().join(fmt.Sprintf("/room-%d", i))
		}
		must(t, r.srv.Shutdown(t.Context()))
		equal(t, "namespaces", names(r.srv), "")
	})
}

func TestOfAttachesToAParent(t *testing.T) {
	t.Parallel()
	bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
		before := r.srv.Of("/room-1")
		parent := r.srv.OfMatch(roomExpr)
		second := r.srv.OfMatch(regexp.MustCompile(`^/room-`))
		asked := false
		r.srv.OfFunc(func(context.Context, string, socketio.Raw) error { asked = true; return nil })
		must(t, r.srv.Of("room-2").Emit("nobody hears"))
		r.srv.Of("/room-x")
		r.srv.Of("/other")
		socketio.On(parent, "where", func(context.Context, *socketio.Socket, struct{}) error { return nil })
		equal(t, "of the first parent", parent.MadeFor(), 1)
		equal(t, "of the second parent", second.MadeFor(), 1)
		equal(t, "asked a function", asked, false)
		c := r.dial()
		for _, name := range []string{"/room-1", "/room-2", "/room-x", "/other"} {
			c.join(name)
		}
		c.send(`2/room-1,1["where"]`, `2/room-2,2["where"]`, `2/room-x,3["where"]`)
		c.expect(`3/room-2,2[]`)
		c.nothing()
		equal(t, "sockets in the one that was there before", before.Len(), 1)
		equal(t, "sockets of the parent", parent.Len(), 1)
	})
}

func TestParentReachesAllItsNamespaces(t *testing.T) {
	t.Parallel()
	bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
		parent := r.srv.OfMatch(roomExpr)
		must(t, parent.Emit("nobody is there"))
		parent.OnConnect(func(_ context.Context, s *socketio.Socket) error {
			s.Join("all", s.Namespace().Name())
			return nil
		})
		c := r.dial()
		c.join("")
		one := c.join("/room-1")
		c.join("/room-2")
		synctest.Wait()
		must(t, parent.Emit("e", 1))
		c.expect(`2/room-1,["e",1]`, `2/room-2,["e",1]`)
		must(t, parent.To("all").Except("/room-2").Emit("e", []byte{7}))
		c.expect(`51-/room-1,["e",{"_placeholder":true,"num":0}]`)
		c.expectBinary("\x07")
		must(t, parent.To(one).Emit("by id"))
		c.expect(`2/room-1,["by id"]`)
		equal(t, "members of the room", parent.RoomLen("all"), 2)
		must(t, parent.To(one).Join("more"))
		equal(t, "members of the other room", parent.RoomLen("more"), 1)
		if err := parent.Emit("e", func() {}); !errors.As(err, new(*socketio.EncodeError)) {
			t.Errorf("got %v, want an *EncodeError", err)
		}
		must(t, parent.To().Disconnect())
		c.expect("1/room-1,", "1/room-2,")
		c.nothing()
	})
}

func TestFunctionDecidesWhoJoins(t *testing.T) {
	t.Parallel()
	var lines bytes.Buffer
	o := socketio.Options{Logger: slog.New(slog.NewTextHandler(&lines, nil))}
	bubble(t, o, func(t *testing.T, r *rig) {
		var asked atomic.Int32
		parent := r.srv.OfFunc(func(ctx context.Context, name string, auth socketio.Raw) error {
			asked.Add(1)
			var a struct {
				Token string `json:"token"`
			}
			if err := auth.Decode(&a); err != nil || name == "/never" {
				return errors.New("nothing that a client may know")
			}
			switch a.Token {
			case "wait":
				<-time.After(10 * time.Minute)
			case "bad":
				return &socketio.Error{Message: "bad token", Data: name}
			case "panic":
				panic("function")
			}
			return nil
		})
		r.srv.OfMatch(regexp.MustCompile(`^/public$`))
		equal(t, "name of the parent", parent.Name(), "")
		c := r.dial()
		c.send(`0/a,{"token":"bad"}`)
		c.expect(`4/a,{"message":"bad token","data":"/a"}`)
		c.send(`0/a,{"token":"panic"}`)
		c.expect(`4/a,{"message":"Invalid namespace"}`)
		if !strings.Contains(lines.String(), "namespace function failed") {
			t.Errorf("log: %s", lines.String())
		}
		c.send(`0/never,{"token":"good"}`)
		c.expect(`4/never,{"message":"Invalid namespace"}`)
		c.send(`0/public,{"token":"bad"}`) // what was registered later is asked then
		c.joined("/public,")
		c.send(`0/a,{"token":"wait"}`)
		c.join("") // nobody waits for the function
		equal(t, "first answer that c gets", names(r.srv), "/public")
		c.joined("/a,")
		equal(t, "namespaces", names(r.srv), "/a /public")

		// One that is in does not open the door for others.
		d := r.dial()
		d.send(`0/a,{"token":"bad"}`)
		d.expect(`4/a,{"message":"bad token","data":"/a"}`)
		d.send(`0/a,{"token":"good"}`)
		d.joined("/a,")
		equal(t, "asked", asked.Load(), 7)
		equal(t, "sockets", parent.Len(), 2)
		equal(t, "hold it", r.srv.Lookup("/a").Users(), 2)
	})
}

func TestConnectionWhoseNamespaceIsAskedFor(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		rule string
		do   func(c *client)
	}{
		{"may end", func(c *client) { c.leave() }},
		{"asks once", func(c *client) { c.send("0/slow,") }},
		{"is not in yet", func(c *client) { c.send(`2/slow,["event"]`) }},
		{"waits no longer than for any namespace", func(*client) { <-time.After(46 * time.Second) }},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
				why := make(chan error, 1)
				parent := r.srv.OfFunc(func(ctx context.Context, _ string, _ socketio.Raw) error {
					<-ctx.Done()
					why <- ctx.Err()
					return nil
				})
				c := r.dial()
				c.send("0/slow,")
				synctest.Wait()
				tt.do(c)
				c.closed()
				equal(t, "end of the context", wait(t, "its end", why), context.Canceled)
				synctest.Wait()
				equal(t, "sessions", r.srv.Engine().Len(), 0)
				equal(t, "namespaces", parent.MadeFor(), 0)
			})
		})
	}
}

func TestFirstConnectsAtOnceMakeOneNamespace(t *testing.T) {
	t.Parallel()
	bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
		var mu sync.Mutex
		var made []string
		stop := r.srv.OnNamespace(func(n *socketio.Namespace) {
			mu.Lock()
			made = append(made, n.Name())
			mu.Unlock()
			<-time.After(time.Second) // all others come meanwhile
			n.Use(func(context.Context, *socketio.Socket) error { return &socketio.Error{Message: n.Name()} })
		})
		r.srv.OnNamespace(func(*socketio.Namespace) { panic("hook") })
		r.srv.OfFunc(func(_ context.Context, name string, _ socketio.Raw) error {
			<-time.After(time.Second)
			if name != "/fn" {
				return errors.New("no")
			}
			return nil
		})
		r.srv.OfMatch(roomExpr)
		const n = 20
		var clients []*client
		for range n {
			c := r.dial()
			c.send("0/fn,", "0/room-1,")
			clients = append(clients, c)
		}
		for _, c := range clients {
			got := []string{c.next(), c.next()}
			slices.Sort(got)
			if diff := cmp.Diff([]string{`4/fn,{"message":"/fn"}`, `4/room-1,{"message":"/room-1"}`}, got); diff != "" {
				t.Error(diff) // the hook's middleware counted for everybody
			}
		}
		synctest.Wait()
		slices.Sort(made)
		equal(t, "made", strings.Join(made, " "), "/fn /room-1")
		equal(t, "namespaces", names(r.srv), "")
		stop()
		r.srv.Of("/static")
		equal(t, "made without the hook", len(made), 2)
	})
}

func TestOfRunsTheHooksItself(t *testing.T) {
	t.Parallel()
	bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
		made := ""
		r.srv.OnNamespace(func(n *socketio.Namespace) {
			made += n.Name()
			equal(t, "the same one", r.srv.Of(n.Name()), n)
		})
		r.srv.Of("/a")
		r.srv.Of("/a")
		r.srv.OfMatch(roomExpr) // is no namespace that anybody can join
		equal(t, "made", made, "/a")
		equal(t, "all", len(r.srv.Namespaces()), 2)
	})
}

// A client that was thrown out of a namespace that went with it may have sent
// events before it knew.
func TestEventForANamespaceThatIsGoneIsNoOffense(t *testing.T) {
	t.Parallel()
	bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
		parent := r.srv.OfMatch(roomExpr)
		c := r.dial()
		c.join("")
		for i := range socketio.MaxLeft + 10 {
			name := fmt.Sprintf("/room-%d", i)
			c.join(name)
			must(t, parent.To().Disconnect())
			c.expect("1" + name + ",")
			synctest.Wait()
			equal(t, "namespaces", names(r.srv), "")
			c.send(`2`+name+`,["late"]`, "1"+name+",")
		}
		for i := range socketio.MaxLeft + 10 {
			name := fmt.Sprintf("/room-%d", i)
			c.join(name)
			must(t, parent.To().Disconnect())
			c.expect("1" + name + ",")
		}
		for s := range r.srv.To().Sockets(t.Context()) {
			equal(t, "namespaces that are remembered", s.Socket().Left(), socketio.MaxLeft)
			equal(t, "names that are asked for", s.Socket().Asking(), 0)
		}
		c.send(`2/room-1000,["never joined"]`)
		c.closed()
	})
}

func TestNamespacesComeAndGoUnderLoad(t *testing.T) {
	t.Parallel()
	bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
		parent := r.srv.OfMatch(roomExpr)
		byFunc := r.srv.OfFunc(func(context.Context, string, socketio.Raw) error { return nil })
		parent.OnConnect(func(_ context.Context, s *socketio.Socket) error { return s.Emit("hello") })
		done := make(chan struct{})
		go func() {
			defer close(done)
			for range 200 {
				_ = parent.Emit("e")
				_ = byFunc.Len()
				r.srv.Namespaces()
			}
		}()
		var wg sync.WaitGroup
		for i := range 6 {
			c := r.dial()
			wg.Go(func() {
				for j := range 40 {
					name := fmt.Sprintf("/room-%d", (i+j)%2)
					if j%5 == 0 {
						name = "/by-func"
					}
					c.send("0" + name + ",")
					for !strings.HasPrefix(c.next(), "0"+name) { // broadcasts come between
					}
					c.send("1" + name + ",")
				}
			})
		}
		wg.Wait()
		<-done
		synctest.Wait()
		equal(t, "namespaces", names(r.srv), "")
		equal(t, "namespaces of the parents", parent.MadeFor()+byFunc.MadeFor(), 0)
	})
}
