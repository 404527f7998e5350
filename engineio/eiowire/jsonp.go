package eiowire

import (
	"bytes"
	"errors"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// ErrForm tells that the body of a POST in JSONP has no field d.
var ErrForm = errors.New("form without the field d")

// JSONPIndex returns what of the query parameter j names the callback: its
// digits. All else is dropped, as it would run as a script.
func JSONPIndex(j string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, j)
}

// AppendJSONP appends a script to dst that hands a payload, as text, to the
// callback with an index from JSONPIndex. The payload stands in it as a string
// that JSON and JavaScript read alike, engines older than ECMAScript 2019
// included. What is not UTF-8 is replaced as by ValidUTF8.
func AppendJSONP(dst []byte, index string, payload []byte) []byte {
	dst = append(dst, "___eio["...)
	dst = append(dst, index...)
	dst = append(dst, "]("...)
	at := len(dst)
	dst, _ = jsontext.AppendQuote(dst, ValidUTF8(payload)) // fails for what is not UTF-8 only
	dst = escapeSeparators(dst, at)
	return append(dst, ");"...)
}

// escapeSeparators escapes the two characters that JSON allows in a string and
// old JavaScript does not, from at on: U+2028 and U+2029.
func escapeSeparators(text []byte, at int) []byte {
	separators := [...]struct{ char, escape string }{{"\u2028", `\u2028`}, {"\u2029", `\u2029`}}
	for _, s := range separators {
		if bytes.Contains(text[at:], []byte(s.char)) {
			text = append(text[:at], bytes.ReplaceAll(text[at:], []byte(s.char), []byte(s.escape))...)
		}
	}
	return text
}

// JSONPBody returns the payload in the body of a POST in JSONP, a form
// (application/x-www-form-urlencoded) with the payload as its field d. Clients
// write a newline as \n there, and what was \n before as \\n, because old
// browsers changed newlines. The payload overwrites body. The error is a
// *ParseError with ErrForm.
func JSONPBody(body []byte) ([]byte, error) {
	for len(body) > 0 {
		field := body
		if end := bytes.IndexByte(body, '&'); end >= 0 {
			field, body = body[:end:end], body[end+1:]
		} else {
			body = nil
		}
		if value, ok := bytes.CutPrefix(field, []byte("d=")); ok {
			return newlines(unescapeForm(value)), nil
		}
	}
	return nil, &ParseError{Err: ErrForm}
}

// unescapeForm decodes the value of a field in place. A % that no two
// hexadecimal digits follow stands for itself.
func unescapeForm(b []byte) []byte {
	out := b[:0]
	for i := 0; i < len(b); i++ {
		switch {
		case b[i] == '+':
			out = append(out, ' ')
		case b[i] == '%' && i+2 < len(b) && isHex(b[i+1]) && isHex(b[i+2]):
			out = append(out, unhex(b[i+1])<<4|unhex(b[i+2]))
			i += 2
		default:
			out = append(out, b[i])
		}
	}
	return out
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f'
}

func unhex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c&^0x20 - 'A' + 10
}

// newlines undoes in place what clients do to newlines: \n is one, and of more
// backslashes in front of an n one goes.
func newlines(b []byte) []byte {
	out := b[:0]
	slashes := 0 // in front of the byte, in out too
	for _, c := range b {
		switch {
		case c == '\\':
			slashes++
			out = append(out, c)
			continue
		case c == 'n' && slashes == 1:
			out[len(out)-1] = '\n'
		case c == 'n' && slashes > 1:
			out[len(out)-1] = c
		default:
			out = append(out, c)
		}
		slashes = 0
	}
	return out
}
