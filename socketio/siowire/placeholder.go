package siowire

import (
	"bytes"
	"strconv"
)

// The member of an object that makes it a placeholder if its value is true.
const (
	placeholderKey  = `"_placeholder"`
	placeholderHead = `{"_placeholder":true,"num":`
)

// minPlaceholder is the length of the shortest placeholder.
const minPlaceholder = len(placeholderHead) + len("0}")

// placed is a placeholder and where it stands.
type placed struct{ start, end, num int }

// placeholders collects those of one packet or one value.
type placeholders struct {
	list []placed
	used []bool // by attachment number
}

func newPlaceholders(attachments int) *placeholders {
	return &placeholders{used: make([]bool, attachments)}
}

// add reports whether p is one that may be: the first for an attachment that exists.
func (s *placeholders) add(p placed) bool {
	if p.num >= len(s.used) || s.used[p.num] {
		return false
	}
	s.used[p.num] = true
	s.list = append(s.list, p)
	return true
}

// complete reports whether every attachment has its placeholder.
func (s *placeholders) complete() bool { return len(s.list) == len(s.used) }

func appendPlaceholder(dst []byte, num int) []byte {
	dst = append(dst, placeholderHead...)
	dst = strconv.AppendInt(dst, int64(num), 10)
	return append(dst, '}')
}

// parsePlaceholder reads the placeholder that begins at b[i]: an object of
// exactly the two members, in either order. end is the index behind it.
func parsePlaceholder(b []byte, i int) (num, end int, ok bool) {
	if rest, found := bytes.CutPrefix(b[i:], []byte(placeholderHead)); found {
		if num, n := placeholderNum(rest); n > 0 && n < len(rest) && rest[n] == '}' {
			return num, i + len(placeholderHead) + n + 1, true
		}
	}
	s := scanner{b: b}
	if s.at(i) != '{' {
		return 0, 0, false
	}
	flag, numbered := false, false
	end = i + 1
	for member := range 2 {
		i = s.space(end)
		switch rest := b[i:]; {
		case bytes.HasPrefix(rest, []byte(placeholderKey)) && !flag:
			i = s.literal(s.colon(i+len(placeholderKey)), "true")
			flag = true
		case bytes.HasPrefix(rest, []byte(`"num"`)) && !numbered:
			i = s.colon(i + len(`"num"`))
			var digits int
			num, digits = placeholderNum(b[i:])
			i += digits
			numbered = digits > 0
		default:
			return 0, 0, false
		}
		i = s.space(i)
		if s.err != nil || s.at(i) != ",}"[member] {
			return 0, 0, false
		}
		end = i + 1
	}
	return num, end, flag && numbered
}

// colon returns the index of the value behind the colon that follows at i.
func (s *scanner) colon(i int) int {
	i = s.space(i)
	if s.at(i) != ':' {
		return s.fail(i, ErrSyntax)
	}
	return s.space(i + 1)
}

// placeholderNum reads the digits that b begins with and returns their number;
// n is 0 if they are not a JSON number of at most nine digits.
func placeholderNum(b []byte) (num, n int) {
	for n < len(b) && isDigit(b[n]) {
		if n == 9 {
			return 0, 0
		}
		num = num*10 + int(b[n]-'0')
		n++
	}
	if n > 1 && b[0] == '0' {
		return 0, 0
	}
	return num, n
}

// isPlaceholderKey reports whether the string with its quotes is _placeholder,
// however it is escaped.
func isPlaceholderKey(quoted []byte) bool {
	if string(quoted) == placeholderKey {
		return true
	}
	return bytes.IndexByte(quoted, '\\') >= 0 && unquote(quoted) == placeholderKey[1:len(placeholderKey)-1]
}
