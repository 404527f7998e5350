package socketio

import (
	"bytes"
	"math"
	"slices"

	"github.com/sockeye-io/sockeye/engineio"
	"github.com/sockeye-io/sockeye/socketio/siowire"
)

// keepEncoder is the largest buffer that an encoder takes back to its pool.
const keepEncoder = 64 << 10

// encoder holds one encoded packet: borrowed from the server, given back with
// release.
type encoder struct {
	srv         *Server
	head        []byte
	attachments [][]byte
	marked      bool // it has a mark for its offset, or an offset: see recoverer
}

// encoder borrows an encoder.
func (srv *Server) encoder() *encoder {
	if e, ok := srv.encoders.Get().(*encoder); ok {
		return e
	}
	return &encoder{srv: srv}
}

// release gives the encoder back.
func (e *encoder) release() {
	e.attachments, e.marked = nil, false
	if cap(e.head) <= keepEncoder {
		e.head = e.head[:0]
		e.srv.encoders.Put(e)
	}
}

// encode encodes an event or an acknowledgement.
func (e *encoder) encode(h siowire.Header, event string, args []any) (err error) {
	e.head, e.attachments, err = e.srv.opts.Parser.AppendArgs(e.head[:0], h, event, args)
	return err
}

// encodeEvent encodes an event that is to have an offset if there is recovery.
func (e *encoder) encodeEvent(n *Namespace, event string, args []any) error {
	if r := n.recovery; r != nil {
		e.marked = true
		args = append(slices.Clip(args), r.mark)
	}
	return e.encode(siowire.Header{Type: siowire.Event, Namespace: n.name}, event, args)
}

// stamp writes an offset over the mark.
func (e *encoder) stamp(mark string, offset []byte) {
	copy(e.head[bytes.LastIndex(e.head, []byte(mark)):], offset)
}

// clone returns a copy that is not borrowed.
func (e *encoder) clone() *encoder {
	c := *e
	c.head = bytes.Clone(e.head)
	return &c
}

// encodeValue encodes a packet of another type.
func (e *encoder) encodeValue(h siowire.Header, v any) (err error) {
	e.attachments = nil
	e.head, err = e.srv.opts.Parser.AppendValue(e.head[:0], h, v)
	return err
}

// messages returns the packet as the session wants it: a text message, nil if the
// parser writes none, and binary ones.
func (e *encoder) messages() (text []byte, binary [][]byte) {
	if e.srv.opts.Parser.Binary() {
		return nil, slices.Insert(e.attachments, 0, e.head)
	}
	return e.head, e.attachments
}

// size returns how many bytes the packet has.
func (e *encoder) size() int {
	n := len(e.head)
	for _, a := range e.attachments {
		n += len(a)
	}
	return n
}

// write queues the packet for a session.
func (e *encoder) write(sess *engineio.Session, o engineio.WriteOptions) error {
	text, binary := e.messages()
	return sess.Write(text, binary, o)
}

// prepare returns the packet for any number of sessions, plain or with a
// compressed form besides.
func (e *encoder) prepare(plain bool) *engineio.Prepared {
	text, binary := e.messages()
	return e.srv.prepare(text, binary, plain)
}

// packet returns the packet as its receiver would see it, for handlers that watch
// what is sent.
func (e *encoder) packet(s *Socket) (*Packet, error) {
	d := e.srv.opts.Parser.NewDecoder(siowire.Limits{Attachments: len(e.attachments) + 1, Depth: math.MaxInt32})
	w, ok, err := d.Add(bytes.Clone(e.head), e.srv.opts.Parser.Binary())
	for _, a := range e.attachments {
		if ok || err != nil {
			break
		}
		w, ok, err = d.Add(a, true)
	}
	if err != nil {
		return nil, err
	}
	if e.marked {
		w.Args = w.Args.First(w.Args.Len() - 1)
	}
	return &Packet{socket: s, event: string(w.Name), args: w.Args}, nil
}
