package raw

import (
	"io"
	"net"
	"net/url"
	"time"
)

// Abandon writes request bytes on a connection of their own and closes it at once, without reading: the
// server finds the bytes and then the end of the stream, in this order.
func (p *Peer) Abandon(t T, method, query, headers, body string) {
	t.Helper()
	conn := p.send(t, method, query, headers, body)
	conn.Close()
}

// Begin writes the beginning of a request and keeps the connection open until the case ends.
func (p *Peer) Begin(t T, method, query, headers, body string) net.Conn {
	t.Helper()
	conn := p.send(t, method, query, headers, body)
	t.Cleanup(func() { conn.Close() })
	return conn
}

func (p *Peer) send(t T, method, query, headers, body string) net.Conn {
	t.Helper()
	u, err := url.Parse(p.URL)
	if err != nil {
		t.Fatalf("endpoint: %v", err)
	}
	conn := p.connect(t, u.Host)
	conn.SetDeadline(time.Now().Add(p.Patience))
	request := method + " " + u.Path + "?" + query + " HTTP/1.1\r\nHost: " + u.Host + "\r\n" + headers + "\r\n" + body
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatalf("%s ?%s: %v", method, query, err)
	}
	return conn
}
