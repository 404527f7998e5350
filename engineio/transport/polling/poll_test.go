package polling_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-io/sockeye/engineio/transport"
	"github.com/sockeye-io/sockeye/engineio/transport/polling"
)

// is is errors.Is that takes nil for no error at all.
func is(err, target error) bool {
	if target == nil {
		return err == nil
	}
	return errors.Is(err, target)
}

func TestPollIsAnsweredWithWhatIsQueued(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.write("a", []byte{1, 2, 3})
		r.write("b")
		a := r.expect(r.get(), 200, "4a\x1ebAQID\x1e4b")
		equal(t, "Content-Type", a.header.Get("Content-Type"), "text/plain; charset=UTF-8")
		equal(t, "Content-Length", a.header.Get("Content-Length"), "11")
		equal(t, "Cache-Control", a.header.Get("Cache-Control"), "no-store")
		equal(t, "Len", r.queue.Len(), 0)
	})
}

func TestPollWaits(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		got := r.get()
		<-time.After(time.Hour)
		equal(t, "open after an hour", open(got), true)
		equal(t, "goroutines of the server", r.group.Len(), 0)
		r.write("a")
		r.expect(got, 200, "4a")
		got = r.get()
		r.tr.Drain() // woken for nothing
		equal(t, "open", open(got), true)
		r.queue.WritePacket("2")
		r.expect(got, 200, "2")
		r.alive()
	})
}

func TestPollWaitsForTheEndOfATurn(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		got := r.get()
		r.queue.Cork()
		r.write("a")
		r.write("b")
		equal(t, "open", open(got), true)
		r.queue.Uncork()
		r.expect(got, 200, "4a\x1e4b")
	})
}

func TestAnswerIsBounded(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		text := strings.Repeat("x", polling.PayloadLimit/2)
		for range 3 {
			r.write(text)
		}
		for range 3 {
			r.expect(r.get(), 200, "4"+text)
		}
	})
}

func TestSecondGetEndsTheSession(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		first := r.get()
		r.expect(r.get(), 400, "")
		r.expect(first, 200, "1")
		r.ended(transport.ReasonTransportError, polling.ErrOverlappingPoll)
		r.expect(r.get(), 400, "")
	})
}

func TestAbortedGetEndsTheSession(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		ctx, cancel := context.WithCancel(t.Context())
		got := r.do(ctx, http.MethodGet, nil)
		cancel()
		<-got
		r.ended(transport.ReasonTransportError, polling.ErrPollAborted)
		r.write("lost with the session")
	})
}

func TestAnswerThatIsLostEndsTheSession(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		c, _ := r.raw("GET / HTTP/1.1\nHost: a\n\n")
		c.Freeze()                            // the server cannot know yet that the client has gone
		r.write(strings.Repeat("x", 200_000)) // more than fits into the window
		equal(t, "Len: the packets have left the queue", r.queue.Len(), 0)
		r.alive()
		c.Cut()
		r.ended(transport.ReasonTransportError, polling.ErrPollAborted)
	})
}

// lostWriter takes a response and fails to send it, as net/http does when the
// client is gone or a deadline has passed: only Flush tells.
type lostWriter struct {
	http.ResponseWriter
	err error
}

func (w lostWriter) FlushError() error { return w.err }

// plainWriter can do nothing but write.
type plainWriter struct{ http.ResponseWriter }

func TestAnswerThatOnlyFlushKnowsToBeLost(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.write("a")
		request := httptest.NewRequest(http.MethodGet, "/", nil)
		r.tr.Poll(lostWriter{httptest.NewRecorder(), io.ErrClosedPipe}, request)
		r.ended(transport.ReasonTransportError, polling.ErrPollAborted)
		r.ended(transport.ReasonTransportError, io.ErrClosedPipe)
	})
}

func TestWriterWithoutFlushIsTakenAtItsWord(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.write("a")
		recorder := httptest.NewRecorder()
		r.tr.Poll(plainWriter{recorder}, httptest.NewRequest(http.MethodGet, "/", nil))
		equal(t, "body", recorder.Body.String(), "4a")
		r.alive()
	})
}

