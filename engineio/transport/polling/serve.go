package polling

import (
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/sockeye-io/sockeye/engineio/transport"
)

// Poll serves a GET: it waits for packets and answers with them.
func (t *Transport) Poll(w http.ResponseWriter, r *http.Request) {
	wake, probing, ok := t.open()
	if !ok {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	control := withoutDeadlines(w)
	var hold <-chan time.Time
	if probing {
		timer := time.NewTimer(noopInterval)
		defer timer.Stop()
		hold = timer.C
	}
	for held := false; ; {
		if b := t.next(held); b.data != nil {
			if err := t.answer(w, r, control, b); err != nil {
				t.lose(transport.Close{Reason: transport.ReasonTransportError, Err: errors.Join(ErrPollAborted, err)})
			}
			return
		}
		select {
		case <-wake:
		case <-hold:
			held = true
		case <-r.Context().Done():
			t.abandon()
			return
		}
	}
}

// open registers a GET and tells whether an upgrade is under way. A second GET
// ends the session.
func (t *Transport) open() (wake chan struct{}, probing, ok bool) {
	t.mu.Lock()
	if t.poll != nil {
		t.mu.Unlock()
		t.lose(transport.Close{Reason: transport.ReasonTransportError, Err: ErrOverlappingPoll})
		return nil, false, false
	}
	defer t.mu.Unlock()
	if t.ended && t.final == "" {
		return nil, false, false
	}
	t.poll = make(chan struct{}, 1)
	if !t.probing {
		t.queue.SetStalled(t, false)
	}
	return t.poll, t.probing, true
}

// next returns what the open GET is to be answered with and closes it, or
// nothing if it has to wait. Held tells that it has waited for noopInterval.
func (t *Transport) next(held bool) body {
	t.mu.Lock()
	defer t.mu.Unlock()
	var b body
	switch {
	case t.ended:
		b, t.final = t.single(t.final), ""
	default:
		b = t.takeLocked()
		switch {
		case b.data != nil:
		case t.linger != nil && t.queue.Finished():
			b = t.single(packetClose)
			t.endLocked()
		case t.probing && (held || !t.released):
			b, t.released = t.single(packetNoop), true
		default:
			return body{}
		}
	}
	t.poll = nil
	t.queue.SetStalled(t, true)
	return b
}

// abandon ends the session because its poll went away unanswered.
func (t *Transport) abandon() {
	t.mu.Lock()
	t.poll = nil
	ended := t.ended
	t.mu.Unlock()
	if !ended {
		t.lose(transport.Close{Reason: transport.ReasonTransportError, Err: ErrPollAborted})
	}
}

// withoutDeadlines frees a request from the deadlines that the application's
// server has set on all: a poll waits on purpose, and so does a POST that is held
// while the session is paused, and a body may take its time. Over HTTP/1 a
// deadline counts when something is read or written; over HTTP/2 it ends the
// stream. To a request without deadlines it does nothing.
func withoutDeadlines(w http.ResponseWriter) *http.ResponseController {
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Time{})
	_ = control.SetWriteDeadline(time.Time{})
	return control
}

// answer writes a payload and sees to it that it has left. A client that takes
// nothing for writeStall does not hold the goroutine longer.
func (t *Transport) answer(w http.ResponseWriter, r *http.Request, control *http.ResponseController, b body) error {
	h := w.Header()
	data, contentType := t.dress(b)
	if t.cfg.Compress != nil {
		data = t.cfg.Compress(h, r, data)
	}
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(data)))
	h.Set("Cache-Control", "no-store")
	for piece := range slices.Chunk(data, writePiece) {
		_ = control.SetWriteDeadline(time.Now().Add(writeStall))
		if _, err := w.Write(piece); err != nil {
			return err
		}
	}
	if err := control.Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	return nil
}

// Post serves a POST: it delivers the packets of the body. The answer does not
// wait for their handlers, but it does wait while the session is paused. The
// body may take as long as the session lasts: no pong can come meanwhile.
func (t *Transport) Post(w http.ResponseWriter, r *http.Request) {
	if !t.beginPost(withoutDeadlines(w)) {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	defer t.endPost()
	if isBinary(r) && !t.takesBinary() {
		t.refuse(w, http.StatusBadRequest, transport.ReasonTransportError, ErrBinaryPost)
		return
	}
	data, err := t.read(w, r)
	t.endRead()
	switch {
	case errors.Is(err, transport.ErrMessageTooLarge):
		w.Header().Set("Connection", "close")
		t.refuse(w, http.StatusRequestEntityTooLarge, transport.ReasonTransportError, err)
		return
	case err != nil:
		t.refuse(w, http.StatusBadRequest, transport.ReasonTransportError, errors.Join(ErrPostAborted, err))
		return
	}
	if err := t.deliver(r, data); err != nil {
		end := transport.EndOf(err)
		if end.Reason != transport.ReasonTransportClose {
			t.refuse(w, http.StatusBadRequest, end.Reason, end.Err)
			return
		}
		t.end(packetNoop)
		t.lose(end)
	}
	if !t.awaitResume(r) {
		return
	}
	h := w.Header()
	// text/html keeps old browsers from offering a download, as the reference
	// server does.
	h.Set("Content-Type", "text/html")
	h.Set("Content-Length", "2")
	h.Set("Cache-Control", "no-store")
	_, _ = io.WriteString(w, "ok") // a client that is gone is seen by its poll
}

// beginPost registers a POST. A second one ends the session.
func (t *Transport) beginPost(control *http.ResponseController) bool {
	t.mu.Lock()
	if t.posting {
		t.mu.Unlock()
		t.lose(transport.Close{Reason: transport.ReasonTransportError, Err: ErrOverlappingPost})
		return false
	}
	defer t.mu.Unlock()
	if t.ended {
		return false
	}
	t.posting, t.reading = true, control
	return true
}

// endRead tells that the body of the POST has been read.
func (t *Transport) endRead() {
	t.mu.Lock()
	t.reading = nil
	t.mu.Unlock()
}

// endPost lets the next POST in.
func (t *Transport) endPost() {
	t.mu.Lock()
	t.posting, t.reading = false, nil
	t.mu.Unlock()
}

// refuse answers with a status and ends the session.
func (t *Transport) refuse(w http.ResponseWriter, status int, reason transport.Reason, err error) {
	w.WriteHeader(status)
	t.lose(transport.Close{Reason: reason, Err: err})
}

// read returns the body of a POST. Memory grows with what arrives.
func (t *Transport) read(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	limit := int64(t.cfg.MaxPayload)
	if r.ContentLength > limit {
		return nil, transport.ErrMessageTooLarge
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return nil, transport.ErrMessageTooLarge
	}
	return body, err
}

// deliver hands the packets of a payload to the session. Those before a
// malformed one are delivered.
func (t *Transport) deliver(r *http.Request, data []byte) error {
	packets, err := t.packets(r, data)
	if err != nil {
		return err
	}
	defer t.hand()
	for packet, err := range packets {
		if err != nil {
			return err
		}
		if err := t.sink.Packet(packet); err != nil {
			return err
		}
	}
	return nil
}

// awaitResume waits while the session is paused. It reports false if the
// request went away meanwhile.
func (t *Transport) awaitResume(r *http.Request) bool {
	t.mu.Lock()
	paused := t.paused
	t.mu.Unlock()
	if paused == nil {
		return true
	}
	select {
	case <-paused:
		return true
	case <-r.Context().Done():
		return false
	}
}
