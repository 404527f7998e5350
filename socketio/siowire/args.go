package siowire

// Codec decodes the values of one encoding, for the [Args] of a Parser. Its
// method may be called from any number of goroutines at once.
type Codec interface {
	// DecodeValue decodes one value, as it was given to NewArgs, into what dst
	// points to. The binary values it needs are in attachments.
	DecodeValue(value []byte, attachments [][]byte, dst any) error
}

// inlineArgs is the number of arguments that need no memory of their own.
const inlineArgs = 4

// span is where a value stands in a message.
type span struct{ start, end uint32 }

// Args are the undecoded arguments of a packet. The zero value is empty. Args is
// a value: it may be copied, and read by any number of goroutines at once.
type Args struct {
	codec  Codec
	text   []byte // that inline and rare.spans refer to
	inline [inlineArgs]span
	n      int
	rare   *rareArgs // nil unless there are attachments or many arguments
}

// rareArgs is what few packets have.
type rareArgs struct {
	spans       []span   // of the arguments from inlineArgs on
	values      [][]byte // all values, in place of text and spans
	attachments [][]byte
}

// NewArgs returns Args of values that are decoded by c, for a [Parser] other than
// JSON. It keeps both slices: they must not be changed any more.
func NewArgs(c Codec, values, attachments [][]byte) Args {
	return Args{codec: c, n: len(values), rare: &rareArgs{values: values, attachments: attachments}}
}

// Len returns the number of arguments.
func (a Args) Len() int { return a.n }

// Raw returns argument i undecoded. It is the zero Raw if there is no such
// argument.
func (a Args) Raw(i int) Raw {
	if i < 0 || i >= a.n {
		return Raw{}
	}
	r := Raw{codec: a.codec}
	if a.rare != nil {
		r.attachments = a.rare.attachments
		if a.rare.values != nil {
			r.text = a.rare.values[i]
			return r
		}
	}
	var s span
	if i < inlineArgs {
		s = a.inline[i]
	} else {
		s = a.rare.spans[i-inlineArgs]
	}
	r.text = a.text[s.start:s.end:s.end]
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
func addArg(a *Args, s span) {
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
