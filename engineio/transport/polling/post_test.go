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

func TestPostDeliversInOrder(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		a := r.expect(r.post("4a\x1ebAQID\x1e3\x1e4b"), 200, "ok")
		equal(t, "Content-Type", a.header.Get("Content-Type"), "text/html")
		equal(t, "Content-Length", a.header.Get("Content-Length"), "2")
		equal(t, "Cache-Control", a.header.Get("Cache-Control"), "no-store")
		r.expect(r.post("4c"), 200, "ok")
		equal(t, "history", r.rec.History(), []string{"4a", "[\x01\x02\x03]", "3", "4b", "turn", "4c", "turn"})
	})
}

func TestPostIsAnsweredWhileItsHandlersRun(t *testing.T) {
	release := make(map[*rig]chan struct{})
	bubble(t, func(r *rig, _ *polling.Config) {
		release[r] = make(chan struct{})
		r.rec.OnTurn = func(*transport.Turn) { <-release[r] }
	}, func(t *testing.T, r *rig) {
		r.expect(r.post("4a"), 200, "ok")
		r.expect(r.post("4b"), 200, "ok")
		equal(t, "packets", r.rec.Packets(), []string{"4a", "4b"})
		close(release[r])
		r.expect(r.post("4c"), 200, "ok")
		synctest.Wait()
		equal(t, "packets", r.rec.Packets(), []string{"4a", "4b", "4c"})
		equal(t, "goroutines", r.group.Len(), 0)
	})
}

// refusals are POSTs that end the session.
var refusals = []struct {
	rule      string
	body      string
	header    []string
	status    int
	delivered []string
	reason    transport.Reason
	err       error
}{
	{
		"binary content", "4a",
		[]string{"Content-Type", "application/octet-stream"},
		400, nil, transport.ReasonTransportError, polling.ErrBinaryPost,
	},
	{
		"a body one byte too long", "4" + strings.Repeat("x", maxPayload), nil,
		413, nil, transport.ReasonTransportError, transport.ErrMessageTooLarge,
	},
	{"an empty body", "", nil, 400, nil, transport.ReasonParseError, eiowire.ErrEmpty},
	{
		"a malformed packet, of whom what precedes it is delivered", "4a\x1e4b\x1ex\x1e4c", nil,
		400,
		[]string{"4a", "4b"},
		transport.ReasonParseError, eiowire.ErrType,
	},
	{
		"a separator at the end", "4a\x1e", nil,
		400,
		[]string{"4a"},
		transport.ReasonParseError, eiowire.ErrEmpty,
	},
}

func TestPostThatIsRefused(t *testing.T) {
	t.Parallel()
	for _, test := range refusals {
		t.Run(test.rule, func(t *testing.T) {
			bubble(t, nil, func(t *testing.T, r *rig) {
				got := r.get()
				r.expect(r.do(t.Context(), http.MethodPost, strings.NewReader(test.body), test.header...), test.status, "")
				r.ended(test.reason, test.err)
				r.expect(got, 200, "1")
				equal(t, "packets", r.rec.Packets(), test.delivered)
				r.expect(r.post("4late"), 400, "")
			})
		})
	}
}

func TestLongestBodyIsTaken(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		body := "4" + strings.Repeat("x", maxPayload-1)
		r.expect(r.post(body), 200, "ok")
		r.expect(r.do(t.Context(), http.MethodPost, io.MultiReader(strings.NewReader(body))), 200, "ok") // in chunks
		equal(t, "packets", r.rec.Packets(), []string{body, body})
	})
}

func TestBodyInChunksThatIsTooLong(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		body, more := io.Pipe()
		got := r.do(t.Context(), http.MethodPost, body)
		go func() {
			for { // as much as the server takes
				if _, err := io.WriteString(more, strings.Repeat("x", 100)); err != nil {
					return
				}
			}
		}()
		a := <-got
		if a.err == nil && a.status != 413 { // or the connection was cut under the body
			t.Errorf("answer %+v", a)
		}
		r.ended(transport.ReasonTransportError, transport.ErrMessageTooLarge)
		more.Close()
	})
}

