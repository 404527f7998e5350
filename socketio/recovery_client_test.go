package socketio_test

import (
	"encoding/json"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sockeye-io/sockeye/socketio"
)

// returner is a client that comes back, as the JavaScript client does: it keeps its
// pid, and the last string argument of any event as its offset.
type returner struct {
	r *rig
	*client

	sid, pid string
	offset   any // a string, or nil before the first event
}

// returner opens a session and joins "/".
func (r *rig) returner() *returner {
	r.t.Helper()
	c := &returner{r: r}
	c.back()
	return c
}

// back opens a new session and comes back with it. It returns the events that came
// before CONNECT, and whether the client has recovered.
func (c *returner) back() (missed []string, recovered bool) {
	c.r.t.Helper()
	c.client = c.r.dial()
	c.ask()
	for {
		text := c.next()
		if body, ok := strings.CutPrefix(text, "0"); ok {
			return missed, c.connected(body)
		}
		missed = append(missed, c.event(text))
	}
}

// ask sends CONNECT.
func (c *returner) ask() {
	c.r.t.Helper()
	if c.pid == "" {
		c.send("0")
		return
	}
	auth := map[string]any{"pid": c.pid}
	if c.offset != nil {
		auth["offset"] = c.offset
	}
	b, err := json.Marshal(auth)
	must(c.r.t, err)
	c.send("0" + string(b))
}

// connected takes the payload of a CONNECT packet.
func (c *returner) connected(body string) (recovered bool) {
	c.r.t.Helper()
	var reply struct{ SID, PID string }
	if err := json.Unmarshal([]byte(body), &reply); err != nil || len(reply.SID) != 20 || len(reply.PID) != 20 || reply.SID == reply.PID {
		c.r.t.Fatalf("got CONNECT with %q, want sid and pid (%v)", body, err)
	}
	recovered = c.pid == reply.PID
	c.sid, c.pid = reply.SID, reply.PID
	return recovered
}

// got reads an event.
func (c *returner) got() string {
	c.r.t.Helper()
	return c.event(c.next())
}

// gets reads events, which must be these.
func (c *returner) gets(want ...string) {
	c.r.t.Helper()
	for _, w := range want {
		if got := c.got(); got != w {
			c.r.t.Fatalf("got %q, want %q", got, w)
		}
	}
}

// event takes an event with its attachments, remembers its offset, and returns it
// without that.
func (c *returner) event(text string) string {
	c.r.t.Helper()
	start := strings.IndexByte(text, '[')
	var args []json.RawMessage
	if start < 1 || json.Unmarshal([]byte(text[start:]), &args) != nil {
		c.r.t.Fatalf("got %q, want an event", text)
	}
	if strings.HasPrefix(text, "51-") {
		if m := c.receive(); !m.binary {
			c.r.t.Fatalf("got %+v, want an attachment", m)
		}
	}
	var offset string
	if json.Unmarshal(args[len(args)-1], &offset) != nil || len(offset) != socketio.OffsetSize {
		c.r.t.Fatalf("got %q, want an offset behind the arguments", text)
	}
	c.offset = offset
	return strings.TrimSuffix(text, `,"`+offset+`"]`) + "]"
}

// drop ends the client's connection and has the server notice.
func (c *returner) drop() {
	c.r.t.Helper()
	c.leave()
	synctest.Wait()
}

// recovers comes back, which must succeed with these events.
func (c *returner) recovers(want ...string) {
	c.r.t.Helper()
	missed, recovered := c.back()
	if !recovered {
		c.r.t.Error("not recovered")
	}
	sameList(c.r.t, "missed", missed, want)
	if s := c.r.srv.Socket(c.sid); s == nil || !s.Recovered() || s.RecoveryRefusal() != "" {
		c.r.t.Error("the server's socket does not say that it has recovered")
	}
}

// refused comes back, which must fail for that reason.
func (c *returner) refused(why socketio.RecoveryRefusal) {
	c.r.t.Helper()
	sid, pid := c.sid, c.pid
	if missed, recovered := c.back(); recovered || len(missed) > 0 || c.sid == sid || c.pid == pid {
		c.r.t.Errorf("recovered: %v with %q, pid %q before and %q now", recovered, missed, pid, c.pid)
	}
	if s := c.r.srv.Socket(c.sid); s == nil || s.Recovered() || s.RecoveryRefusal() != why {
		c.r.t.Errorf("the server's socket says %q, want %q", s.RecoveryRefusal(), why)
	}
}

// after lets time pass.
func after(d time.Duration) { <-time.After(d) }

func sameList(t testing.TB, what string, got, want []string) {
	t.Helper()
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

// recovering returns options with recovery.
func recovering(r socketio.Recovery) socketio.Options { return socketio.Options{Recovery: &r} }

// plainLog returns a logger that writes to w.
func plainLog(w io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(w, nil)) }
