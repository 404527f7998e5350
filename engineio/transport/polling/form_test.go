package polling_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sockeye-io/sockeye/engineio/eiowire"
	"github.com/sockeye-io/sockeye/engineio/transport"
	"github.com/sockeye-io/sockeye/engineio/transport/polling"
)

// speak makes the transport one for a client of another form.
func (r *rig) speak(form polling.Form) {
	r.tr.Speak(form)
	if form.V3 {
		r.queue.Speak(transport.DialectV3)
	}
	if form.JSONP {
		r.queue.Speak(transport.DialectV3Text)
	}
}

func TestFormOfAnswers(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule        string
		form        polling.Form
		first, rest string // the OPEN packet, then two messages, one of them binary
		contentType string
		noop, close string
	}{
		{
			"version 3",
			polling.Form{V3: true},
			"2:0x", "\x00\x02\xff4a\x00\x02\xff4b\x01\x02\xff\x04\x01", "application/octet-stream", "1:6", "1:1",
		},
		{
			"version 3 in JSONP",
			polling.Form{V3: true, JSONP: true, Index: "7"},
			`___eio[7]("2:0x");`, `___eio[7]("2:4a2:4b6:b4AQ==");`, "text/plain; charset=UTF-8", `___eio[7]("1:6");`, `___eio[7]("1:1");`,
		},
		{
			"JSONP with an index that was none",
			polling.Form{JSONP: true},
			`___eio[]("0x\u001e4a\u001e4b\u001eb4AQ==");`, "", "", `___eio[]("6");`, `___eio[]("1");`,
		},
	} {
		t.Run(test.rule, func(t *testing.T) {
			bubble(t, nil, func(t *testing.T, r *rig) {
				r.speak(test.form)
				if err := r.queue.WriteMessage(transport.NewPacket([]byte("0x")), false); err != nil {
					t.Fatal(err)
				}
				r.write("a")
				r.write("b", []byte{1})
				equal(t, "Content-Type", r.expect(r.get(), 200, test.first).header.Get("Content-Type"), "text/plain; charset=UTF-8")
				if test.rest != "" {
					equal(t, "Content-Type", r.expect(r.get(), 200, test.rest).header.Get("Content-Type"), test.contentType)
				}
				r.tr.Probe(true)
				r.expect(r.get(), 200, test.noop)
				r.tr.Probe(false)
				r.tr.Finish()
				r.expect(r.get(), 200, test.close)
			})
		})
	}
}

func TestFormOfPosts(t *testing.T) {
	t.Parallel()
	v3, jsonp, both := polling.Form{V3: true}, polling.Form{JSONP: true}, polling.Form{V3: true, JSONP: true}
	bytes := []string{"Content-Type", "application/octet-stream"}
	for _, test := range []struct {
		rule      string
		form      polling.Form
		body      string
		header    []string
		status    int
		delivered []string
		err       error
	}{
		{"version 3", v3, "2:4a6:b4AQ==", nil, 200, []string{"4a", "[\x01]"}, nil},
		{"version 3 as bytes", v3, "\x00\x02\xff4a\x01\x02\xff\x04\x01", bytes, 200, []string{"4a", "[\x01]"}, nil},
		{"what is not UTF-8 is replaced before it is counted", v3, "2:4\xff", nil, 200, []string{"4\ufffd"}, nil},
		{"nothing in it", v3, "0:", nil, 200, nil, nil},
		{"a malformed packet, of whom what precedes it is delivered", v3, "2:4a2:x1:2", nil, 400, []string{"4a"}, eiowire.ErrType},
		{"a malformed length", v3, "2:4a3:4b", nil, 400, []string{"4a"}, eiowire.ErrHeader},
		{"bytes that are text", v3, "2:4a", bytes, 400, nil, eiowire.ErrHeader},
		{"JSONP", jsonp, "d=4a%1e4b", nil, 200, []string{"4a", "4b"}, nil},
		{"JSONP that is not UTF-8", jsonp, "d=4%ff", nil, 200, []string{"4\ufffd"}, nil},
		{"JSONP without the field", jsonp, "4a", nil, 400, nil, eiowire.ErrForm},
		{"JSONP as bytes", jsonp, "d=4a", bytes, 400, nil, polling.ErrBinaryPost},
		{"version 3 in JSONP", both, "d=2:4a3:4%5Cnx", nil, 200, []string{"4a", "4\nx"}, nil},
		{"version 3 in JSONP as bytes", both, "d=2:4a", bytes, 400, nil, polling.ErrBinaryPost},
	} {
		t.Run(test.rule, func(t *testing.T) {
			bubble(t, nil, func(t *testing.T, r *rig) {
				r.speak(test.form)
				body := ""
				if test.status == 200 {
					body = "ok"
				}
				r.expect(r.do(t.Context(), http.MethodPost, strings.NewReader(test.body), test.header...), test.status, body)
				equal(t, "packets", r.rec.Packets(), test.delivered)
				if test.err == nil {
					r.alive()
					return
				}
				reason := transport.ReasonParseError
				if test.err == polling.ErrBinaryPost { //nolint:errorlint // the table's own
					reason = transport.ReasonTransportError
				}
				r.ended(reason, test.err)
			})
		})
	}
}

// TestFirstAnswerWaitsForNothingElse: an answer that carries one packet only
// leaves the others for the next poll, which need not wait.
func TestFirstAnswerWaitsForNothingElse(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.speak(polling.Form{V3: true})
		first := r.get()
		r.write("a")
		r.expect(first, 200, "2:4a")
		r.write("b")
		r.write("c")
		start := time.Now()
		r.expect(r.get(), 200, "2:4b2:4c")
		equal(t, "time waited", time.Since(start), 0)
		late := r.get()
		equal(t, "a poll with nothing to say is open", open(late), true)
		r.queue.WritePacket("3")
		synctest.Wait()
		r.expect(late, 200, "1:3")
	})
}

func TestLongestFormIsTaken(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.speak(polling.Form{JSONP: true})
		text := strings.Repeat("x", maxPayload-3)
		r.expect(r.do(t.Context(), http.MethodPost, io.MultiReader(strings.NewReader("d=4"+text))), 200, "ok")
		equal(t, "packets", r.rec.Packets(), []string{"4" + text})
		r.expect(r.post("d=4x"+text), 413, "") // the body counts, not what it stands for
	})
}