func TestClientThatDoesNotTakeItsAnswer(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.write(strings.Repeat("x", 1<<20))
		c, in := r.raw("GET / HTTP/1.1\nHost: a\n\n")
		defer c.Close()
		for range 5 { // slow, but alive
			<-time.After(polling.WriteStall - time.Second)
			if _, err := io.ReadFull(in, make([]byte, 70_000)); err != nil {
				t.Fatal(err)
			}
			r.alive()
		}
		<-time.After(polling.WriteStall)
		r.ended(transport.ReasonTransportError, polling.ErrPollAborted)
	})
}

// deadlines are those of an application's server, meant for ordinary requests.
func deadlines(r *rig, _ *polling.Config) {
	r.server.ReadTimeout, r.server.WriteTimeout, r.server.IdleTimeout = 5*time.Second, 10*time.Second, time.Minute
}

func TestPollOutlivesTheServersDeadlines(t *testing.T) {
	bubble(t, deadlines, func(t *testing.T, r *rig) {
		for range 3 {
			got := r.get()
			<-time.After(25 * time.Second)
			r.alive()
			r.write("a")
			r.expect(got, 200, "4a")
		}
	})
}

// HTTP/2 ends a stream when its deadline passes, whether or not it is written to.
func TestRequestsOverHTTP2OutliveTheServersDeadlines(t *testing.T) {
	bubble(t, func(r *rig, cfg *polling.Config) {
		deadlines(r, cfg)
		r.protocols = new(http.Protocols)
		r.protocols.SetUnencryptedHTTP2(true)
	}, func(t *testing.T, r *rig) {
		got := r.get()
		r.tr.Pause()
		held := r.post("4b")
		<-time.After(25 * time.Second)
		r.alive()
		r.write("a")
		a := r.expect(got, 200, "4a")
		equal(t, "protocol", a.proto, "HTTP/2.0")
		r.tr.Resume()
		r.expect(held, 200, "ok")
		got = r.get()
		r.tr.Close()
		r.expect(got, 200, "1")
	})
}

func TestPostThatIsHeldOutlivesTheServersDeadlines(t *testing.T) {
	bubble(t, deadlines, func(t *testing.T, r *rig) {
		r.tr.Pause()
		held := r.post("4b")
		<-time.After(25 * time.Second)
		equal(t, "held", open(held), true)
		r.tr.Resume()
		r.expect(held, 200, "ok")
		r.alive()
	})
}

func TestBodyThatTakesLongOutlivesTheServersDeadlines(t *testing.T) {
	bubble(t, deadlines, func(t *testing.T, r *rig) {
		c, in := r.raw("POST / HTTP/1.1\nHost: a\nContent-Length: 4\n\n4")
		defer c.Close()
		for range 3 { // a slow link
			<-time.After(8 * time.Second)
			if _, err := io.WriteString(c, "x"); err != nil {
				t.Fatal(err)
			}
		}
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		equal(t, "status", resp.StatusCode, 200)
		equal(t, "packets", r.rec.Packets(), []string{"4xxx"})
	})
}

