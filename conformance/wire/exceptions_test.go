package wire_test

import (
	"errors"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/sockeye-io/sockeye/socketio/siowire"
)

// exception is a documented difference: text that the reference accepts and ours
// refuses. applies is told apart from the text alone, so that a difference for
// another reason is not excused.
type exception struct {
	rule    string
	applies func(text string) bool
	fault   []error // one of which ours must name
	shown   []string
}

// The parts of a packet's header. What JavaScript takes for white space is the
// class of the last two, and Number reads it as 0.
var (
	whiteSpace = `[\s\x{b}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}\x{feff}]`
	noType     = regexp.MustCompile(`^($|` + whiteSpace + `)`)
	spacedID   = regexp.MustCompile(`^(?s:[0-6]|[56][^-]*-)(/[^,]*,)?[0-9]*` + whiteSpace)
	longID     = regexp.MustCompile(`^(?s:[0-6]|[56][^-]*-)(/[^,]*,)?([0-9]{20,})`)
	oddCount   = regexp.MustCompile(`(?s)^[56]([^-]*)-`)
	digitsOnly = regexp.MustCompile(`^[0-9]+$`)
	plainMark  = regexp.MustCompile(`\{[ \t\r\n]*"_placeholder"[ \t\r\n]*:[ \t\r\n]*true[ \t\r\n]*,[ \t\r\n]*"num"[ \t\r\n]*:[ \t\r\n]*([0-9]+)[ \t\r\n]*\}`)
	otherMark  = regexp.MustCompile(`\{[ \t\r\n]*"num"[ \t\r\n]*:[ \t\r\n]*([0-9]+)[ \t\r\n]*,[ \t\r\n]*"_placeholder"[ \t\r\n]*:[ \t\r\n]*true[ \t\r\n]*\}`)
)

// oddMarks reports whether a binary packet's placeholders are other than one for
// each attachment, in plain spelling.
func oddMarks(text string) bool {
	count := oddCount.FindStringSubmatch(text)
	if count == nil {
		return false
	}
	n, err := strconv.Atoi(count[1])
	if err != nil || n > 10 {
		return false
	}
	used := map[string]bool{}
	for _, mark := range append(plainMark.FindAllStringSubmatch(text, -1), otherMark.FindAllStringSubmatch(text, -1)...) {
		if num, err := strconv.Atoi(mark[1]); err != nil || num >= n || used[mark[1]] || mark[1] != strconv.Itoa(num) {
			return true
		}
		used[mark[1]] = true
	}
	rest := otherMark.ReplaceAllString(plainMark.ReplaceAllString(text, ""), "")
	return len(used) != n || strings.Contains(rest, `_placeholder"`) || strings.Contains(rest, `\u`)
}

var exceptions = []exception{
	{
		"arrays and objects nested more than 512 deep",
		func(text string) bool { return strings.Count(text, "[")+strings.Count(text, "{") > 512 },
		[]error{siowire.ErrDepth},
		[]string{`2["x",` + strings.Repeat("[", 512) + strings.Repeat("]", 513)},
	},
	{
		"white space, or nothing, as the packet type CONNECT",
		noType.MatchString,
		[]error{siowire.ErrEmpty, siowire.ErrType},
		[]string{"", " ", "\u00a0/a,"},
	},
	{
		"white space as, or in, the acknowledgement id",
		spacedID.MatchString,
		[]error{siowire.ErrPayload},
		[]string{`2 ["x"]`, `21 ["x"]`, `2 1 ["x"]`, "0 ", "2\u00a0[\"x\"]", `0/a, {"b":1}`},
	},
	{
		"an acknowledgement id beyond 64 bits",
		longID.MatchString,
		[]error{siowire.ErrID},
		[]string{`218446744073709551616["x"]`, `2` + strings.Repeat("9", 400) + `["x"]`},
	},
	{
		"a number of attachments that is not written in digits",
		func(text string) bool {
			count := oddCount.FindStringSubmatch(text)
			return count != nil && !digitsOnly.MatchString(count[1])
		},
		[]error{siowire.ErrAttachments, siowire.ErrTooManyAttached},
		[]string{`5 1-["x",{"_placeholder":true,"num":0}]`, `50x1-["x",{"_placeholder":true,"num":0}]`, `5+1-["x",{"_placeholder":true,"num":0}]`, `51.0-["x",{"_placeholder":true,"num":0}]`, `51e0-["x",{"_placeholder":true,"num":0}]`},
	},
	{
		"placeholders other than exactly one for each attachment, in plain spelling",
		oddMarks,
		[]error{siowire.ErrPlaceholder},
		[]string{
			`51-`, `51-["x"]`, `51-["x",{"_placeholder":false,"num":0}]`,
			`51-["x",{"_placeholder":true,"num":0},{"_placeholder":true,"num":0}]`, `51-["x",{"_placeholder":true,"num":0.5}]`,
			`51-["x",{"_placeholder":true,"num":0.0}]`, `51-["x",{"_placeholder":true,"num":-0}]`, `51-["x",{"_placeholder":true,"num":0,"more":1}]`,
			`51-["x",{"\u005fplaceholder":true,"num":0}]`, `51-["x",{"_placeholder":true,"_placeholder":true,"num":0}]`,
		},
	},
}

// excuse returns the exception that explains why ours fails on text, if one does.
func excuse(text string, fault error) (exception, bool) {
	for _, e := range exceptions {
		if !e.applies(text) {
			continue
		}
		for _, f := range e.fault {
			if errors.Is(fault, f) {
				return e, true
			}
		}
	}
	return exception{}, false
}

// TestSocketIOParserExceptions shows every documented difference: were one gone
// on either side, its line would have to go too.
func TestSocketIOParserExceptions(t *testing.T) {
	t.Parallel()
	process := start(t)
	var questions []socketDecode
	var rules []exception
	for _, e := range exceptions {
		for _, text := range e.shown {
			questions = append(questions, question([]byte(text), []byte("attachment")))
			rules = append(rules, e)
		}
	}
	for i, theirs := range ask[socketAnswer](t, process, questions) {
		if !strings.HasPrefix(string(*questions[i].Messages[0].Text), "5") { // the attachment is one too many
			theirs.Error = strings.TrimPrefix(theirs.Error, "got binary data when not reconstructing a packet")
		}
		text := string(*questions[i].Messages[0].Text)
		_, fault := decodeSocket(questions[i].Messages)
		if theirs.Error != "" || len(theirs.Packets) != 1 {
			t.Errorf("%s: theirs refuses %q: %s", rules[i].rule, text, theirs.Error)
		}
		if e, ok := excuse(text, fault); !ok || e.rule != rules[i].rule {
			t.Errorf("%s: ours answers %q with %v, excused by %q", rules[i].rule, text, fault, e.rule)
		}
	}
}
