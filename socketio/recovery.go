package socketio

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sockeye-io/sockeye/engineio"
	"github.com/sockeye-io/sockeye/socketio/siowire"
)

// The values that zero stands for.
const (
	defaultRecoveryWindow   = 2 * time.Minute
	defaultRecoveryEntries  = 10_000
	defaultRecoveryBytes    = 16 << 20
	defaultRecoverySessions = 100_000
)

// Recovery turns on connection state recovery (Options.Recovery): a client that
// loses its connection and comes back in time finds its socket as it left it, with
// its id, its rooms and its values, and gets the events that it missed, in order and
// once each, before its connect event. JavaScript clients ask for it by themselves.
//
// What is recoverable is an end that nobody wanted: of the connection, by its
// ping timeout, by Shutdown, by ReasonForcedClose and by ReasonSlowConsumer. Ends by
// Disconnect, Close and the client's own disconnect are final.
//
// Values (Key) are those that the socket had when its connection ended. They stay in the
// process: a client that recovers through a Store has none, and middleware,
// which runs for it as for every other, can set them anew.
//
// For it, every event carries an offset, a string behind its last argument, which
// handlers in clients see too; events that ask for an acknowledgement, and
// acknowledgements, carry none and are not repeated, nor are volatile events. Events
// are kept in a log for each namespace, and those of a namespace leave one after
// the other. An Emit that returns ErrDisconnected or ErrSlowConsumer may still reach
// the client when it recovers.
//
// While its client is away, a socket stays in its rooms for the events that it will
// get and for nothing else: it is not counted, and Join, Leave and Disconnect of
// others do not reach it. Middleware runs when it comes back, and can refuse it. An event
// that came before it joined a room, or after it left, is not repeated.
//
// If the server has not noticed the end of the old connection when the client
// comes back, the old socket ends with ReasonReplaced, and the connection is closed:
// a session is one socket's at a time. Clients of Socket.IO 2 know nothing of recovery.
type Recovery struct {
	// Window is for how long after its disconnection a client can come back. Zero
	// means 2 minutes; negative is a fault.
	Window time.Duration

	// SkipMiddlewares accepts a client that comes back without asking the
	// connection middleware again. Somebody who has been locked out meanwhile
	// is let in then.
	SkipMiddlewares bool

	// MaxEntries and MaxBytes bound the log of each namespace, beside the age at
	// which nobody can ask for an event any more. Zero means 10,000 events and 16
	// MB; negative is a fault. A client that missed events which have left the log
	// starts anew, with RefusedHistory.
	MaxEntries int
	MaxBytes   int

	// MaxSessions bounds, for each namespace, how many clients that are away can come
	// back; the one that has been away longest is forgotten first. Zero means
	// 100,000; negative is a fault.
	MaxSessions int

	// Store keeps the log and the sessions where they outlive the Server. Nil
	// means in its memory.
	Store RecoveryStore

	// OnRefused is told of clients that came back and could not recover: they start
	// anew. It runs before the connection middleware, on its goroutine. Nil means a
	// line in the log.
	OnRefused func(s *Socket, why RecoveryRefusal)
}

// RecoveryRefusal says why a client that asked for its old state did not get it.
type RecoveryRefusal string

// The reasons for which a client cannot recover.
const (
	// RefusedUnknown: there is no such session: it was away for too long, was ended
	// for good, or is another server's.
	RefusedUnknown RecoveryRefusal = "unknown session"
	// RefusedOffset: the offset is none that the server gave out.
	RefusedOffset RecoveryRefusal = "invalid offset"
	// RefusedHistory: events that it missed have left the log.
	RefusedHistory RecoveryRefusal = "missed events are no longer kept"
	// RefusedTooMuch: the events that it missed are more than
	// Options.Engine.OutboundLimit bytes.
	RefusedTooMuch RecoveryRefusal = "too many missed events"
)

// Recovered reports whether the socket goes on where an earlier connection of its
// client ended: see Recovery. It is known before the connection middleware runs.
func (s *Socket) Recovered() bool { return s.brought != nil && s.brought.recovered }

// RecoveryRefusal says why a socket whose client asked to recover did not; empty if
// it did not ask or has recovered.
func (s *Socket) RecoveryRefusal() RecoveryRefusal {
	if s.brought == nil {
		return ""
	}
	return s.brought.refusal
}

// brought is what few sockets have: it exists if the client sent an auth payload,
// or if there is recovery.
type brought struct {
	// static
	auth Raw // the zero Raw if the client sent none

	// set before middleware runs
	recovered bool
	refusal   RecoveryRefusal

	seat *seat // guarded by recoverer.mu; nil without recovery
}

// newBrought returns what a client has brought along, with an auth payload or nil.
func newBrought(auth *Raw) *brought {
	if auth == nil {
		return new(brought)
	}
	return &brought{auth: *auth}
}

// withDefaults returns r with defaults in place of zeros, and its faults.
func (r *Recovery) withDefaults(o *Options) (*Recovery, error) {
	if r == nil {
		return nil, nil
	}
	d := *r
	var faults []error
	check := func(bad bool, format string, args ...any) {
		if bad {
			faults = append(faults, fmt.Errorf("socketio: Options.Recovery."+format, args...))
		}
	}
	check(d.Window < 0, "Window is negative: %v", d.Window)
	check(d.MaxEntries < 0, "MaxEntries is negative: %d", d.MaxEntries)
	check(d.MaxBytes < 0, "MaxBytes is negative: %d", d.MaxBytes)
	check(d.MaxSessions < 0, "MaxSessions is negative: %d", d.MaxSessions)
	d.Window = orDefault(d.Window, defaultRecoveryWindow)
	d.MaxEntries = orDefault(d.MaxEntries, defaultRecoveryEntries)
	d.MaxBytes = orDefault(d.MaxBytes, defaultRecoveryBytes)
	d.MaxSessions = orDefault(d.MaxSessions, defaultRecoverySessions)
	if d.Store == nil {
		d.Store = memoryStore{}
	}
	mark := newMark()
	head, _, err := o.Parser.AppendArgs(nil, siowire.Header{Type: siowire.Event, Namespace: "/"}, "event", []any{mark})
	check(err != nil || strings.Count(string(head), mark) != 1, "cannot work with Options.Parser, which does not write strings as they are")
	return &d, errors.Join(faults...)
}

// outboundLimit returns the effective Options.Engine.OutboundLimit.
func (o Options) outboundLimit() int {
	return orDefault(o.Engine.OutboundLimit, engineio.DefaultOutboundLimit)
}

// maxAge returns how old an event can be that somebody may still have missed:
// beside the window there is the time until a silent connection is given up.
func (o Options) maxAge() time.Duration {
	return o.Recovery.Window + orDefault(o.Engine.PingInterval, engineio.DefaultPingInterval) +
		orDefault(o.Engine.PingTimeout, engineio.DefaultPingTimeout)
}
