package socketio

import (
	"bytes"
	"context"
	"sync/atomic"

	"github.com/sockeye-io/sockeye"
)

// Emitter is what can emit: a *Socket, a *Namespace, a *Server or a Broadcast.
type Emitter interface {
	Emit(event string, args ...any) error
}

// ArgsMarshaler is a payload that is several arguments. Emit, Call and Handle ask
// for them in place of the payload.
type ArgsMarshaler interface{ MarshalArgs() ([]any, error) }

// ArgsUnmarshaler is a payload that is made from several arguments. Its pointer has
// the method.
type ArgsUnmarshaler interface{ UnmarshalArgs(args Args) error }

// On adds a handler for an event to a Server, Namespace or Socket. T is decoded
// from the first argument, and further ones are ignored; if the argument is missing
// or does not fit, the handler is not called and the event fails with an
// *ArgumentError. T may be Args, or an ArgsUnmarshaler, to take all arguments,
// and struct{} to take none.
//
// If the client asked for an acknowledgement, it gets an empty one when the
// handlers have returned nil, and their first error otherwise, as Options.AckError
// writes it. Several handlers of one event run in order of registration; each gets
// a value of its own.
func On[T any](r HandlerSet, ev sockeye.Event[T], h func(context.Context, *Socket, T) error) (stop func()) {
	return r.handlerSet().addEvent(onHandler(ev, h))
}

// Once is On for a handler that is removed when it is called for the first time. It
// is called once in all, whichever socket of a namespace the event comes from and
// however many come at the same time; on a Socket it is called once for that one.
func Once[T any](r HandlerSet, ev sockeye.Event[T], h func(context.Context, *Socket, T) error) (stop func()) {
	n := onHandler(ev, h)
	var taken atomic.Bool
	set := r.handlerSet()
	n.take = func() bool {
		first := taken.CompareAndSwap(false, true)
		if first {
			set.removeEvent(n)
		}
		return first
	}
	return set.addEvent(n)
}

// onHandler returns the untyped form of a handler.
func onHandler[T any](ev sockeye.Event[T], h func(context.Context, *Socket, T) error) *handler {
	decode := argsDecoder[T]()
	return &handler{
		event: string(ev),
		run: func(ctx context.Context, s *Socket, p *Packet) error {
			var v T
			if err := decode(&p.args, &v); err != nil {
				return err
			}
			return h(ctx, s, v)
		},
	}
}

// Handle is On for an event whose acknowledgement is the handler's result: R as
// one argument, or several if it is an ArgsMarshaler or Args, or none if it is
// struct{}. An event has one such handler; registering a second one panics, as a
// program that does is wrong whatever its clients send.
func Handle[T, R any](r HandlerSet, ev sockeye.Request[T, R], h func(context.Context, *Socket, T) (R, error)) (stop func()) {
	decode := argsDecoder[T]()
	return r.handlerSet().addEvent(&handler{
		event:   string(ev),
		answers: answersResult,
		run: func(ctx context.Context, s *Socket, p *Packet) error {
			var v T
			if err := decode(&p.args, &v); err != nil {
				return err
			}
			result, err := h(ctx, s, v)
			if err != nil || !p.hasID {
				return err
			}
			args, err := argsOf(result)
			if err != nil {
				return err
			}
			return p.Reply(args...)
		},
	})
}

// Emit emits a typed event: v is its argument, as with Handle.
func Emit[T any](to Emitter, ev sockeye.Event[T], v T) error {
	args, err := argsOf(v)
	if err != nil {
		return err
	}
	return to.Emit(string(ev), args...)
}

// Call emits an event to a socket, waits for the acknowledgement and returns its
// first argument as an R: see Socket.Call. The argument is v, as with Handle. R
// may be Args, or an ArgsUnmarshaler, to take all arguments of the
// acknowledgement, and struct{} to take none.
func Call[R, T any](ctx context.Context, to *Socket, ev sockeye.Request[T, R], v T) (R, error) {
	var r R
	args, err := argsOf(v)
	if err != nil {
		return r, err
	}
	reply, err := to.Call(ctx, string(ev), args...)
	if err != nil {
		return r, err
	}
	err = argsDecoder[R]()(&reply, &r)
	return r, err
}

// argsDecoder returns how a T is made from arguments, which depends on its type
// alone.
func argsDecoder[T any]() func(a *Args, dst *T) error {
	switch any((*T)(nil)).(type) {
	case *Args:
		return func(a *Args, dst *T) error {
			*any(dst).(*Args) = *a //nolint:forcetypeassert // T is Args
			return nil
		}
	case *struct{}:
		return func(*Args, *T) error { return nil }
	case ArgsUnmarshaler:
		return func(a *Args, dst *T) error {
			return any(dst).(ArgsUnmarshaler).UnmarshalArgs(*a) //nolint:forcetypeassert // *T is one
		}
	}
	return func(a *Args, dst *T) error { return a.Decode(0, dst) }
}

// argsOf returns the arguments that a payload travels as.
func argsOf(v any) ([]any, error) {
	switch v := v.(type) {
	case struct{}:
		return nil, nil
	case Args:
		args := make([]any, v.Len())
		for i := range args {
			args[i] = v.Raw(i)
		}
		return args, nil
	case ArgsMarshaler:
		return v.MarshalArgs()
	}
	return []any{v}, nil
}

// replyError returns the error that an acknowledgement stands for, or nil: it does
// if its only argument has the form that Options.AckError makes by default.
func replyError(args Args) error {
	if args.Len() != 1 || !bytes.HasPrefix(args.Raw(0).Bytes(), []byte(`{"error":{`)) {
		return nil
	}
	var reply struct {
		Error struct {
			Message *string `json:"message"`
			Data    any     `json:"data"`
		} `json:"error"`
	}
	if err := args.Decode(0, &reply); err == nil && reply.Error.Message != nil {
		return &Error{Message: *reply.Error.Message, Data: reply.Error.Data}
	}
	return nil // it is the application's own
}
