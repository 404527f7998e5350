// Package cutter is a TCP proxy whose connections can be cut from outside, as a network does it: without a
// close frame or a goodbye from the server.
package cutter

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
)

// A Proxy forwards connections to one address.
type Proxy struct {
	// static
	target   string
	listener net.Listener
	control  *httptest.Server

	// guarded by mu
	mu    sync.Mutex
	conns map[net.Conn]struct{}
	down  bool

	running sync.WaitGroup
}

// New starts a proxy to target, a host and port, on a loopback port.
func New(target string) (*Proxy, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Proxy{target: target, listener: listener, conns: make(map[net.Conn]struct{})}
	var control http.ServeMux
	command := func(pattern string, fn func()) {
		control.HandleFunc(pattern, func(w http.ResponseWriter, _ *http.Request) {
			fn()
			w.WriteHeader(http.StatusNoContent)
		})
	}
	command("/", p.Cut)
	command("/down", func() { p.setDown(true) })
	command("/up", func() { p.setDown(false) })
	p.control = httptest.NewServer(&control)
	p.running.Go(p.accept)
	return p, nil
}

// URL returns the proxy's base URL.
func (p *Proxy) URL() string { return "http://" + p.listener.Addr().String() }

// ControlURL returns the URL that cuts all connections when it is requested. Its path /down also ends every
// new connection until /up.
func (p *Proxy) ControlURL() string { return p.control.URL }

// Cut ends every connection. New ones are accepted as before.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for conn := range p.conns {
		conn.Close()
	}
}

// setDown cuts every connection and the ones to come, or lets new ones through again.
func (p *Proxy) setDown(down bool) {
	p.mu.Lock()
	p.down = down
	p.mu.Unlock()
	if down {
		p.Cut()
	}
}

// Close ends the proxy and waits for its goroutines.
func (p *Proxy) Close() {
	p.listener.Close()
	p.control.Close()
	p.setDown(true)
	p.running.Wait()
}

func (p *Proxy) accept() {
	for {
		conn, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.running.Go(func() { p.forward(conn) })
	}
}

func (p *Proxy) track(conn net.Conn) (untrack func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns[conn] = struct{}{}
	if p.down {
		conn.Close()
	}
	return func() {
		conn.Close()
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.conns, conn)
	}
}

func (p *Proxy) forward(client net.Conn) {
	defer p.track(client)()
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		return
	}
	defer p.track(server)()
	var back sync.WaitGroup
	back.Go(func() {
		io.Copy(client, server)
		client.Close()
	})
	io.Copy(server, client)
	server.Close()
	back.Wait()
}
