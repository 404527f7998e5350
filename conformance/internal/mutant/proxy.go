package mutant

import (
	"bufio"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"sync"
)

// A Proxy serves one mutation of the server behind it.
type Proxy struct {
	// static
	target    *url.URL
	mutation  Mutation
	transport *http.Transport
	server    *httptest.Server

	// guarded by mu
	mu     sync.Mutex
	conns  map[net.Conn]struct{}
	closed bool

	tunnels sync.WaitGroup
}

// New starts a proxy on a loopback port. Close ends it.
func New(target string, m Mutation) (*Proxy, error) {
	u, err := url.Parse(target)
	if err != nil {
		return nil, err
	}
	p := &Proxy{
		target: u, mutation: m, conns: make(map[net.Conn]struct{}),
		transport: &http.Transport{DisableCompression: true},
	}
	p.server = httptest.NewServer(p)
	return p, nil
}

// URL returns the proxy's base URL.
func (p *Proxy) URL() string { return p.server.URL }

// Close ends every connection and waits for the proxy's goroutines.
func (p *Proxy) Close() {
	p.mu.Lock()
	p.closed = true
	for conn := range p.conns {
		conn.Close()
	}
	p.mu.Unlock()
	p.server.CloseClientConnections()
	p.server.Close()
	p.tunnels.Wait()
	p.transport.CloseIdleConnections()
}

// ServeHTTP forwards one request and mutates its answer.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		p.tunnels.Add(1)
		defer p.tunnels.Done()
		p.tunnel(w, r)
		return
	}
	u := *p.target
	u.Path, u.RawQuery = r.URL.Path, r.URL.RawQuery
	ctx, cancel := afterWriting(r.Context())
	defer cancel()
	req := r.Clone(ctx)
	req.URL, req.RequestURI, req.Host = &u, "", u.Host
	resp, err := p.transport.RoundTrip(req)
	if err != nil {
		panic(http.ErrAbortHandler) // the server cut the connection: so does the proxy
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	a := &Answer{Method: r.Method, Status: resp.StatusCode, Header: resp.Header, Body: string(body)}
	if p.mutation.Answer != nil {
		p.mutation.Answer(a)
	}
	maps.Copy(w.Header(), a.Header)
	if resp.ContentLength >= 0 && r.Method != http.MethodHead {
		w.Header().Set("Content-Length", strconv.Itoa(len(a.Body)))
	}
	w.WriteHeader(a.Status)
	io.WriteString(w, a.Body)
}

// afterWriting returns a context that ends with ctx, but not before the request has been written: a client that
// aborts has still sent its request.
func afterWriting(ctx context.Context) (context.Context, context.CancelFunc) {
	detached, cancel := context.WithCancel(context.WithoutCancel(ctx))
	wrote := make(chan struct{})
	var once sync.Once // a retried request is written twice
	stop := context.AfterFunc(ctx, func() {
		select {
		case <-wrote:
		case <-detached.Done():
		}
		cancel()
	})
	traced := httptrace.WithClientTrace(detached, &httptrace.ClientTrace{
		WroteRequest: func(httptrace.WroteRequestInfo) { once.Do(func() { close(wrote) }) },
	})
	return traced, func() { stop(); cancel() }
}

// track remembers a connection for Close, which may have come already.
func (p *Proxy) track(conn net.Conn) (untrack func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns[conn] = struct{}{}
	if p.closed {
		conn.Close()
	}
	return func() {
		conn.Close()
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.conns, conn)
	}
}

func (p *Proxy) tunnel(w http.ResponseWriter, r *http.Request) {
	up, err := (&net.Dialer{}).DialContext(context.WithoutCancel(r.Context()), "tcp", p.target.Host)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer p.track(up)()
	req := r.Clone(r.Context())
	req.Host = p.target.Host
	if err := req.Write(up); err != nil {
		panic(http.ErrAbortHandler)
	}
	upReader := bufio.NewReader(up)
	resp, err := http.ReadResponse(upReader, req)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	accepted := resp.StatusCode == http.StatusSwitchingProtocols
	if !accepted && !p.mutation.Accept {
		p.refuse(w, resp)
		return
	}
	client, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer p.track(client)()
	sum := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	io.WriteString(client, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "+
		base64.StdEncoding.EncodeToString(sum[:])+"\r\n\r\n")
	if !accepted {
		io.Copy(io.Discard, rw)
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.pump(client, upReader)
		if !p.mutation.Hold {
			client.Close()
		}
	}()
	io.Copy(up, rw)
	if p.mutation.Hold {
		io.Copy(io.Discard, rw) // the server is gone, the client stays
	}
	up.Close()
	<-done
}

func (p *Proxy) refuse(w http.ResponseWriter, resp *http.Response) {
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	a := &Answer{Method: http.MethodGet, Status: resp.StatusCode, Header: resp.Header, Body: string(body)}
	if p.mutation.Answer != nil {
		p.mutation.Answer(a)
	}
	maps.Copy(w.Header(), a.Header)
	w.Header().Del("Content-Length")
	if resp.Close {
		w.Header().Set("Connection", "close") // net/http has taken it out
	}
	w.WriteHeader(a.Status)
	io.WriteString(w, a.Body)
}

// pump carries frames from the server to the client until one of them ends.
func (p *Proxy) pump(client io.Writer, server *bufio.Reader) {
	for {
		f, err := readFrame(server)
		if err != nil || f.Op == opClose && p.mutation.Hold {
			return
		}
		keep := true
		if p.mutation.Frame != nil {
			f, keep = p.mutation.Frame(f)
		}
		if keep {
			if _, err := client.Write(appendFrame(nil, f)); err != nil {
				return
			}
		}
		if p.mutation.Cut {
			return
		}
	}
}

var errMasked = errors.New("mutant: masked frame from a server")

func readFrame(br *bufio.Reader) (Frame, error) {
	var head [2]byte
	if _, err := io.ReadFull(br, head[:]); err != nil {
		return Frame{}, err
	}
	if head[1]&0x80 != 0 {
		return Frame{}, errMasked
	}
	n := uint64(head[1])
	var err error
	switch n {
	case 126:
		var b [2]byte
		_, err = io.ReadFull(br, b[:])
		n = uint64(binary.BigEndian.Uint16(b[:]))
	case 127:
		var b [8]byte
		_, err = io.ReadFull(br, b[:])
		n = binary.BigEndian.Uint64(b[:])
	}
	if err != nil {
		return Frame{}, err
	}
	payload := make([]byte, n)
	_, err = io.ReadFull(br, payload)
	return Frame{Fin: head[0]&0x80 != 0, Op: head[0] & 0xF, Payload: string(payload)}, err
}

func appendFrame(dst []byte, f Frame) []byte {
	b := f.Op
	if f.Fin {
		b |= 0x80
	}
	dst = append(dst, b)
	switch n := len(f.Payload); {
	case n < 126:
		dst = append(dst, byte(n))
	case n < 1<<16:
		dst = binary.BigEndian.AppendUint16(append(dst, 126), uint16(n))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, 127), uint64(n))
	}
	return append(dst, f.Payload...)
}