func TestDeadlinesOfOtherRequestsAreLeftAlone(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		inner := r.server.Handler
		r.server.Handler = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if req.URL.Path == "/other" {
				<-time.After(time.Hour)
				_, _ = io.WriteString(w, "late")
				return
			}
			inner.ServeHTTP(w, req)
		})
		r.write("a")
		c, in := r.raw("GET / HTTP/1.1\nHost: a\n\n")
		defer c.Close()
		for _, want := range []string{"4a", "late"} {
			resp, err := http.ReadResponse(in, nil)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if err != nil || string(body) != want {
				t.Errorf("answer %q, %v; want %q", body, err, want)
			}
			if want == "4a" {
				if _, err := io.WriteString(c, "GET /other HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}

func TestProbe(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		got := r.get()
		r.tr.Probe(true)
		r.expect(got, 200, "6")
		start := time.Now()
		for range 3 { // one noop is not enough: the client may ask again
			r.expect(r.get(), 200, "6")
		}
		equal(t, "time that three more polls took", time.Since(start), 3*polling.NoopInterval)
		if err := r.queue.Write([]byte("volatile"), nil, true); err != nil {
			t.Fatal(err)
		}
		r.write("a")
		r.expect(r.get(), 200, "4a")
		r.tr.Probe(false)
		got = r.get()
		<-time.After(time.Hour)
		equal(t, "open when the upgrade has failed", open(got), true)
		r.write("b")
		r.expect(got, 200, "4b")
		r.alive()
	})
}

func TestProbeThatFindsNoPollAnswersTheNextAtOnce(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.tr.Probe(true)
		r.tr.Probe(false)
		got := r.get()
		<-time.After(time.Hour)
		equal(t, "open: the upgrade is over", open(got), true)
		r.write("a")
		r.expect(got, 200, "4a")
	})
}

func TestDiscard(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		got := r.get()
		r.tr.Discard()
		r.expect(got, 200, "6")
		r.write("for the new transport")
		r.expect(r.get(), 400, "")
		r.expect(r.post("4a"), 400, "")
		equal(t, "packets", r.rec.Packets(), []string{})
		r.alive()
	})
}

func TestClose(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		got := r.get()
		r.tr.Close()
		r.expect(got, 200, "1")
		r.expect(r.get(), 400, "")
		r.expect(r.post("4a"), 400, "")
		r.alive() // whoever closes knows
	})
}

func TestCloseIsToldToTheNextGet(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.tr.Close()
		r.tr.Discard()
		r.expect(r.get(), 200, "1")
		r.expect(r.get(), 400, "")
	})
}

func TestFinishDeliversTheRest(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		large := strings.Repeat("x", polling.PayloadLimit)
		r.write("a")
		r.write(large)
		r.write("b")
		gone := r.tr.Finish()
		if r.tr.Finish() != gone {
			t.Error("a second Finish is another")
		}
		r.expect(r.get(), 200, "4a")
		r.expect(r.get(), 200, "4"+large)
		r.expect(r.get(), 200, "4b")
		select {
		case <-gone:
			t.Error("the end before the client has been told")
		default:
		}
		r.expect(r.get(), 200, "1")
		<-gone
		r.expect(r.get(), 400, "")
		r.alive()
	})
}

func TestFinishAnswersAnOpenGet(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		got := r.get()
		gone := r.tr.Finish()
		r.expect(got, 200, "1")
		<-gone
	})
}

func TestFinishGivesUpAClientThatDoesNotPoll(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.write("a")
		start := time.Now()
		<-r.tr.Finish()
		equal(t, "time that Finish took", time.Since(start), closeTimeout)
		r.expect(r.get(), 200, "1")
	})
}

func TestFinishOfAnEndedTransport(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.tr.Close()
		<-r.tr.Finish()
	})
}

// A POST that is held while the session is paused must not be held for ever.
func TestFinishAnswersAPostThatIsHeld(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.tr.Pause()
		held := r.post("4a")
		gone := r.tr.Finish()
		equal(t, "held", open(held), true)
		r.expect(r.get(), 200, "1")
		<-gone
		r.expect(held, 200, "ok")
		r.tr.Pause() // too late to matter
	})
}

func TestPollPacketsAreCounted(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		limited := polling.New(&polling.Config{MaxPayload: maxPayload, CloseTimeout: closeTimeout, Group: r.group}, r.rec, r.queue, 3)
		r.tr = limited
		r.queue.SetDrainer(limited, true)
		r.server.Handler = handler(limited)
		for _, text := range []string{"a", "b", "c", "d"} {
			r.write(text)
		}
		r.expect(r.get(), 200, "4a\x1e4b\x1e4c")
		r.expect(r.get(), 200, "4d")
	})
}
