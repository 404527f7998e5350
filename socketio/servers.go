package socketio

import (
	"bytes"
	"context"
	"fmt"
	"iter"

	"github.com/sockeye-io/sockeye/socketio/siowire"
)

// ServerHandler handles an event that another server of the cluster sent with
// Servers.Emit or Servers.Call. What it returns is its answer to a Call: nil leaves
// the answer to the handlers after it. The text of an error reaches the other server if it
// is an *Error. Ctx ends when Shutdown does, or with the ctx of the Call.
type ServerHandler = func(ctx context.Context, args Args) (reply []any, err error)

// serverEvent is a ServerHandler with what it is for.
type serverEvent struct {
	event string
	run   ServerHandler
}

// Servers is the other servers of the cluster, as the target of events that are for
// programs and not for clients. A server that is not part of a cluster has no others:
// then Emit sends nothing and Call yields nothing, but for arguments that cannot be
// written.
type Servers struct{ ns *Namespace }

// ServerReply is what one server answered.
type ServerReply struct {
	Server string // its name in the cluster
	Args   Args
}

// ServerError says which server gave no answer, and why.
type ServerError struct {
	Server string
	Err    error
}

// Error implements error.
func (e *ServerError) Error() string {
	return fmt.Sprintf("socketio: no answer from server %s: %v", e.Server, e.Err)
}

// Unwrap returns Err.
func (e *ServerError) Unwrap() error { return e.Err }

// Servers returns the other servers, for events of this namespace. With a parent
// that is each of its namespaces that exists here.
func (n *Namespace) Servers() Servers { return Servers{ns: n} }

// OnServerEvent adds a handler for an event that another server sends to this
// namespace. Handlers of one event run one after the other, in order of registration,
// and events of several servers at the same time.
func (n *Namespace) OnServerEvent(event string, h ServerHandler) (stop func()) {
	return register(&n.handlers, func(t *table) *[]*entry[serverEvent] { return &t.server }, serverEvent{event: event, run: h})
}

// peer is another server of the cluster. This is all that Servers asks of a
// cluster; what carries the events is its own affair.
type peer interface {
	name() string
	// tell has the server's handlers run. It does not wait for them.
	tell(namespace, event string, args Args) error
	// ask is tell that waits for the answer.
	ask(ctx context.Context, namespace, event string, args Args) (Args, error)
}

// Emit sends an event to all other servers: their OnServerEvent handlers run. The
// error is an *EncodeError, or that of the cluster.
func (v Servers) Emit(event string, args ...any) error {
	return v.each(event, args, func(p peer, namespace string, a Args) error { return p.tell(namespace, event, a) })
}

// Call sends an event to all other servers and yields their answers as they come:
// one pair for each, with a *ServerError if there is no answer. Ctx is the timeout.
// Nothing is sent before the sequence is ranged over; after a break no further
// answer is waited for.
func (v Servers) Call(ctx context.Context, event string, args ...any) iter.Seq2[ServerReply, error] {
	return func(pair func(ServerReply, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		type answer struct {
			reply ServerReply
			err   error
		}
		var asks []func() answer
		err := v.each(event, args, func(p peer, namespace string, a Args) error {
			asks = append(asks, func() answer {
				reply, err := p.ask(ctx, namespace, event, a)
				if err != nil {
					return answer{err: &ServerError{Server: p.name(), Err: err}}
				}
				return answer{reply: ServerReply{Server: p.name(), Args: reply}}
			})
			return nil
		})
		if err != nil {
			pair(ServerReply{}, err)
			return
		}
		answers := make(chan answer, len(asks)) // so that nobody who answers waits
		for _, ask := range asks {
			v.ns.srv.engine.Go(func() { answers <- ask() })
		}
		yield(ctx)
		for range asks {
			if a := <-answers; !pair(a.reply, a.err) {
				return
			}
		}
	}
}

// each calls f for every other server and every namespace that is meant.
func (v Servers) each(event string, args []any, f func(p peer, namespace string, a Args) error) error {
	srv := v.ns.srv
	a, err := srv.wireArgs(event, args)
	if err != nil {
		return err
	}
	for _, n := range v.ns.spread() {
		for _, p := range srv.peers {
			if err := f(p, n.name, a); err != nil {
				return err
			}
		}
	}
	return nil
}

// wireArgs encodes arguments and returns them as another server gets them.
func (srv *Server) wireArgs(event string, args []any) (Args, error) {
	e := srv.encoder()
	defer e.release()
	if err := e.encode(siowire.Header{Type: siowire.Event, Namespace: "/"}, event, args); err != nil {
		return Args{}, err
	}
	for i, b := range e.attachments {
		e.attachments[i] = bytes.Clone(b) // they may be the caller's
	}
	p, err := e.packet(nil)
	if err != nil {
		return Args{}, err
	}
	return p.args, nil
}

// serverEvent runs the handlers of an event that another server has sent, and
// returns the answer, which is empty if nobody gave one.
func (srv *Server) serverEvent(ctx context.Context, namespace, event string, args Args) (Args, error) {
	n := srv.Lookup(namespace)
	if n == nil {
		return Args{}, nil
	}
	var answer []any
	for _, h := range n.handlers.load().server {
		if h.fn.event != event {
			continue
		}
		reply, err := func() (reply []any, err error) {
			defer recovered(&err)
			return h.fn.run(ctx, args)
		}()
		if err != nil {
			srv.opts.Logger.Error("socketio: server event failed", "namespace", namespace, "event", event, "error", err)
			public := publicError(err)
			return Args{}, &Error{Message: public.Message, Data: public.Data}
		}
		if answer == nil {
			answer = reply
		}
	}
	return srv.wireArgs(event, answer)
}
