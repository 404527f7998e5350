//go:build linux

package load

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httputil"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// poller is one client of the mode Polling. It belongs to its goroutine but for
// what units and window say.
type poller struct {
	cfg   Config
	ring  *ring
	fleet *fleet

	conn net.Conn
	in   *bufio.Reader
	out  []byte
	sid  string
	next uint32
	pong bool // a ping is to be answered with the next POST

	times histogram // of the messages answered in the window
}

// fleet is what the clients of a run share.
type fleet struct {
	units   atomic.Int64
	joined  atomic.Int64
	counted atomic.Bool // the window is open: times are kept
	stopped atomic.Bool // send nothing more
}

// runPolling carries out the mode Polling: a goroutine per client, for all of which it waits.
func runPolling(ctx context.Context, cfg Config, r *Result) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var (
		f       fleet
		clients = make([]*poller, cfg.Conns)
		wait    sync.WaitGroup
		ring    = newRing("echo", true, "", cfg.Payload)
	)
	for i := range clients {
		p := &poller{cfg: cfg, ring: ring, fleet: &f, next: uint32(i*13) % ringSize}
		clients[i] = p
		wait.Go(func() {
			if err := p.run(ctx); err != nil {
				cancel(err)
			}
		})
	}
	err := f.measure(ctx, cfg, clients, &wait, r)
	cancel(err)
	wait.Wait()
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	return err
}

