package msgpack

import (
	"math"
	"strconv"

	"github.com/tinylib/msgp/msgp"

	"github.com/sockeye-io/sockeye/socketio/siowire"
)

// defaultDepth is what a Depth of zero stands for.
const defaultDepth = 512

// decoder is the siowire.Decoder of all connections that have its limits.
type decoder struct {
	// static
	parser *parser
	given  siowire.Limits
	depth  int
}

func newDecoder(p *parser, l siowire.Limits) *decoder {
	d := &decoder{parser: p, given: l, depth: l.Depth}
	if d.depth <= 0 {
		d.depth = defaultDepth
	}
	return d
}

// Buffered implements siowire.Decoder.
func (d *decoder) Buffered() int { return 0 }

// Add implements siowire.Decoder.
func (d *decoder) Add(msg []byte, binary bool) (p siowire.Packet, ok bool, err error) {
	r := packetReader{scanner: scanner{b: msg}, depth: d.depth}
	switch {
	case !binary:
		r.fail(0, ErrText)
	case len(msg) == 0:
		r.fail(0, siowire.ErrEmpty)
	case uint64(len(msg)) > math.MaxUint32:
		r.fail(0, siowire.ErrTooLong)
	default:
		r.read()
	}
	if r.err == nil && r.keys {
		r.scanner = scanner{b: appendStringKeys(nil, msg)}
		r.read()
	}
	if r.err == nil {
		r.packet(&p, d.parser)
	}
	if r.err != nil {
		return siowire.Packet{}, false, &siowire.ParseError{Offset: r.errAt, Err: r.err}
	}
	return p, true, nil
}

// packetReader reads one packet.
type packetReader struct {
	scanner
	depth int
	// where the values of the known keys begin; 0 for what there is not
	typ, namespace, id, data int

	dataEnd int
	values  [8]siowire.Span // the first ones of data, if it is an array
}

// read validates the message and finds the values of the packet.
func (r *packetReader) read() {
	r.typ, r.namespace, r.id, r.data = 0, 0, 0, 0
	top := parse(r.b, 0)
	if top.kind != kindMap {
		r.fail(0, siowire.ErrType)
		return
	}
	i := top.body
	for n := top.n; n > 0 && r.err == nil; n-- { // each takes a byte at least, or fails
		key := i
		if i = r.key(i); r.err != nil {
			return
		}
		var name []byte
		if it := parse(r.b, key); it.kind == kindString {
			name = it.bytes(r.b)
		}
		switch string(name) {
		case keyType:
			r.typ = i
		case keyNamespace:
			r.namespace = i
		case keyID:
			r.id = i
		case keyData:
			r.data = i
			i = r.payload(i)
			r.dataEnd = i
			continue
		}
		i = r.value(i, r.depth)
	}
	if r.err == nil && i != len(r.b) {
		r.fail(i, ErrInvalid)
	}
}

// payload is value for the payload, of which it keeps where the first elements are.
func (r *packetReader) payload(i int) int {
	it := parse(r.b, i)
	if it.kind != kindArray {
		return r.value(i, r.depth)
	}
	i = it.body
	for n := uint64(0); n < it.n && r.err == nil; n++ { // see read
		start := i
		i = r.value(i, r.depth-1)
		if n < uint64(len(r.values)) {
			r.values[n] = siowire.Span{Start: uint32(start), End: uint32(i)}
		}
	}
	return i
}

// args returns the elements of the payload from the one with index first on. They
// have been validated.
func (r *packetReader) args(c siowire.Codec, data item, first int) siowire.Args {
	if data.n <= uint64(len(r.values)) {
		return siowire.NewArgs(c, r.b, r.values[first:data.n], nil)
	}
	all := make([]siowire.Span, data.n)
	i := data.body
	for n := range all {
		start := i
		i = skip(r.b, i)
		all[n] = siowire.Span{Start: uint32(start), End: uint32(i)}
	}
	return siowire.NewArgs(c, r.b, all[first:], nil)
}

