package socketio_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/sockeye-io/sockeye/socketio"
)

// Counter is a group of handlers: a struct with what they need.
type Counter struct{ Step int }

// Register adds the group to a namespace.
func (c *Counter) Register(to *socketio.Namespace) {
	to.OnConnect(c.connect)
	socketio.Handle(to, "count", c.count)
}

func (c *Counter) connect(_ context.Context, s *socketio.Socket) error {
	return s.Emit("step", c.Step)
}

func (c *Counter) count(_ context.Context, _ *socketio.Socket, n int) (int, error) {
	return n + c.Step, nil
}

// A group of handlers needs nothing of this package: its methods are handlers.
func ExampleNamespace_group() {
	srv, err := socketio.NewServer(socketio.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	(&Counter{Step: 1}).Register(srv.Namespace)
	(&Counter{Step: 10}).Register(srv.Of("/tens"))
	fmt.Println(len(srv.Namespaces()))
	// Output: 2
}

func TestGroupOfHandlersServesNamespacesApart(t *testing.T) {
	t.Parallel()
	bubble(t, socketio.Options{}, func(t *testing.T, r *rig) {
		(&Counter{Step: 1}).Register(r.srv.Namespace)
		(&Counter{Step: 10}).Register(r.srv.Of("/tens"))
		c := r.dial()
		c.join("")
		c.expect(`2["step",1]`)
		c.join("/tens")
		c.expect(`2/tens,["step",10]`)
		c.send(`21["count",5]`, `2/tens,1["count",5]`)
		c.expect(`31[6]`, `3/tens,1[15]`)
	})
}
