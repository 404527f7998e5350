package websocket_test

import (
	"bufio"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"

	"github.com/sockeye-io/sockeye/engineio/transport"
	"github.com/sockeye-io/sockeye/engineio/transport/transporttest"
	"github.com/sockeye-io/sockeye/engineio/transport/websocket"
	"github.com/sockeye-io/sockeye/internal/memnet"
	"github.com/sockeye-io/sockeye/internal/worker"
)

const closeTimeout = 5 * time.Second

// rig is a connection over a network in memory, with the client's end of it.
type rig struct {
	t      *testing.T
	group  *worker.Group
	queue  *transport.Queue
	rec    *transporttest.Recorder
	conn   *websocket.Conn
	near   *memnet.Conn
	client *memnet.Conn
	in     *bufio.Reader
}

// bubble runs fn in virtual time with a connection that is not started. The
// connection's goroutines must end with it.
func bubble(t *testing.T, fn func(t *testing.T, r *rig)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &rig{t: t, group: new(worker.Group), queue: new(transport.Queue), rec: new(transporttest.Recorder)}
		r.queue.Init(transport.NewFlusher(r.group), 16<<20)
		r.client, r.near = memnet.Pipe(memnet.Options{})
		r.in = bufio.NewReader(r.client)
		cfg := &websocket.Config{MaxPayload: 1 << 20, CloseTimeout: closeTimeout, Group: r.group}
		r.conn = websocket.New(r.near, cfg, r.rec, r.queue)
		fn(t, r)
		r.conn.Close()
		r.client.Close()
		if err := r.group.Wait(t.Context()); err != nil {
			t.Errorf("%d goroutines are left: %v", r.group.Len(), err)
		}
		r.end()
	})
}

// end returns the end that the session was told, or a zero Close if none.
func (r *rig) end() transport.Close {
	r.t.Helper()
	switch ends := r.rec.Ends(); len(ends) {
	case 0:
		return transport.Close{}
	case 1:
		return ends[0]
	default:
		r.t.Errorf("Lost was called %d times: %v", len(ends), ends)
		return ends[0]
	}
}

// open attaches the connection and starts it.
func (r *rig) open() {
	r.t.Helper()
	r.conn.Attach(r.rec)
	if !r.conn.Start() {
		r.t.Fatal("Start failed")
	}
	synctest.Wait()
}

// send writes bytes as the client.
func (r *rig) send(list ...[]byte) {
	r.t.Helper()
	if _, err := r.client.Write(frames(list...)); err != nil {
		r.t.Fatalf("client: %v", err)
	}
	synctest.Wait()
}

// next reads a frame as the client and renders it: first byte and payload.
func (r *rig) next() string {
	r.t.Helper()
	f, err := ws.ReadFrame(r.in)
	if err != nil {
		r.t.Fatalf("client, reading a frame: %v", err)
	}
	if f.Header.Masked || f.Header.Rsv != 0 || !f.Header.Fin {
		r.t.Fatalf("client: frame %+v", f.Header)
	}
	return string(rune('0'+f.Header.OpCode)) + string(f.Payload)
}

// eof expects the end of the stream.
func (r *rig) eof() {
	r.t.Helper()
	if b, err := r.in.ReadByte(); err != io.EOF {
		r.t.Errorf("client: read %#x, %v; want the end", b, err)
	}
}

// closed expects that the connection is gone for good: the client's writes fail.
func (r *rig) closed() {
	r.t.Helper()
	synctest.Wait()
	if _, err := r.client.Write([]byte{0}); err == nil {
		r.t.Error("the connection is still open")
	}
	equal(r.t, "goroutines", r.group.Len(), 0)
}

func (r *rig) write(text string) {
	r.t.Helper()
	if err := r.queue.Write([]byte(text), nil, false); err != nil {
		r.t.Fatal(err)
	}
}
