package proxy_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-io/sockeye/conformance/internal/page"
	"github.com/sockeye-io/sockeye/conformance/internal/peer"
	"github.com/sockeye-io/sockeye/conformance/internal/raw"
	"github.com/sockeye-io/sockeye/engineio"
	"github.com/sockeye-io/sockeye/socketio"
)

const (
	// silence is how long nothing is sent over an idle connection: longer than PingInterval and PingTimeout are
	// together by default, which is what the recipes promise to bear.
	silence  = 46 * time.Second
	patience = silence + 30*time.Second
	life     = 5 * time.Minute
	starting = 20 * time.Second
)

// A backend is a Sockeye server as it stands behind a proxy, on an address that only this machine reaches.
type backend struct {
	srv   *socketio.Server
	addr  string
	ended chan socketio.Disconnect // of sockets; for one test at a time
}

// who is what a socket is told about itself.
type who struct {
	Addr   string `json:"addr"`
	Host   string `json:"host"`
	Secure bool   `json:"secure"`
}

func newBackend(t *testing.T) *backend {
	t.Helper()
	srv, err := socketio.NewServer(socketio.Options{
		Engine: engineio.Options{
			PingInterval:   silence,
			TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")},
		},
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	b := &backend{srv: srv, ended: make(chan socketio.Disconnect, 100)}
	page.Handle(srv)
	socketio.Handle(srv, "echo", func(_ context.Context, _ *socketio.Socket, text string) (string, error) { return text, nil })
	socketio.Handle(srv, "who", func(_ context.Context, s *socketio.Socket, _ string) (who, error) {
		h := s.Handshake()
		return who{Addr: h.RemoteAddr(), Host: h.Header().Get("Host"), Secure: h.Secure()}, nil
	})
	srv.OnDisconnect(func(_ context.Context, _ *socketio.Socket, why socketio.Disconnect) { b.ended <- why })
	var mux http.ServeMux
	mux.Handle("/socket.io/", srv)
	mux.HandleFunc(page.Pattern, page.Handler)
	web := httptest.NewServer(&mux)
	b.addr = strings.TrimPrefix(web.URL, "http://")
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := srv.Shutdown(ctx); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
		web.Close()
	})
	return b
}

// A certificate for example.org, in PEM.
type certificate struct {
	cert, key string
	roots     *x509.CertPool
}

func newCertificate(t *testing.T) certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "example.org"},
		DNSNames:     []string{"example.org"},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(24 * time.Hour),
		KeyUsage:     x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IsCA:         true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	c := certificate{
		cert:  string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		key:   string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})),
		roots: x509.NewCertPool(),
	}
	c.roots.AppendCertsFromPEM([]byte(c.cert))
	return c
}

// A front is a running proxy.
type front struct {
	port  int
	roots *x509.CertPool
}

// start runs the recipe's program with a configuration, in which the addresses of servers are replaced.
func start(t *testing.T, r recipe, config string, servers map[string]*backend) *front {
	t.Helper()
	program := peer.Debian(t, r.program, filepath.Base(r.program))
	for addr, b := range servers {
		config = replace(t, config, addr, b.addr)
	}
	c := newCertificate(t)
	var err error
	for range 3 { // somebody else may take the port first
		f := &front{port: freePort(t), roots: c.roots}
		if err = run(t, program, r, replace(t, config, r.public, fmt.Sprintf(r.local, f.port)), c, f); err == nil {
			return f
		}
	}
	t.Fatal(err)
	return nil
}

// run starts the program and waits until it accepts connections.
func run(t *testing.T, program string, r recipe, config string, c certificate, f *front) error {
	t.Helper()
	dir := t.TempDir()
	p, err := peer.Start(context.WithoutCancel(t.Context()), peer.Command{
		Path: program, Args: r.files(t, dir, config, c), Dir: dir, Life: life,
		Env: []string{"HOME=" + dir, "XDG_DATA_HOME=" + dir, "XDG_CONFIG_HOME=" + dir},
	})
	if err != nil {
		return err
	}
	t.Cleanup(p.Stop)
	ctx, cancel := context.WithTimeout(t.Context(), starting)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- p.Wait(ctx) }()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := f.dialer("127.0.0.1", "http/1.1")(ctx, "tcp", "")
		if err == nil {
			return conn.Close()
		}
		select {
		case <-tick.C:
		case how := <-ended:
			return fmt.Errorf("%s does not serve: %w\n%s", program, errors.Join(how, err), p.Log())
		}
	}
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// host is what a browser would show as the address of the site.
func (f *front) host() string { return fmt.Sprintf("example.org:%d", f.port) }

// endpoint is where clients connect.
func (f *front) endpoint() string { return "https://" + f.host() + "/socket.io/" }

// dialer makes TLS connections from a local address to the proxy, whatever address is asked for.
func (f *front) dialer(local, protocol string) raw.Dial {
	dialer := tls.Dialer{
		NetDialer: &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(local)}},
		Config:    &tls.Config{ServerName: "example.org", RootCAs: f.roots, NextProtos: []string{protocol}},
	}
	return func(ctx context.Context, network, _ string) (net.Conn, error) {
		return dialer.DialContext(ctx, network, fmt.Sprintf("127.0.0.1:%d", f.port))
	}
}

// peer returns a raw client at a local address.
func (f *front) peer(t *testing.T, local string) *raw.Peer {
	t.Helper()
	return raw.NewPeerOver(t, f.endpoint(), patience, f.dialer(local, "http/1.1"))
}
