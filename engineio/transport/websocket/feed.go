package websocket

import (
	"errors"
	"unicode/utf8"

	"github.com/sockeye-io/sockeye/engineio/eiowire"
	"github.com/sockeye-io/sockeye/engineio/transport"
)

// errPeerClosed ends the reading after the peer's close frame.
var errPeerClosed = errors.New("websocket: closed by the peer")

// input is what a connection keeps between two reads. An idle connection has
// none.
type input struct {
	head    []byte // the start of a frame header
	frame   header // the frame under way, if inFrame
	got     int    // bytes of its payload that have arrived
	payload []byte // those bytes, unmasked
	inFrame bool

	fragments  []byte // the message under way, if opcode is not zero
	opcode     byte
	compressed bool // that message is
}

func (in *input) idle() bool { return !in.inFrame && len(in.head) == 0 && in.opcode == 0 }

// Feed takes what a read delivered and hands every complete packet to the
// sink. It changes p, and keeps nothing of it. It returns an error when the
// connection cannot go on: a *ProtocolError, transport.ErrMessageTooLarge, a
// *transport.EndError, or the peer's close. It runs no user code. Only the reader may call it.
func (c *Conn) Feed(p []byte) error {
	var owned []byte // a copy of the rest of p: packets outlive the read
	for len(p) > 0 {
		if c.in != nil && c.in.inFrame {
			n, err := c.continueFrame(p)
			if err != nil {
				return err
			}
			p = p[n:]
			continue
		}
		h, size, err := c.nextHeader(p)
		if errors.Is(err, errIncomplete) {
			c.keepHead(p)
			return nil
		}
		if err != nil {
			return err
		}
		if err := c.admit(h); err != nil {
			return err
		}
		p = p[size:]
		if int64(len(p)) < h.length {
			c.startFrame(h, p)
			return nil
		}
		payload := p[:h.length]
		p = p[h.length:]
		h.unmask(payload, 0)
		if h.opcode < opClose {
			if cap(owned)-len(owned) < len(payload) || owned == nil {
				owned = make([]byte, 0, len(payload)+len(p))
			}
			at := len(owned)
			owned = append(owned, payload...)
			payload = owned[at:len(owned):len(owned)]
		}
		if err := c.frame(h, payload); err != nil {
			return err
		}
	}
	return nil
}

// nextHeader decodes the header at the start of p, joined with what an earlier
// read left of it. The size is that of the part in p.
func (c *Conn) nextHeader(p []byte) (header, int, error) {
	if c.in == nil || len(c.in.head) == 0 {
		return parseHeader(p)
	}
	var joined [maxHeader]byte
	kept := copy(joined[:], c.in.head)
	n := copy(joined[kept:], p)
	h, size, err := parseHeader(joined[:kept+n])
	if err != nil {
		return h, 0, err
	}
	c.in.head = nil
	c.settle()
	return h, size - kept, nil
}

// keepHead keeps an incomplete header.
func (c *Conn) keepHead(p []byte) {
	in := c.input()
	in.head = append(in.head, p...)
}

// admit refuses a frame that would make its message too long, before any of it
// is kept.
func (c *Conn) admit(h header) error {
	if h.rsv1 && (c.deflate == nil || h.opcode != opText && h.opcode != opBinary) {
		return &ProtocolError{codeProtocolError, "reserved bits set without an extension"}
	}
	if h.opcode >= opClose {
		return nil
	}
	left := int64(c.cfg.MaxPayload)
	if c.in != nil {
		left -= int64(len(c.in.fragments))
	}
	if h.length > left { // not a sum: the length may be anything up to 2^63-1
		return transport.ErrMessageTooLarge
	}
	return nil
}

// startFrame keeps the beginning of a frame.
func (c *Conn) startFrame(h header, p []byte) {
	in := c.input()
	in.inFrame, in.frame, in.got = true, h, len(p)
	in.payload = append([]byte(nil), p...)
	h.unmask(in.payload, 0)
}

// continueFrame adds to the frame under way and returns how much of p it took.
func (c *Conn) continueFrame(p []byte) (int, error) {
	in := c.in
	n := len(p)
	if left := in.frame.length - int64(in.got); int64(n) > left {
		n = int(left)
	}
	in.payload = append(in.payload, p[:n]...)
	in.frame.unmask(in.payload[in.got:], in.got)
	in.got += n
	if int64(in.got) < in.frame.length {
		return n, nil
	}
	payload := in.payload
	in.inFrame, in.payload = false, nil
	h := in.frame
	c.settle()
	return n, c.frame(h, payload)
}

// frame handles a complete frame whose payload is unmasked; the payload of a
// data frame is owned.
func (c *Conn) frame(h header, payload []byte) error {
	switch h.opcode {
	case opContinuation:
		return c.fragment(h, payload)
	case opText, opBinary:
		if c.in != nil && c.in.opcode != 0 {
			return &ProtocolError{codeProtocolError, "new message inside a fragmented one"}
		}
		if !h.fin {
			in := c.input()
			in.opcode, in.compressed, in.fragments = h.opcode, h.rsv1, payload
			return nil
		}
		return c.message(h.opcode, payload, h.rsv1)
	case opPing:
		c.pong(payload)
		return nil
	case opPong:
		return nil // unasked for: costs nothing
	default:
		code, err := checkClose(payload)
		if err != nil {
			return err
		}
		c.peerCode = code
		return errPeerClosed
	}
}

// fragment adds a continuation frame to the message under way.
func (c *Conn) fragment(h header, payload []byte) error {
	if c.in == nil || c.in.opcode == 0 {
		return &ProtocolError{codeProtocolError, "continuation without a message"}
	}
	in := c.in
	in.fragments = append(in.fragments, payload...)
	if !h.fin {
		return nil
	}
	opcode, compressed, message := in.opcode, in.compressed, in.fragments
	in.opcode, in.compressed, in.fragments = 0, false, nil
	c.settle()
	return c.message(opcode, message, compressed)
}

// message hands a complete message, which is one Engine.IO packet, to the sink.
func (c *Conn) message(opcode byte, payload []byte, compressed bool) error {
	if compressed {
		var err error
		if payload, err = c.deflate.Inflate(payload, c.cfg.MaxPayload); err != nil {
			if errors.Is(err, transport.ErrMessageTooLarge) {
				return err
			}
			return &ProtocolError{codeInvalidPayload, "compressed message does not inflate"}
		}
	}
	if opcode == opText && !utf8.Valid(payload) {
		return &ProtocolError{codeInvalidUTF8, "text message is not UTF-8"}
	}
	packet, err := c.decode(opcode, payload)
	if err == nil {
		err = c.sink.Packet(packet)
	}
	if err != nil {
		return &transport.EndError{Close: transport.EndOf(err)}
	}
	return nil
}

// decode reads a message as a packet of the session's protocol.
func (c *Conn) decode(opcode byte, payload []byte) (eiowire.Packet, error) {
	switch {
	case opcode == opText && c.cfg.V3:
		return eiowire.DecodeV3(payload)
	case opcode == opText:
		return eiowire.Decode(payload)
	case c.cfg.V3:
		return eiowire.DecodeBinaryV3(payload)
	default:
		return eiowire.Packet{Type: eiowire.Message, Binary: true, Data: payload}, nil
	}
}

// input returns the state between reads, made on first use.
func (c *Conn) input() *input {
	if c.in == nil {
		c.in = new(input)
	}
	return c.in
}

// settle gives the state between reads up when nothing is under way.
func (c *Conn) settle() {
	if c.in.idle() {
		c.in = nil
	}
}
