package siowire

import (
	"encoding/binary"
	"math/bits"
)

// scanner validates JSON text in one pass, without recursion and without
// decoding. It accepts what JSON.parse accepts; UTF-8 is left to whoever reads
// high afterwards. The zero byte that at returns beyond the end fits nowhere in
// JSON outside of strings, so only the scan of strings looks at the length.
type scanner struct {
	b     []byte
	depth int    // of containers still allowed below the current one
	high  uint64 // has a bit set at 0x80 of some byte if a string has non-ASCII text
	err   error  // the first fault
	errAt int    // where it was seen

	// seen is told of every placeholder; nil makes each an ordinary object.
	seen *placeholders
}

// fail records the first fault and returns i, where it was seen.
func (s *scanner) fail(i int, err error) int {
	if s.err == nil {
		s.err, s.errAt = err, i
	}
	return i
}

func (s *scanner) at(i int) byte {
	if i < len(s.b) {
		return s.b[i]
	}
	return 0
}

// space returns the index of the first byte from i on that is not white space.
func (s *scanner) space(i int) int {
	for i < len(s.b) {
		switch s.b[i] {
		case ' ', '\t', '\n', '\r':
			i++
		default:
			return i
		}
	}
	return i
}

// value returns the index behind the value that begins at i, which has no meaning
// once err is set.
func (s *scanner) value(i int) int {
	switch c := s.at(i); c {
	case '"':
		return s.string(i)
	case '{', '[':
		return s.container(i)
	default:
		return s.scalar(i, c)
	}
}

// scalar is value for what is neither a string nor an array or object.
func (s *scanner) scalar(i int, c byte) int {
	switch {
	case c == '-' || isDigit(c):
		return s.number(i)
	case c == 't':
		return s.literal(i, "true")
	case c == 'f':
		return s.literal(i, "false")
	case c == 'n':
		return s.literal(i, "null")
	}
	return s.fail(i, ErrSyntax)
}

func (s *scanner) literal(i int, word string) int {
	if len(s.b)-i < len(word) || string(s.b[i:i+len(word)]) != word {
		return s.fail(i, ErrSyntax)
	}
	return i + len(word)
}

func (s *scanner) number(i int) int {
	if s.at(i) == '-' {
		i++
	}
	if s.at(i) == '0' {
		i++
	} else {
		i = s.digits(i)
	}
	if s.at(i) == '.' {
		i = s.digits(i + 1)
	}
	if c := s.at(i); c == 'e' || c == 'E' {
		i++
		if c := s.at(i); c == '+' || c == '-' {
			i++
		}
		i = s.digits(i)
	}
	return i
}

// digits returns the index behind one or more digits.
func (s *scanner) digits(i int) int {
	if !isDigit(s.at(i)) {
		return s.fail(i, ErrSyntax)
	}
	for isDigit(s.at(i)) {
		i++
	}
	return i
}

func isDigit(c byte) bool { return c-'0' <= 9 }

// The bytes of a word, each the same.
const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// stops returns a word whose lowest set bit is in the first byte of w that is a
// quote, a backslash or a control character; 0 if there is none.
func stops(w uint64) uint64 {
	quote := w ^ ones*'"'
	slash := w ^ ones*'\\'
	return ((quote-ones)&^quote | (slash-ones)&^slash | (w-ones*0x20)&^w) & highs
}

// string returns the index behind the string whose opening quote is at i.
func (s *scanner) string(i int) int {
	b := s.b
	i++
	for {
		for len(b)-i >= 8 {
			w := binary.LittleEndian.Uint64(b[i:])
			s.high |= w & highs
			if m := stops(w); m != 0 {
				i += bits.TrailingZeros64(m) / 8
				break
			}
			i += 8
		}
		if i >= len(b) {
			return s.fail(i, ErrSyntax)
		}
		switch c := b[i]; {
		case c == '"':
			return i + 1
		case c == '\\':
			n := escapeLen(b[i:])
			if n == 0 {
				return s.fail(i, ErrSyntax)
			}
			i += n
		case c < ' ':
			return s.fail(i, ErrSyntax)
		default:
			s.high |= uint64(c)
			i++
		}
	}
}

