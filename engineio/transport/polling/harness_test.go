package polling_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sockeye-io/sockeye/engineio/transport"
	"github.com/sockeye-io/sockeye/engineio/transport/polling"
	"github.com/sockeye-io/sockeye/engineio/transport/transporttest"
	"github.com/sockeye-io/sockeye/internal/memnet"
	"github.com/sockeye-io/sockeye/internal/worker"
)

const (
	closeTimeout = 5 * time.Second
	maxPayload   = 1000
)

// rig is a transport behind net/http over a network in memory.
type rig struct {
	t        *testing.T
	group    *worker.Group
	queue    *transport.Queue
	rec      *transporttest.Recorder
	tr       *polling.Transport
	server   *http.Server
	listener *memnet.Listener
	client   *http.Client

	protocols *http.Protocols // nil means HTTP/1
}

// options change what bubble sets up, before it is used.
type options func(r *rig, cfg *polling.Config)

// bubble runs fn in virtual time with a transport. Every request must end with
// it, and every goroutine.
func bubble(t *testing.T, o options, fn func(t *testing.T, r *rig)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &rig{t: t, group: new(worker.Group), queue: new(transport.Queue), rec: new(transporttest.Recorder)}
		r.queue.Init(transport.NewFlusher(r.group), 16<<20)
		r.server = &http.Server{ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)}
		cfg := &polling.Config{MaxPayload: maxPayload, CloseTimeout: closeTimeout, Group: r.group}
		if o != nil {
			o(r, cfg)
		}
		r.start(cfg)
		fn(t, r)
		r.tr.Close()
		r.stop()
		if err := r.group.Wait(t.Context()); err != nil {
			t.Errorf("%d goroutines are left: %v", r.group.Len(), err)
		}
		if ends := r.rec.Ends(); len(ends) > 1 {
			t.Errorf("Lost was called %d times: %v", len(ends), ends)
		}
	})
}

func (r *rig) start(cfg *polling.Config) {
	r.tr = polling.New(cfg, r.rec, r.queue, 0)
	r.queue.SetDrainer(r.tr, true)
	r.server.Handler = handler(r.tr)
	r.listener = memnet.Listen(memnet.Options{})
	r.server.Protocols = r.protocols
	r.client = &http.Client{Transport: &http.Transport{DialContext: r.listener.DialContext, Protocols: r.protocols}}
	go func() { _ = r.server.Serve(r.listener) }()
}

func handler(tr *polling.Transport) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		if req.Method == http.MethodGet {
			tr.Poll(w, req)
		} else {
			tr.Post(w, req)
		}
	}
}

// stop ends the server, which waits for its requests.
func (r *rig) stop() {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := r.server.Shutdown(ctx); err != nil {
		r.t.Errorf("requests are still open: %v", err)
		_ = r.server.Close()
	}
	r.client.CloseIdleConnections()
	_ = r.listener.Close()
}

// answer is a response that has been read, or why there is none.
type answer struct {
	status int
	header http.Header
	body   string
	proto  string
	err    error
}

// do sends a request and returns where its answer will arrive.
func (r *rig) do(ctx context.Context, method string, body io.Reader, header ...string) <-chan answer {
	r.t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, "http://example.test/", body)
	if err != nil {
		r.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	got := make(chan answer, 1)
	go func() {
		resp, err := r.client.Do(req)
		if err != nil {
			got <- answer{err: err}
			return
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		got <- answer{resp.StatusCode, resp.Header, string(b), resp.Proto, err}
	}()
	synctest.Wait()
	return got
}

func (r *rig) get() <-chan answer { return r.do(r.t.Context(), http.MethodGet, nil) }

func (r *rig) post(body string) <-chan answer {
	return r.do(r.t.Context(), http.MethodPost, strings.NewReader(body))
}

// open reports whether an answer has not come yet.
func open(c <-chan answer) bool {
	synctest.Wait()
	return len(c) == 0
}

// expect waits for an answer and checks its status and body.
func (r *rig) expect(c <-chan answer, status int, body string) answer {
	r.t.Helper()
	a := <-c
	if a.err != nil || a.status != status || a.body != body {
		r.t.Errorf("answer %d %.100q, %v; want %d %.100q", a.status, a.body, a.err, status, body)
	}
	synctest.Wait()
	return a
}

// raw dials and writes a request by hand.
func (r *rig) raw(request string) (*memnet.Conn, *bufio.Reader) {
	r.t.Helper()
	c, err := r.listener.Dial(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	if _, err := io.WriteString(c, strings.ReplaceAll(request, "\n", "\r\n")); err != nil {
		r.t.Fatal(err)
	}
	synctest.Wait()
	return c, bufio.NewReader(c)
}

func (r *rig) write(text string, attachments ...[]byte) {
	r.t.Helper()
	if err := r.queue.Write([]byte(text), attachments, false); err != nil {
		r.t.Fatal(err)
	}
	synctest.Wait()
}

// ended checks the end that the session was told.
func (r *rig) ended(reason transport.Reason, err error) {
	r.t.Helper()
	synctest.Wait()
	ends := r.rec.Ends()
	if len(ends) != 1 || ends[0].Reason != reason || !is(ends[0].Err, err) {
		r.t.Errorf("told %+v, want once %q with %v", ends, reason, err)
	}
}

// alive checks that the session has been told no end.
func (r *rig) alive() {
	r.t.Helper()
	synctest.Wait()
	if ends := r.rec.Ends(); len(ends) > 0 {
		r.t.Errorf("the session has ended: %+v", ends)
	}
}

func equal[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if g, w := fmt.Sprint(got), fmt.Sprint(want); g != w {
		t.Errorf("%s: got %.200v, want %.200v", what, g, w)
	}
}
