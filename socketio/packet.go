package socketio

import (
	"sync/atomic"

	"github.com/sockeye-io/sockeye/engineio"
	"github.com/sockeye-io/sockeye/socketio/siowire"
)

// Args are undecoded arguments. They own their bytes: they stay valid for as
// long as they are kept, may be decoded by any number of goroutines at once, and
// passed to an Emit they leave as they came.
type Args = siowire.Args

// Raw is one undecoded value, with the same rules as Args.
type Raw = siowire.Raw

// Packet is an event and its arguments. All its methods may be called from any
// goroutine, during the handler or after it.
type Packet struct {
	// static
	socket *Socket
	event  string
	args   Args
	id     uint64
	hasID  bool

	replied atomic.Bool
}

// Event returns the event's name. It is empty for an event that came without
// anything, as JavaScript clients let a user send.
func (p *Packet) Event() string { return p.event }

// Args returns the arguments, without the event's name.
func (p *Packet) Args() Args { return p.args }

// Len returns the number of arguments.
func (p *Packet) Len() int { return p.args.Len() }

// Decode decodes the first arguments into what dst point to, one each; further
// arguments are ignored. An error is an *ArgumentError.
func (p *Packet) Decode(dst ...any) error {
	for i, d := range dst {
		if err := p.args.Decode(i, d); err != nil {
			return err
		}
	}
	return nil
}

// WantsReply reports whether the peer asked for an acknowledgement.
func (p *Packet) WantsReply() bool { return p.hasID }

// Reply acknowledges the event with any number of arguments. It encodes before it
// returns and never waits. It does nothing if the peer did not ask; otherwise the
// first Reply is sent and a later one returns ErrReplied. Other errors are an
// *EncodeError, which leaves the event unanswered, ErrDisconnected and
// ErrSlowConsumer.
func (p *Packet) Reply(args ...any) error {
	if !p.hasID {
		return nil
	}
	s := p.socket
	e := s.conn.srv.encoder()
	defer e.release()
	h := siowire.Header{Type: siowire.Ack, Namespace: s.ns.name, ID: p.id, HasID: true}
	if err := e.encode(h, "", args); err != nil {
		return err
	}
	if !p.replied.CompareAndSwap(false, true) {
		return ErrReplied
	}
	return s.write(e, engineio.WriteOptions{})
}

// answered reports whether the peer has its acknowledgement or wants none.
func (p *Packet) answered() bool { return !p.hasID || p.replied.Load() }