// escapeLen returns the length of the escape sequence that b begins with, 0 if
// it is none.
func escapeLen(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	switch b[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if _, ok := hex4(b); ok {
			return 6
		}
	}
	return 0
}

// hex4 returns the code unit that the escape sequence \uXXXX at the beginning of
// b stands for.
func hex4(b []byte) (unit rune, ok bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	for _, c := range b[2:6] {
		switch {
		case isDigit(c):
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		unit = unit<<4 | rune(c)
	}
	return unit, true
}

// nesting is a stack of one bit an open container: 1 for an object, 0 for an array.
type nesting struct {
	n    int
	low  [4]uint64 // of the first 256
	more []uint64  // of the rest
}

func (n *nesting) word(i int) *uint64 {
	w := i / 64
	if w < len(n.low) {
		return &n.low[w]
	}
	return &n.more[w-len(n.low)]
}

func (n *nesting) push(object bool) {
	if n.n/64 == len(n.low)+len(n.more) {
		n.more = append(n.more, 0)
	}
	w, bit := n.word(n.n), uint64(1)<<(n.n%64)
	*w &^= bit
	if object {
		*w |= bit
	}
	n.n++
}

func (n *nesting) inObject() bool {
	return *n.word(n.n - 1)>>((n.n-1)%64)&1 == 1
}

// container returns the index behind the array or object that begins at i.
func (s *scanner) container(i int) int {
	var open nesting
	for {
		// A value begins at i.
		closed := true
		switch c := s.at(i); c {
		case '"':
			i = s.string(i)
		case '{', '[':
			i, closed = s.enter(&open, i, c)
		default:
			i = s.scalar(i, c)
		}
		// A value ended before i, or, not closed, a container's first one begins at i.
		for closed && s.err == nil {
			if open.n == 0 {
				return i
			}
			i, closed = s.next(&open, i)
		}
		if s.err != nil {
			return i
		}
	}
}

// enter opens the container at i, whose first byte is c. It returns the index of
// its first value, or, with closed, the one behind it if it has none.
func (s *scanner) enter(open *nesting, i int, c byte) (next int, closed bool) {
	if c == '{' && s.seen != nil {
		if num, end, ok := parsePlaceholder(s.b, i); ok {
			if !s.seen.add(placed{i, end, num}) {
				s.fail(i, ErrPlaceholder)
			}
			return end, true
		}
	}
	if open.n == s.depth {
		return s.fail(i, ErrDepth), true
	}
	i = s.space(i + 1)
	if s.at(i) == c+2 { // the closing bracket or brace
		return i + 1, true
	}
	open.push(c == '{')
	if c == '{' {
		i = s.key(i)
	}
	return i, false
}

// next returns the index of the value that follows the one which ended before i,
// or, with closed, the index behind the container if that was its last.
func (s *scanner) next(open *nesting, i int) (next int, closed bool) {
	i = s.space(i)
	object := open.inObject()
	switch c := s.at(i); {
	case c == ',' && object:
		return s.key(s.space(i + 1)), false
	case c == ',':
		return s.space(i + 1), false
	case c == '}' && object, c == ']' && !object:
		open.n--
		return i + 1, true
	}
	return s.fail(i, ErrSyntax), true
}

// key returns the index of the value that follows the member name at i.
func (s *scanner) key(i int) int {
	if s.at(i) != '"' {
		return s.fail(i, ErrSyntax)
	}
	end := s.string(i)
	if s.err != nil {
		return end
	}
	colon := s.space(end)
	if s.at(colon) != ':' {
		return s.fail(colon, ErrSyntax)
	}
	value := s.space(colon + 1)
	if s.seen != nil && s.at(value) == 't' && isPlaceholderKey(s.b[i:end]) {
		return s.fail(i, ErrPlaceholder) // true, but enter did not recognize it
	}
	return value
}
