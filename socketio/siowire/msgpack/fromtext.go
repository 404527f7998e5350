package msgpack

import (
	"bytes"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/tinylib/msgp/msgp"
)

// appendText appends the MessagePack of valid JSON text, in which each of nulls
// stands for a part of foreign.
func appendText(dst, text []byte, nulls []null, foreign []byte) []byte {
	t := translator{out: dst, text: text, sizes: sizes(text), nulls: nulls, foreign: foreign}
	t.value()
	return t.out
}

// sizes returns how many elements or members each array and object of text has,
// in the order in which they begin. MessagePack wants to know ahead.
func sizes(text []byte) []uint32 {
	var list []uint32
	var open []int // indices into list
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			i = stringEnd(text, i) - 1
		case '[', '{':
			open = append(open, len(list))
			n := uint32(1)
			if c := text[space(text, i+1)]; c == ']' || c == '}' {
				n = 0
			}
			list = append(list, n)
		case ',':
			list[open[len(open)-1]]++
		case ']', '}':
			open = open[:len(open)-1]
		}
	}
	return list
}

// stringEnd returns the index behind the string that begins at i.
func stringEnd(text []byte, i int) int {
	for i++; ; i++ {
		switch text[i] {
		case '"':
			return i + 1
		case '\\':
			i++
		}
	}
}

// space returns the index of the first byte from i on that is not white space.
func space(text []byte, i int) int {
	for text[i] == ' ' || text[i] == '\n' || text[i] == '\r' || text[i] == '\t' {
		i++
	}
	return i
}

// translator writes valid JSON text as MessagePack. It recurses as deeply as the
// JSON library has let pass.
type translator struct {
	out     []byte
	text    []byte
	i       int
	sizes   []uint32 // of the containers to come
	nulls   []null   // to come
	foreign []byte
}

func (t *translator) value() {
	t.i = space(t.text, t.i)
	switch c := t.text[t.i]; c {
	case '{', '[':
		t.container(c == '{')
	case '"':
		t.string()
	case 't':
		t.out = msgp.AppendBool(t.out, true)
		t.i += len("true")
	case 'f':
		t.out = msgp.AppendBool(t.out, false)
		t.i += len("false")
	case 'n':
		t.null()
	default:
		t.number()
	}
}

func (t *translator) container(object bool) {
	n := t.sizes[0]
	t.sizes = t.sizes[1:]
	if object {
		t.out = msgp.AppendMapHeader(t.out, n)
	} else {
		t.out = msgp.AppendArrayHeader(t.out, n)
	}
	t.i++
	for k := range n {
		if k > 0 {
			t.skip() // the comma
		}
		if object {
			t.i = space(t.text, t.i)
			t.string()
			t.skip() // the colon
		}
		t.value()
	}
	t.skip() // what closes it
}

// skip skips white space and the byte behind it.
func (t *translator) skip() { t.i = space(t.text, t.i) + 1 }

func (t *translator) string() {
	quoted := t.text[t.i:stringEnd(t.text, t.i)]
	t.i += len(quoted)
	if bytes.IndexByte(quoted, '\\') < 0 {
		t.out = msgp.AppendStringFromBytes(t.out, quoted[1:len(quoted)-1])
		return
	}
	s, _ := jsontext.AppendUnquote(nil, quoted) // a lone surrogate becomes U+FFFD
	t.out = msgp.AppendStringFromBytes(t.out, s)
}

func (t *translator) null() {
	t.i += len("null")
	if len(t.nulls) == 0 || t.nulls[0].end != int64(t.i) {
		t.out = msgp.AppendNil(t.out)
		return
	}
	t.out = append(t.out, t.foreign[t.nulls[0].from:t.nulls[0].to]...)
	t.nulls = t.nulls[1:]
}

func (t *translator) number() {
	end := t.i
	for end < len(t.text) && bytes.IndexByte([]byte("+-.0123456789eE"), t.text[end]) >= 0 {
		end++
	}
	text := string(t.text[t.i:end])
	t.i = end
	if i, err := strconv.ParseInt(text, 10, 64); err == nil {
		t.out = appendInt(t.out, i)
		return
	}
	if u, err := strconv.ParseUint(text, 10, 64); err == nil {
		t.out = msgp.AppendUint64(t.out, u)
		return
	}
	f, _ := strconv.ParseFloat(text, 64) // too large a number becomes an infinity, as from JavaScript
	t.out = appendFloat(t.out, f)
}
