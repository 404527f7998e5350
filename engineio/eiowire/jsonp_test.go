package eiowire_test

import (
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/sockeye-io/sockeye/engineio/eiowire"
)

func TestJSONPIndex(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ rule, j, want string }{
		{"digits stay", "12", "12"},
		{"all else goes", "1](alert(2));//", "12"},
		{"other scripts' digits go", "٣7", "7"},
		{"nothing may be left", "abc", ""},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			if got := eiowire.JSONPIndex(test.j); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestAppendJSONP(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ rule, payload, want string }{
		{"a script that calls the page", "1:2", `___eio[3]("1:2");`},
		{"quotes and backslashes are escaped", `42["a\"b"]`, `___eio[3]("42[\"a\\\"b\"]");`},
		{"control characters are escaped", "4a\x1e4\n\x00", `___eio[3]("4a\u001e4\n\u0000");`},
		{"so are the separators that end a line of JavaScript", "\u2028a\u2029\u2028", `___eio[3]("\u2028a\u2029\u2028");`},
		{"a backslash before one of them stays one", "\\\u2028", `___eio[3]("\\\u2028");`},
		{"all else is as it is", "€😀/'<", `___eio[3]("€😀/'<");`},
		{"what is not UTF-8 is replaced", "\xe2\x80", `___eio[3]("` + "\ufffd" + `");`},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			if got := string(eiowire.AppendJSONP(nil, "3", []byte(test.payload))); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestJSONPBody(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule, body, want string
		err              error
	}{
		{"the field d", "d=4%3A4abc", "4:4abc", nil},
		{"among others", "a=1&d=1%3A2&b=2", "1:2", nil},
		{"the first counts", "d=a&d=b", "a", nil},
		{"it may be empty", "d=", "", nil},
		{"a plus is a space", "d=a+b%2B", "a b+", nil},
		{"hexadecimal digits of either case", "d=%e2%82%AC", "€", nil},
		{"a percent sign alone is one", "d=%%4%zz%41%", "%%4%zzA%", nil},
		{"backslash n is a newline", `d=a\nb`, "a\nb", nil},
		{"two backslashes and n are one and n", `d=a\\nb`, `a\nb`, nil},
		{"of more backslashes one goes", `d=a\\\\nb`, `a\\\nb`, nil},
		{"backslashes elsewhere stay", `d=\\\"n\\`, `\\\"n\\`, nil},
		{"each newline counts", `d=\n\n\\n\nn`, "\n\n\\n\nn", nil},
		{"no field d", "e=1", "", eiowire.ErrForm},
		{"a field that only begins like it", "dd=1", "", eiowire.ErrForm},
		{"nothing", "", "", eiowire.ErrForm},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			got, err := eiowire.JSONPBody([]byte(test.body))
			if !errors.Is(err, test.err) || string(got) != test.want {
				t.Errorf("got %q, %v; want %q, %v", got, err, test.want, test.err)
			}
		})
	}
}

// formOf writes a payload as browsers' clients do.
func formOf(payload string) string {
	payload = strings.ReplaceAll(payload, `\n`, "\\\n")
	payload = strings.ReplaceAll(payload, "\n", `\n`)
	return "d=" + url.QueryEscape(payload)
}

// FuzzJSONP checks that a payload survives both directions.
func FuzzJSONP(f *testing.F) {
	for _, seed := range []string{"", "1:2", `42["a\"b\n\\n"]`, "\n\\n\\\\n\\\n", "\u2028\u2029", "\x00\x1e\xff", "€😀", "%41+&d=", `\`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, payload string) {
		valid := string(eiowire.ValidUTF8([]byte(payload)))
		script := string(eiowire.AppendJSONP([]byte("x"), "0", []byte(payload)))
		quoted := strings.TrimSuffix(strings.TrimPrefix(script, "x___eio[0]("), ");")
		var read string
		if err := json.Unmarshal([]byte(quoted), &read); err != nil || read != valid {
			t.Fatalf("%q is read as %q, want %q, %v", script, read, valid, err)
		}
		if strings.ContainsAny(script, "\n\r\u2028\u2029") {
			t.Fatalf("%q has more than one line", script)
		}
		// A backslash before a newline is written as what was \n before: JSON has neither.
		if got, err := eiowire.JSONPBody([]byte(formOf(payload))); !strings.Contains(payload, "\\\n") && (err != nil || string(got) != payload) {
			t.Fatalf("JSONPBody(%q) = %q, %v, want %q", formOf(payload), got, err, payload)
		}
		if got, _ := eiowire.JSONPBody([]byte("d=" + payload)); len(got) > len(payload) {
			t.Fatalf("JSONPBody makes %d bytes of %d", len(got), len(payload))
		}
	})
}
