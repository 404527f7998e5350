package engineio_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sockeye-io/sockeye/engineio"
	"github.com/sockeye-io/sockeye/internal/memnet"
)

// http2Modes are the ways to speak HTTP/2: inside TLS, and known beforehand.
var http2Modes = map[string]bool{"h2 over TLS": true, "h2c": false}

// bubble2 is bubble with a server and a client of HTTP/2, and with deadlines on
// the server that a poll exceeds.
func bubble2(t *testing.T, overTLS bool, o engineio.Options, fn func(t *testing.T, r *rig)) {
	t.Helper()
	web := httptest.NewTLSServer(http.NotFoundHandler()) // for its certificate
	certificate := web.TLS.Certificates[0]
	web.Close()
	synctest.Test(t, func(t *testing.T) {
		o.Logger = slog.New(slog.DiscardHandler)
		srv, err := engineio.NewServer(o)
		if err != nil {
			t.Fatal(err)
		}
		r := &rig{t: t, srv: srv, listener: memnet.Listen(memnet.Options{}), header: http.Header{}}
		var protocols http.Protocols
		protocols.SetHTTP2(overTLS)
		protocols.SetUnencryptedHTTP2(!overTLS)
		transport := &http.Transport{
			Protocols:   &protocols,
			DialContext: r.listener.DialContext,
			DialTLSContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
				nc, err := r.listener.DialContext(ctx, network, addr)
				if err != nil {
					return nil, err
				}
				return tls.Client(nc, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}}), nil
			},
		}
		r.client = &http.Client{Transport: roundTripper(func(req *http.Request) (*http.Response, error) {
			if overTLS {
				req.URL.Scheme = "https"
			}
			resp, err := transport.RoundTrip(req)
			if err == nil && resp.ProtoMajor != 2 {
				t.Errorf("%s %s: answered over %s", req.Method, req.URL, resp.Proto)
			}
			return resp, err
		})}
		both := protocols
		both.SetHTTP1(true)
		hs := &http.Server{
			Handler: srv, Protocols: &both, TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate}},
			ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second,
			ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
		}
		served := make(chan struct{})
		go func() {
			defer close(served)
			if overTLS {
				_ = hs.ServeTLS(r.listener, "", "")
			} else {
				_ = hs.Serve(r.listener)
			}
		}()
		fn(t, r)
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := srv.Shutdown(ctx); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
		transport.CloseIdleConnections()
		_ = hs.Close()
		<-served
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestPollingOverHTTP2(t *testing.T) {
	t.Parallel()
	for name, overTLS := range http2Modes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble2(t, overTLS, engineio.Options{}, func(t *testing.T, r *rig) {
				r.echo()
				q, sid := r.poller()
				equal(t, "secure", r.srv.Session(sid).Handshake().Secure(), overTLS)
				poll := make(chan answer)
				get := func() { poll <- r.do("GET", q, "") }
				go get()
				synctest.Wait() // the poll is open, on the connection that the POST takes too
				equal(t, "POST", r.do("POST", q, "4a\x1ebAQID").body, "ok")
				got := (<-poll).body
				for strings.Count(got, "\x1e") < 1 {
					got += "\x1e" + r.do("GET", q, "").body
				}
				equal(t, "echo", got, "4a\x1ebAQID")

				large := strings.Repeat("x", 500_000) // several windows of flow control
				equal(t, "large POST", r.do("POST", q, "4"+large).body, "ok")
				equal(t, "large poll", r.do("GET", q, "").body, "4"+large)

				start := time.Now()
				go get()
				equal(t, "ping", (<-poll).body, "2")
				equal(t, "the poll outlived the server's deadlines", time.Since(start) > 20*time.Second, true)
				equal(t, "pong", r.do("POST", q, "3").body, "ok")

				go get()
				synctest.Wait()
				r.srv.Session(sid).Close()
				equal(t, "close", (<-poll).body, "1")
				equal(t, "afterwards", r.do("GET", q, "").status, 400)
			})
		})
	}
}

func TestPollAbandonedOverHTTP2EndsTheSession(t *testing.T) {
	t.Parallel()
	for name, overTLS := range http2Modes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble2(t, overTLS, engineio.Options{}, func(t *testing.T, r *rig) {
				ended := make(chan engineio.Close, 1)
				r.srv.OnClose(func(_ context.Context, _ *engineio.Session, c engineio.Close) { ended <- c })
				q, _ := r.poller()
				ctx, cancel := context.WithCancel(t.Context())
				done := make(chan error)
				go func() {
					_, err := r.try(ctx, "GET", q, "")
					done <- err
				}()
				synctest.Wait()
				cancel() // one stream is reset, the connection goes on
				if err := <-done; !errors.Is(err, context.Canceled) {
					t.Errorf("the poll ended with %v", err)
				}
				equal(t, "reason", (<-ended).Reason, engineio.ReasonTransportError)
				equal(t, "afterwards", r.do("GET", q, "").status, 400)
			})
		})
	}
}

// TestWebSocketOverHTTP2IsRefused: what a client may send over HTTP/2 is a GET
// without Upgrade, or the CONNECT of RFC 8441, which net/http hands on only when it
// is told to, so it is made by hand.
func TestWebSocketOverHTTP2IsRefused(t *testing.T) {
	t.Parallel()
	const body = `{"code":3,"message":"WebSocket needs HTTP/1.1"}`
	var refused []*engineio.ConnectionError
	o := engineio.Options{OnConnectionError: func(e *engineio.ConnectionError) { refused = append(refused, e) }}
	bubble2(t, true, o, func(t *testing.T, r *rig) {
		r.echo()
		q, sid := r.poller()
		for _, query := range []string{"EIO=4&transport=websocket", "EIO=4&transport=websocket&sid=" + sid} {
			a := r.do("GET", query, "")
			equal(t, "status", a.status, 400)
			equal(t, "body", a.body, body)
		}
		connect := httptest.NewRequestWithContext(t.Context(), http.MethodConnect, "/engine.io/?EIO=4&transport=websocket", http.NoBody)
		connect.ProtoMajor, connect.ProtoMinor, connect.Proto = 2, 0, "HTTP/2.0"
		connect.Header[":protocol"] = []string{"websocket"}
		w := httptest.NewRecorder()
		r.srv.ServeHTTP(w, connect)
		equal(t, "CONNECT", w.Body.String(), body)
		equal(t, "refusals", len(refused), 3)
		for _, e := range refused {
			if !errors.Is(e, engineio.ErrNotHTTP1) || e.Code != engineio.CodeBadRequest || e.Detail != "HTTP/2.0" {
				t.Errorf("got %v", e)
			}
		}

		// The session lives on, and the same server upgrades it over HTTP/1.1.
		nc, err := r.listener.Dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		secure := tls.Client(nc, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
		io.WriteString(secure, "GET /engine.io/?EIO=4&transport=websocket&sid="+sid+" HTTP/1.1\r\nHost: example.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n")
		c := (&conn{t, secure, bufio.NewReader(secure)}).accepted()
		c.send("2probe")
		equal(t, "probe", c.text(), "3probe")
		equal(t, "poll", r.do("GET", q, "").body, "6")
		c.send("5", "4over HTTP/1.1")
		equal(t, "echo", c.text(), "4over HTTP/1.1")
		secure.Close()
	})
}
