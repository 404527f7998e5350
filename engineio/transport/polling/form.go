package polling

import (
	"iter"
	"net/http"

	"github.com/sockeye-io/sockeye/engineio/eiowire"
)

// Content types of bodies.
const (
	typeText   = "text/plain; charset=UTF-8"
	typeBinary = "application/octet-stream"
)

// Form is how the bodies of a session are written, other than in protocol v4.
type Form struct {
	// V3 says that they are of protocol v3. The first answer then carries the
	// OPEN packet alone, since its clients look no further.
	V3 bool
	// JSONP says that answers are scripts and POSTs are forms, with Index in the
	// callback's name, from eiowire.JSONPIndex. The queue's dialect must be one of
	// text.
	JSONP bool
	Index string
}

// form is a Form with what has become of it.
type form struct {
	Form
	opened bool // the first answer has been taken; guarded by Transport.mu
}

// Speak makes the transport use a form. It is called before the first Poll, and
// not at all for protocol v4 without JSONP.
func (t *Transport) Speak(f Form) { t.form = &form{Form: f} }

// body is an answer to a poll.
type body struct {
	data   []byte
	binary bool
}

// takeLocked returns the next packets as a body, whose data is nil if there are
// none.
func (t *Transport) takeLocked() body {
	if t.form == nil || !t.form.V3 {
		return body{data: t.queue.TakePayload(t, t.maxPackets, payloadLimit)}
	}
	packets := t.maxPackets
	if !t.form.opened {
		packets = 1
	}
	var b body
	if b.data, b.binary = t.queue.TakePayloadV3(t, packets, payloadLimit); b.data != nil {
		t.form.opened = true
	}
	return b
}

// single returns a body of one packet.
func (t *Transport) single(packet string) body {
	if t.form != nil && t.form.V3 {
		return body{data: eiowire.AppendTextV3(nil, []byte(packet))}
	}
	return body{data: []byte(packet)}
}

// dress returns a body as it is sent, and its type.
func (t *Transport) dress(b body) (data []byte, contentType string) {
	switch {
	case b.binary:
		return b.data, typeBinary
	case t.form != nil && t.form.JSONP:
		return eiowire.AppendJSONP(nil, t.form.Index, b.data), typeText
	default:
		return b.data, typeText
	}
}

// packets returns the packets in the body of a POST, whose bytes it may change.
func (t *Transport) packets(r *http.Request, data []byte) (iter.Seq2[eiowire.Packet, error], error) {
	if t.form == nil {
		return eiowire.Payload(eiowire.ValidUTF8(data)), nil
	}
	if t.form.JSONP {
		var err error
		if data, err = eiowire.JSONPBody(data); err != nil {
			return nil, err
		}
	}
	switch {
	case !t.form.V3:
		return eiowire.Payload(eiowire.ValidUTF8(data)), nil
	case isBinary(r):
		return eiowire.BinaryPayloadV3(data), nil
	default:
		return eiowire.PayloadV3(eiowire.ValidUTF8(data)), nil
	}
}

// isBinary reports whether a POST says that its body is binary.
func isBinary(r *http.Request) bool { return r.Header.Get("Content-Type") == typeBinary }

// takesBinary reports whether a POST may have a binary body.
func (t *Transport) takesBinary() bool { return t.form != nil && t.form.V3 && !t.form.JSONP }