// packet fills p with what read found, if it makes a packet.
func (r *packetReader) packet(p *siowire.Packet, c siowire.Codec) {
	typ, ok := numberAt(r.b, r.typ).natural()
	if r.typ == 0 || !ok || typ > uint64(siowire.ConnectError) {
		r.fail(r.typ, siowire.ErrType)
		return
	}
	p.Type = siowire.Type(typ)
	name := parse(r.b, r.namespace)
	if r.namespace == 0 || name.kind != kindString || name.n == 0 || r.b[name.body] != '/' {
		r.fail(r.namespace, siowire.ErrNamespace)
		return
	}
	p.Namespace = name.bytes(r.b)
	if r.id != 0 && !r.undefined(r.id) {
		if p.ID, p.HasID = numberAt(r.b, r.id).natural(); !p.HasID {
			r.fail(r.id, siowire.ErrID)
			return
		}
	}
	r.arguments(p, c)
}

// undefined reports whether the value at i is that of JavaScript.
func (r *packetReader) undefined(i int) bool { return parse(r.b, i).kind == kindNil && r.b[i] != 0xc0 }

// arguments fills in what the payload has, if it fits the type.
func (r *packetReader) arguments(p *siowire.Packet, c siowire.Codec) {
	var data item
	if r.data != 0 {
		data = parse(r.b, r.data)
		p.Data = r.b[r.data:r.dataEnd:r.dataEnd]
	}
	list := p.Type == siowire.Event || p.Type == siowire.Ack
	switch {
	case list && data.kind == kindArray:
		first := 0
		if p.Type == siowire.Event {
			r.name(p, data)
			first = 1
		}
		if r.err == nil {
			p.Args = r.args(c, data, first)
		}
	case !list && (data.kind == kindInvalid || data.kind == kindNil) && p.Type != siowire.ConnectError:
		p.Data = nil
	case data.kind == kindMap && (p.Type == siowire.Connect || p.Type == siowire.ConnectError),
		data.kind == kindString && p.Type == siowire.ConnectError:
		p.Args = siowire.NewArgs(c, r.b, []siowire.Span{{Start: uint32(r.data), End: uint32(r.dataEnd)}}, nil)
	default:
		r.fail(r.data, siowire.ErrPayload)
	}
}

// name finds the name of an event, the first element of the payload.
func (r *packetReader) name(p *siowire.Packet, data item) {
	at := data.body
	if data.n == 0 {
		r.fail(r.data, siowire.ErrPayload)
		return
	}
	switch it := parse(r.b, at); it.kind {
	case kindString:
		p.Name = it.bytes(r.b)
		if siowire.Reserved(string(p.Name)) {
			r.fail(at, siowire.ErrReserved)
		}
	case kindInt, kindUint, kindFloat:
		n := numberAt(r.b, at)
		if math.IsNaN(n.f) || math.IsInf(n.f, 0) {
			r.fail(at, siowire.ErrPayload)
		}
		p.Name = n.appendText(nil)
	default:
		r.fail(at, siowire.ErrPayload)
	}
}

// appendStringKeys appends the message b, which has been validated, with all keys
// as strings: the same ones that JavaScript makes of them.
func appendStringKeys(dst, b []byte) []byte {
	dst, _ = appendValue(dst, b, 0)
	return dst
}

// appendValue is appendStringKeys for the value at i. end is the index behind it.
func appendValue(dst, b []byte, i int) (_ []byte, end int) {
	it := parse(b, i)
	if it.kind != kindArray && it.kind != kindMap {
		end = int(it.end())
		return append(dst, b[i:end]...), end
	}
	dst = append(dst, b[i:it.body]...)
	i = it.body
	for range it.n {
		if it.kind == kindMap {
			dst, i = appendKey(dst, b, i)
		}
		dst, i = appendValue(dst, b, i)
	}
	return dst, i
}

func appendKey(dst, b []byte, i int) (_ []byte, end int) {
	it := parse(b, i)
	end = int(it.end())
	switch it.kind {
	case kindString:
		return append(dst, b[i:end]...), end
	case kindNil:
		word := "null"
		if b[i] != 0xc0 {
			word = "undefined"
		}
		return msgp.AppendString(dst, word), end
	case kindBool:
		return msgp.AppendString(dst, strconv.FormatBool(b[i] == 0xc3)), end
	default:
		return msgp.AppendString(dst, numberAt(b, i).key()), end
	}
}
