package siowire

import (
	"bytes"
	"math"
	"unicode/utf8"
)

// rootNamespace is what every packet of the main namespace refers to.
var rootNamespace = []byte("/") //nolint:gochecknoglobals // never written to; saves an allocation a packet

// jsonDecoder is the Decoder of the JSON parser: two words, as every idle
// connection has one.
type jsonDecoder struct {
	config  *decoderConfig
	partial *partial // nil unless attachments are to come
}

// decoderConfig is what the decoders of many connections share.
type decoderConfig struct {
	parser *jsonParser
	given  Limits // to NewDecoder
	limits Limits // with the defaults in place of zeros
}

func newDecoderConfig(p *jsonParser, given Limits) *decoderConfig {
	l := given
	if l.Attachments <= 0 {
		l.Attachments = defaultAttachments
	}
	if l.Depth <= 0 {
		l.Depth = defaultDepth
	}
	return &decoderConfig{parser: p, given: given, limits: l}
}

// partial is a packet whose attachments are still to come.
type partial struct {
	packet   Packet
	want     int
	buffered int
}

// Buffered implements Decoder.
func (d *jsonDecoder) Buffered() int {
	if d.partial == nil {
		return 0
	}
	return d.partial.buffered
}

// Add implements Decoder.
func (d *jsonDecoder) Add(msg []byte, isBinary bool) (p Packet, ok bool, err error) {
	if isBinary {
		return d.attach(msg)
	}
	if d.partial != nil {
		d.partial = nil
		return Packet{}, false, &ParseError{Err: ErrInterrupted}
	}
	r := packetReader{scanner: scanner{b: msg}}
	attachments := r.read(&p, d.config)
	if r.err != nil {
		return Packet{}, false, &ParseError{Offset: r.errAt, Err: r.err}
	}
	if attachments == 0 {
		return p, true, nil
	}
	d.partial = &partial{packet: p, want: attachments, buffered: len(msg)}
	return Packet{}, false, nil
}

// attach takes one attachment of the partial packet.
func (d *jsonDecoder) attach(msg []byte) (Packet, bool, error) {
	h := d.partial
	if h == nil {
		return Packet{}, false, &ParseError{Err: ErrUnexpected}
	}
	if msg == nil {
		msg = []byte{} // an attachment is never nil, even if it is empty
	}
	rare := needRare(&h.packet.Args)
	rare.attachments = append(rare.attachments, msg)
	h.buffered += len(msg)
	if len(rare.attachments) < h.want {
		return Packet{}, false, nil
	}
	d.partial = nil
	return h.packet, true, nil
}

// packetReader reads the text of one packet.
type packetReader struct {
	scanner
	i int // the next byte
}

// read fills p and returns the number of attachments to come.
func (r *packetReader) read(p *Packet, c *decoderConfig) (attachments int) {
	switch {
	case len(r.b) == 0:
		r.fail(0, ErrEmpty)
		return 0
	case uint64(len(r.b)) > math.MaxUint32:
		r.fail(0, ErrTooLong)
		return 0
	}
	p.Type = Type(r.b[0] - '0')
	if p.Type > binaryAck {
		r.fail(0, ErrType)
		return 0
	}
	r.i = 1
	if p.Type >= binaryEvent {
		p.Type -= binaryEvent - Event
		attachments = r.count(c.limits.Attachments)
	}
	r.namespace(p)
	r.id(p)
	if r.err != nil {
		return 0
	}
	if r.i < len(r.b) || attachments > 0 {
		r.payload(p, c, attachments)
	}
	return attachments
}

// count reads the number of attachments and the dash behind it.
func (r *packetReader) count(limit int) (n int) {
	start := r.i
	for ; isDigit(r.at(r.i)); r.i++ {
		if n = n*10 + int(r.b[r.i]-'0'); n > limit {
			r.fail(r.i, ErrTooManyAttached)
			return 0
		}
	}
	if r.i == start || n == 0 || r.at(r.i) != '-' {
		r.fail(r.i, ErrAttachments)
		return 0
	}
	r.i++
	return n
}