// measure opens and closes the window around the running clients and waits for them to finish.
func (f *fleet) measure(ctx context.Context, cfg Config, clients []*poller, wait *sync.WaitGroup, r *Result) error {
	pause := func(d time.Duration) error {
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-t.C:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	for end := time.Now().Add(cfg.Patience); f.joined.Load() < int64(cfg.Conns); {
		if time.Now().After(end) {
			return fmt.Errorf("%d of %d clients joined in %v", f.joined.Load(), cfg.Conns, cfg.Patience)
		}
		if err := pause(5 * time.Millisecond); err != nil {
			return err
		}
	}
	if err := pause(cfg.Warmup); err != nil {
		return err
	}
	m := meter{pid: cfg.PID}
	f.counted.Store(true)
	if err := m.open(f.units.Load()); err != nil {
		return err
	}
	if err := pause(cfg.Duration); err != nil {
		return err
	}
	units := f.units.Load()
	f.counted.Store(false)
	if err := m.close(units, &histogram{}, r); err != nil {
		return err
	}
	f.stopped.Store(true)
	wait.Wait()
	var all histogram
	for _, p := range clients {
		all.merge(&p.times)
	}
	r.Verified = f.units.Load()
	r.P50, r.P99 = all.quantile(0.50), all.quantile(0.99)
	if cfg.PID != 0 {
		var err error
		if r.RSSAfter, err = processRSS(cfg.PID); err != nil {
			return err
		}
	}
	if r.Units == 0 {
		return fmt.Errorf("nothing was answered in %v", cfg.Duration)
	}
	return nil
}

// run connects and repeats the round trip until the fleet is stopped.
func (p *poller) run(ctx context.Context) error {
	dialer := net.Dialer{Timeout: p.cfg.Patience}
	conn, err := dialer.DialContext(ctx, "tcp4", p.cfg.Addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	p.conn, p.in = conn, bufio.NewReaderSize(conn, 32<<10)
	if err := p.join(); err != nil {
		return err
	}
	p.fleet.joined.Add(1)
	for !p.fleet.stopped.Load() {
		if err := p.trip(); err != nil {
			if cause := context.Cause(ctx); cause != nil {
				return cause
			}
			return err
		}
	}
	// Say goodbye: nothing else tells the server that a polling client has gone.
	return p.post([]byte("1"))
}

// join performs the Engine.IO handshake and the Socket.IO CONNECT.
func (p *poller) join() error {
	open, err := p.request("GET", nil)
	if err != nil {
		return err
	}
	rest, ok := bytes.CutPrefix(open, []byte(`0{"sid":"`))
	sid, _, found := bytes.Cut(rest, []byte(`"`))
	if !ok || !found {
		return fmt.Errorf("unexpected open packet %.200q", open)
	}
	p.sid = string(sid)
	if err := p.post([]byte("40")); err != nil {
		return err
	}
	answer, err := p.get()
	if err == nil && !bytes.HasPrefix(answer, []byte(`40{"sid":"`)) {
		err = fmt.Errorf("unexpected answer to CONNECT %.200q", answer)
	}
	return err
}

// trip is one unit: an echo sent with a POST, its answer fetched with a GET.
func (p *poller) trip() error {
	began := time.Now()
	i := p.next
	p.next = (p.next + 1) % ringSize
	if err := p.post(p.ring.packets[i]); err != nil {
		return err
	}
	answer, err := p.get()
	if err != nil {
		return err
	}
	got, err := p.ring.index(answer)
	if err != nil {
		return err
	}
	if got != i {
		return fmt.Errorf("answer %d, to message %d", firstID+got, firstID+i)
	}
	p.fleet.units.Add(1)
	if p.fleet.counted.Load() {
		p.times.add(time.Since(began))
	}
	return nil
}

// post sends one packet, behind the answer to a ping if there was one.
func (p *poller) post(packet []byte) error {
	body := packet
	if p.pong {
		p.pong = false
		body = append([]byte("3\x1e"), packet...)
	}
	answer, err := p.request("POST", body)
	if err == nil && string(answer) != "ok" {
		err = fmt.Errorf("POST was answered %.200q", answer)
	}
	return err
}

// get fetches packets until one of them is not a ping, which must be the only one.
func (p *poller) get() ([]byte, error) {
	for {
		body, err := p.request("GET", nil)
		if err != nil {
			return nil, err
		}
		var answer []byte
		for packet := range bytes.SplitSeq(body, []byte{0x1e}) {
			switch {
			case string(packet) == "2":
				p.pong = true
			case answer == nil:
				answer = packet
			default:
				return nil, fmt.Errorf("more than was asked for: %.400q", body)
			}
		}
		if answer != nil {
			return answer, nil
		}
	}
}

// request performs one HTTP request on the kept-alive connection. The body that
// it returns is the caller's.
func (p *poller) request(method string, body []byte) ([]byte, error) {
	b := append(p.out[:0], method...)
	b = append(b, ' ')
	b = append(b, p.cfg.Path...)
	b = append(b, "?EIO=4&transport=polling"...)
	if p.sid != "" {
		b = append(b, "&sid="...)
		b = append(b, p.sid...)
	}
	b = append(b, " HTTP/1.1\r\nHost: "...)
	b = append(b, p.cfg.Addr...)
	b = append(b, "\r\nAccept: */*\r\n"...)
	if body != nil {
		b = append(b, "Content-Type: text/plain;charset=UTF-8\r\nContent-Length: "...)
		b = strconv.AppendInt(b, int64(len(body)), 10)
		b = append(b, "\r\n"...)
	}
	b = append(b, "\r\n"...)
	p.out = append(b, body...)
	if err := p.conn.SetDeadline(time.Now().Add(p.cfg.Patience)); err != nil {
		return nil, err
	}
	if _, err := p.conn.Write(p.out); err != nil {
		return nil, err
	}
	return readResponse(p.in)
}

// maxBody bounds an answer.
const maxBody = 1 << 20

// readResponse reads one answer of status 200 that keeps the connection alive.
func readResponse(in *bufio.Reader) ([]byte, error) {
	line, err := in.ReadSlice('\n')
	if err != nil {
		return nil, fmt.Errorf("status line: %w", err)
	}
	if !bytes.HasPrefix(line, []byte("HTTP/1.1 200 ")) {
		return nil, fmt.Errorf("answered %q", bytes.TrimSpace(line))
	}
	length, chunked := -1, false
	for {
		if line, err = in.ReadSlice('\n'); err != nil {
			return nil, fmt.Errorf("header: %w", err)
		}
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimSpace(value)
		switch {
		case bytes.EqualFold(name, []byte("Content-Length")):
			if length, err = strconv.Atoi(string(value)); err != nil || length < 0 || length > maxBody {
				return nil, fmt.Errorf("answered with %q", line)
			}
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			chunked = bytes.EqualFold(value, []byte("chunked"))
		case bytes.EqualFold(name, []byte("Connection")) && bytes.EqualFold(value, []byte("close")):
			return nil, errors.New("the server ends the connection")
		}
	}
	if chunked {
		return readChunked(in)
	}
	if length < 0 {
		return nil, errors.New("answered without a length")
	}
	body := make([]byte, length)
	_, err = io.ReadFull(in, body)
	return body, err
}

// readChunked reads a chunked body and the empty trailer behind it.
func readChunked(in *bufio.Reader) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(httputil.NewChunkedReader(in), maxBody))
	if err != nil {
		return nil, err
	}
	if line, err := in.ReadSlice('\n'); err != nil || len(bytes.TrimSpace(line)) > 0 {
		return nil, fmt.Errorf("trailer %q: %w", line, err)
	}
	return body, nil
}
