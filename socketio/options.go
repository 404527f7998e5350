package socketio

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/sockeye-io/sockeye/engineio"
	"github.com/sockeye-io/sockeye/socketio/siowire"
)

// The values that zero stands for.
const (
	defaultConnectTimeout = 45 * time.Second
	defaultInboundPackets = 1000
	defaultInboundBytes   = 256 << 10
)

// Options configures a Server. The zero value is a working, safe server. It is
// read by NewServer and not kept.
type Options struct {
	// Engine is passed on to the Engine.IO server below. Its Logger, if nil, is
	// the Logger below.
	Engine engineio.Options

	// ConnectTimeout is how long a connection may go without having joined any
	// namespace before it is closed. Zero means 45 s; negative is a fault.
	ConnectTimeout time.Duration

	// InboundPackets and InboundBytes bound what a connection's clients have sent
	// and handlers have not finished with: the number of events, and the bytes that
	// they take up in memory. A connection over one of them is not read until half
	// of it is handled. While acknowledgements that it owes are waited for, it is
	// read on, up to InboundBytes plus four times Engine.MaxPayload. Zero means
	// 1,000 events and 256 kB; negative is a fault.
	InboundPackets int
	InboundBytes   int

	// Parser writes and reads packets. Nil means siowire.JSON, which is what
	// clients use unless told otherwise. msgpack.New is for those with
	// socket.io-msgpack-parser, siowire.JSONWith changes how JSON treats values, and
	// a program may have a parser of its own, if its clients have the same one.
	Parser siowire.Parser
	// Limits bounds what a single packet of a client may hold.
	Limits siowire.Limits

	// AckError makes the arguments of the acknowledgement that answers an event
	// whose handler failed. A nil result sends none. Nil means one argument,
	// {"error":{"message":"...","data":...}}, with the message and data of an *Error,
	// and "internal error" for all others. It may be called from any goroutine.
	AckError func(err error) []any

	// OnError is told of handlers that failed or panicked (a *PanicError) in
	// namespaces without an OnError of their own. Event is the event's name, or
	// "connect", "disconnecting" or "disconnect". Nil means a line in the log. It is called
	// on the goroutine of the handler.
	OnError func(ctx context.Context, s *Socket, event string, err error)

	// DisableClient stops the server from serving the JavaScript client to pages.
	// Unless it is set, a request whose path ends in one of the file names of package
	// clientbundle, such as "/socket.io/socket.io.js", is answered with that file, under
	// the rules of Engine.CORS, and the page needs no other copy of the client. That it
	// works without being asked for costs a binary 0.65 MB, and a process no memory until
	// the first page asks.
	DisableClient bool

	// Rooms is told what happens to rooms. What is left nil costs nothing.
	Rooms RoomHooks

	// Recovery, if it is not nil, lets clients that lose their connection go on
	// where it ended.
	Recovery *Recovery

	// Logger takes what nobody else is told. Nil means slog.Default().
	Logger *slog.Logger
}

// withDefaults returns o with all faults of o's own as one error, and with
// defaults in place of zeros. Engine's faults are found by engineio.NewServer.
func (o Options) withDefaults() (Options, error) {
	var faults []error
	check := func(bad bool, format string, args ...any) {
		if bad {
			faults = append(faults, fmt.Errorf("socketio: Options."+format, args...))
		}
	}
	check(o.ConnectTimeout < 0, "ConnectTimeout is negative: %v", o.ConnectTimeout)
	check(o.InboundPackets < 0, "InboundPackets is negative: %d", o.InboundPackets)
	check(o.InboundBytes < 0, "InboundBytes is negative: %d", o.InboundBytes)
	check(o.Limits.Attachments < 0, "Limits.Attachments is negative: %d", o.Limits.Attachments)
	check(o.Limits.Depth < 0, "Limits.Depth is negative: %d", o.Limits.Depth)

	o.ConnectTimeout = orDefault(o.ConnectTimeout, defaultConnectTimeout)
	o.InboundPackets = orDefault(o.InboundPackets, defaultInboundPackets)
	o.InboundBytes = orDefault(o.InboundBytes, defaultInboundBytes)
	if o.Parser == nil {
		o.Parser = siowire.JSON()
	}
	var err error
	if o.Recovery, err = o.Recovery.withDefaults(&o); err != nil {
		faults = append(faults, err)
	}
	if o.AckError == nil {
		o.AckError = defaultAckError
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Engine.Logger == nil {
		o.Engine.Logger = o.Logger
	}
	return o, errors.Join(faults...)
}

// orDefault returns v, or def if v is zero.
func orDefault[T comparable](v, def T) T {
	var zero T
	if v == zero {
		return def
	}
	return v
}