// namespace reads the namespace, if there is one, and the comma behind it, which
// may be missing at the end.
func (r *packetReader) namespace(p *Packet) {
	p.Namespace = rootNamespace
	if r.err != nil || r.at(r.i) != '/' {
		return
	}
	rest := r.b[r.i:]
	n := bytes.IndexByte(rest, ',')
	if n < 0 {
		n = len(rest)
	}
	p.Namespace = rest[:n:n]
	if !utf8.Valid(p.Namespace) {
		r.fail(r.i, ErrUTF8)
	}
	r.i = min(r.i+n+1, len(r.b))
}

// id reads the acknowledgement id, if there is one.
func (r *packetReader) id(p *Packet) {
	for ; r.err == nil && isDigit(r.at(r.i)); r.i++ {
		digit := uint64(r.b[r.i] - '0')
		if p.ID > (math.MaxUint64-digit)/10 {
			r.fail(r.i, ErrID)
			return
		}
		p.ID = p.ID*10 + digit
		p.HasID = true
	}
}

// payload reads the rest of the message, which is the payload.
func (r *packetReader) payload(p *Packet, c *decoderConfig, attachments int) {
	if attachments > len(r.b)/minPlaceholder {
		r.fail(r.i, ErrPlaceholder) // there is no room for that many
		return
	}
	if attachments > 0 {
		r.seen = newPlaceholders(attachments)
	}
	start, end := r.i, 0
	p.Args.codec = c.parser
	p.Args.text = r.b
	switch first := r.at(start); {
	case first == '[' && (p.Type == Event || p.Type == Ack):
		r.depth = c.limits.Depth - 1
		end = r.list(p, start)
	case first == '{' && (p.Type == Connect || p.Type == ConnectError), first == '"' && p.Type == ConnectError:
		r.depth = c.limits.Depth
		end = r.value(start)
		addArg(&p.Args, Span{uint32(start), uint32(end)})
	default:
		r.fail(start, ErrPayload)
	}
	if r.err != nil {
		return
	}
	switch rest := r.space(end); {
	case rest < len(r.b):
		r.fail(rest, ErrSyntax)
	case r.high&highs != 0 && !utf8.Valid(r.b[start:]):
		r.fail(start, ErrUTF8)
	case attachments > 0 && !r.seen.complete():
		r.fail(start, ErrPlaceholder)
	}
	p.Data = r.b[start:end:end]
}

// list reads the array at i, of an event or of an acknowledgement, and returns
// the index behind it.
func (r *packetReader) list(p *Packet, i int) int {
	i = r.space(i + 1)
	if p.Type == Event {
		i = r.space(r.name(p, i))
		if r.err != nil {
			return i
		}
	}
	if r.at(i) == ']' {
		return i + 1
	}
	if p.Type == Event {
		if r.at(i) != ',' {
			return r.fail(i, ErrSyntax)
		}
		i = r.space(i + 1)
	}
	for {
		end := r.value(i)
		if r.err != nil {
			return end
		}
		addArg(&p.Args, Span{uint32(i), uint32(end)})
		i = r.space(end)
		switch r.at(i) {
		case ',':
			i = r.space(i + 1)
		case ']':
			return i + 1
		default:
			return r.fail(i, ErrSyntax)
		}
	}
}

// name reads an event's name, a string or a number, and returns the index behind it.
func (r *packetReader) name(p *Packet, i int) (end int) {
	c := r.at(i)
	switch {
	case c == '-' || isDigit(c):
		end = r.number(i)
		p.Name = r.b[i:end:end]
		return end
	case c != '"':
		return r.fail(i, ErrPayload)
	}
	end = r.string(i)
	if r.err != nil {
		return end
	}
	p.Name = r.b[i+1 : end-1 : end-1]
	if bytes.IndexByte(p.Name, '\\') >= 0 {
		p.Name = []byte(unquote(r.b[i:end]))
	}
	if Reserved(string(p.Name)) {
		r.fail(i, ErrReserved)
	}
	return end
}
