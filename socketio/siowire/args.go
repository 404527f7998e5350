package siowire

import "slices"

// Codec decodes the values of one encoding, for the [Args] of a Parser. Its
// method may be called from any number of goroutines at once.
type Codec interface {
	// DecodeValue decodes one value, as it was given to NewArgs, into what dst
	// points to. The binary values it needs are in attachments.
	DecodeValue(value []byte, attachments [][]byte, dst any) error
}

// inlineArgs is the number of arguments that need no memory of their own.
const inlineArgs = 4

// Span is where a value stands in a message: from byte Start up to End.
type Span struct{ Start, End uint32 }

// Args are the undecoded arguments of a packet. The zero value is empty. Args is
// a value: it may be copied, and read by any number of goroutines at once.
type Args struct {
	codec  Codec
	text   []byte // that inline and rare.spans refer to
	inline [inlineArgs]Span
	n      int
	rare   *rareArgs // nil unless there are attachments or many arguments
}

// rareArgs is what few packets have.
type rareArgs struct {
	spans       []Span // of the arguments from inlineArgs on
	attachments [][]byte
}

// NewArgs returns Args of the values that stand at spans in message and are
// decoded by c, for a [Parser] other than JSON. It keeps message and attachments,
// which must not be changed any more, and copies spans. A Span that does not lie
// in the message makes the methods that use it panic.
func NewArgs(c Codec, message []byte, spans []Span, attachments [][]byte) Args {
	a := Args{codec: c, text: message, n: len(spans)}
	if n := copy(a.inline[:], spans); n < len(spans) {
		needRare(&a).spans = slices.Clone(spans[n:])
	}
	if len(attachments) > 0 {
		needRare(&a).attachments = attachments
	}
	return a
}

// Len returns the number of arguments.
func (a Args) Len() int { return a.n }

// First returns the first n arguments, or all if there are fewer.
func (a Args) First(n int) Args {
	a.n = min(max(n, 0), a.n)
	return a
}

// Raw returns argument i undecoded. It is the zero Raw if there is no such
// argument.
func (a Args) Raw(i int) Raw {
	if i < 0 || i >= a.n {
		return Raw{}
	}
	r := Raw{codec: a.codec}
	if a.rare != nil {
		r.attachments = a.rare.attachments
	}
	var s Span
	if i < inlineArgs {
		s = a.inline[i]
	} else {
		s = a.rare.spans[i-inlineArgs]
	}
	r.text = a.text[s.Start:s.End:s.End]
	return r
}

// Decode decodes argument i into what dst, a non-nil pointer, points to. The
// package documentation has the rules. Attachments are not copied: a []byte
// that is set here is shared with everyone else who decodes the same argument.
// An error is a *DecodeError, around ErrMissing if there is no such argument.
func (a Args) Decode(i int, dst any) error {
	if i < 0 || i >= a.n {
		return &DecodeError{Arg: i, Err: ErrMissing}
	}
	if err := a.Raw(i).decode(dst); err != nil {
		return &DecodeError{Arg: i, Err: err}
	}
	return nil
}

// addArg appends the argument that stands at s in a.text.
func addArg(a *Args, s Span) {
	if a.n < inlineArgs {
		a.inline[a.n] = s
	} else {
		r := needRare(a)
		r.spans = append(r.spans, s)
	}
	a.n++
}

func needRare(a *Args) *rareArgs {
	if a.rare == nil {
		a.rare = new(rareArgs)
	}
	return a.rare
}

// Raw is one undecoded value with its attachments. Given to a Parser as an
// argument, alone or within another value, it is written as it came, its
// attachments numbered anew. The zero Raw is written as null. It may be read by
// any number of goroutines at once, and keeps the message it came in from being
// freed.
type Raw struct {
	codec       Codec
	text        []byte
	attachments [][]byte
}

// Bytes returns the encoded value: for the JSON parser its JSON text, in which
// {"_placeholder":true,"num":0} stands for an attachment. It must not be
// written to.
func (r Raw) Bytes() []byte { return r.text }

// Codec returns the Codec of the parser that the value came in by, nil for the
// zero Raw. A Parser that is given a Raw of its own writes Bytes and the
// attachments; any other one decodes it first.
func (r Raw) Codec() Codec { return r.codec }

// Attachments returns the binary values that the encoded value refers to. They
// are shared with everyone who decodes it and must not be written to.
func (r Raw) Attachments() [][]byte { return r.attachments }

// Decode decodes the value into what dst, a non-nil pointer, points to, as
// [Args.Decode] does. The zero Raw is decoded as null.
func (r Raw) Decode(dst any) error {
	if err := r.decode(dst); err != nil {
		return &DecodeError{Arg: -1, Err: err}
	}
	return nil
}

func (r Raw) decode(dst any) error {
	if r.codec == nil {
		return new(jsonParser).DecodeValue([]byte("null"), nil, dst)
	}
	if p, ok := dst.(*Raw); ok {
		*p = r
		return nil
	}
	return r.codec.DecodeValue(r.text, r.attachments, dst)
}