func TestBodyThatIsDeclaredTooLongIsNotRead(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		c, in := r.raw("POST / HTTP/1.1\nHost: a\nContent-Length: 1001\n\n4")
		defer c.Close()
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		equal(t, "status", resp.StatusCode, 413)
		equal(t, "closes", resp.Close, true)
		r.ended(transport.ReasonTransportError, transport.ErrMessageTooLarge)
	})
}

func TestSecondPostEndsTheSession(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		c, in := r.raw("POST / HTTP/1.1\nHost: a\nContent-Length: 10\n\n4")
		defer c.Close()
		r.expect(r.post("4b"), 400, "")
		r.ended(transport.ReasonTransportError, polling.ErrOverlappingPost)
		// The first one is not waited for any more.
		start := time.Now()
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		equal(t, "status", resp.StatusCode, 400)
		equal(t, "time until the first was answered", time.Since(start), 0)
		equal(t, "packets", r.rec.Packets(), []string{})
	})
}

func TestAbortedPostEndsTheSession(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		got := r.get()
		c, _ := r.raw("POST / HTTP/1.1\nHost: a\nContent-Length: 10\n\n4half")
		r.alive()
		c.Close()
		r.ended(transport.ReasonTransportError, polling.ErrPostAborted)
		equal(t, "packets", r.rec.Packets(), []string{})
		r.expect(got, 200, "1")
	})
}

func TestBodyThatDoesNotComeEndsWithTheSession(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule string
		end  func(r *rig)
	}{
		{"closed", func(r *rig) { r.tr.Close() }},
		{"finished", func(r *rig) { <-r.tr.Finish() }},
		{"upgraded", func(r *rig) { r.tr.Discard() }},
	} {
		t.Run(test.rule, func(t *testing.T) {
			bubble(t, nil, func(t *testing.T, r *rig) {
				c, in := r.raw("POST / HTTP/1.1\nHost: a\nContent-Length: 10\n\n4")
				defer c.Close()
				<-time.After(time.Hour)
				r.alive()
				test.end(r)
				resp, err := http.ReadResponse(in, nil)
				if err != nil {
					t.Fatal(err)
				}
				resp.Body.Close()
				equal(t, "status", resp.StatusCode, 400)
			})
		})
	}
}

func TestPostIsHeldWhilePaused(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.tr.Resume() // nothing to undo
		r.tr.Pause()
		r.tr.Pause()
		held := r.post("4a")
		<-time.After(time.Hour)
		equal(t, "held", open(held), true)
		equal(t, "packets: it has been delivered", r.rec.Packets(), []string{"4a"})
		got := r.get() // the other direction goes on
		r.write("b")
		r.expect(got, 200, "4b")
		r.tr.Resume()
		r.expect(held, 200, "ok")
		r.expect(r.post("4c"), 200, "ok")
	})
}

func TestPostIsNotHeldAfterTheEnd(t *testing.T) {
	bubble(t, func(r *rig, _ *polling.Config) {
		r.rec.OnPacket = func(eiowire.Packet) error {
			r.tr.Close()
			r.tr.Pause()
			return nil
		}
	}, func(t *testing.T, r *rig) {
		r.expect(r.post("4a"), 200, "ok")
	})
}

func TestPostThatIsHeldWhenTheClientGoes(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.tr.Pause()
		c, _ := r.raw("POST / HTTP/1.1\nHost: a\nContent-Length: 2\n\n4a")
		c.Close()
		synctest.Wait()
		r.tr.Resume()
		r.expect(r.post("4b"), 200, "ok") // no POST is open
		equal(t, "packets", r.rec.Packets(), []string{"4a", "4b"})
	})
}

func TestClosePacket(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		got := r.get()
		r.expect(r.post("4a\x1e1\x1e4b"), 200, "ok")
		r.expect(got, 200, "6")
		r.ended(transport.ReasonTransportClose, nil)
		equal(t, "packets", r.rec.Packets(), []string{"4a", "1"})
	})
}

func TestInvalidUTF8IsReplaced(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.expect(r.post("4a\xff\xfeb\x1e4\xf0\x9f\x98\x80\x1e4\xf0\x9f"), 200, "ok")
		equal(t, "packets", r.rec.Packets(), []string{"4a\ufffd\ufffdb", "4\U0001F600", "4\ufffd"})
		r.alive()
	})
}
