package netconn_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	mrand "math/rand/v2"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sockeye-io/sockeye/internal/leak"
	"github.com/sockeye-io/sockeye/internal/memnet"
	"github.com/sockeye-io/sockeye/internal/netconn"
)

func TestMain(m *testing.M) { leak.Main(m) }

// kinds are the connections that the contract is tested on: our end, whatever
// New makes of it, and the peer's.
var kinds = []struct {
	name string
	dial func(t testing.TB) (ours, peer net.Conn)
}{
	{"tcp", func(t testing.TB) (net.Conn, net.Conn) { return dial(t, "tcp", "127.0.0.1:0") }},
	{"unix", func(t testing.TB) (net.Conn, net.Conn) { return dial(t, "unix", filepath.Join(t.TempDir(), "s")) }},
	{"memory", func(testing.TB) (net.Conn, net.Conn) {
		c, s := memnet.Pipe(memnet.Options{Buffer: 5000})
		return s, c
	}},
	{"pipe", func(testing.TB) (net.Conn, net.Conn) { return net.Pipe() }},
	{"wrapped tcp", func(t testing.TB) (net.Conn, net.Conn) {
		ours, peer := dial(t, "tcp", "127.0.0.1:0")
		return struct{ net.Conn }{ours}, peer
	}},
	{"tls", secure},
}

// dial returns the two ends of a connection through the kernel.
func dial(t testing.TB, network, address string) (server, client net.Conn) {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), network, address)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err = (&net.Dialer{}).DialContext(t.Context(), l.Addr().Network(), l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	server, err = l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return server, client
}

var certificate = sync.OnceValues(func() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
})

func secure(t testing.TB) (server, client net.Conn) {
	t.Helper()
	cert, err := certificate()
	if err != nil {
		t.Fatal(err)
	}
	s, c := dial(t, "tcp", "127.0.0.1:0")
	theirs := tls.Client(c, &tls.Config{InsecureSkipVerify: true})
	ours := tls.Server(s, &tls.Config{Certificates: []tls.Certificate{cert}})
	failed := make(chan error, 1)
	go func() { failed <- theirs.HandshakeContext(t.Context()) }()
	if err := errors.Join(ours.HandshakeContext(t.Context()), <-failed); err != nil {
		t.Fatal(err)
	}
	return ours, theirs
}

// each runs fn as a subtest for every kind.
func each(t *testing.T, early []byte, fn func(t *testing.T, c netconn.Conn, peer net.Conn)) {
	t.Helper()
	t.Parallel()
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			ours, peer := k.dial(t)
			defer peer.Close()
			c := netconn.New(ours, early)
			defer c.Close()
			fn(t, c, peer)
		})
	}
}

// receive collects what arrives until there are n bytes or an error.
func receive(c netconn.Conn, n int) ([]byte, error) {
	var all []byte
	for len(all) < n {
		b, err := c.Receive()
		if err != nil {
			return all, err
		}
		all = append(all, b.Bytes()...)
		b.Release()
	}
	return all, nil
}

// write is what the holder of the writer role does.
func write(c netconn.Conn, p []byte) error {
	for len(p) > 0 {
		n, err := c.TryWrite(p)
		if p = p[n:]; err == nil {
			continue
		}
		if !errors.Is(err, netconn.ErrAgain) {
			return err
		}
		if err := c.WaitWrite(); err != nil {
			return err
		}
	}
	return nil
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return b
}

func TestReceivesWhatThePeerSentThenEOF(t *testing.T) {
	each(t, nil, func(t *testing.T, c netconn.Conn, peer net.Conn) {
		want := random(300_000)
		go func() {
			rnd := mrand.New(mrand.NewPCG(1, 2))
			for rest := want; len(rest) > 0; {
				n, err := peer.Write(rest[:min(len(rest), 1+rnd.IntN(2000))])
				if err != nil {
					t.Error(err)
					break
				}
				rest = rest[n:]
			}
			_ = peer.Close()
		}()
		got, err := receive(c, len(want)+1)
		if !errors.Is(err, io.EOF) {
			t.Errorf("Receive = %v, want io.EOF", err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("received %d bytes that are not the %d sent", len(got), len(want))
		}
	})
}

func TestEarlyBytesComeFirst(t *testing.T) {
	early := random(netconn.BufferSize + 10)
	want := append(bytes.Clone(early), "later"...)
	each(t, early, func(t *testing.T, c netconn.Conn, peer net.Conn) {
		go func() {
			if _, err := io.WriteString(peer, "later"); err != nil {
				t.Error(err)
			}
		}()
		got, err := receive(c, len(want))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Error("received something else than the early bytes and then the peer's")
		}
	})
}

func TestEarlyBytesAreCopied(t *testing.T) {
	t.Parallel()
	ours, _ := net.Pipe()
	early := []byte("early")
	c := netconn.New(ours, early)
	defer c.Close()
	early[0] = 'X'
	if got, err := receive(c, 5); err != nil || string(got) != "early" {
		t.Errorf("received %q, %v", got, err)
	}
}

func TestBuffersBelongToTheirOwnerUntilRelease(t *testing.T) {
	each(t, nil, func(t *testing.T, c netconn.Conn, peer net.Conn) {
		for _, s := range []string{"one", "two"} {
			go func() {
				if _, err := io.WriteString(peer, s); err != nil {
					t.Error(err)
				}
			}()
			b, err := c.Receive()
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if got := string(b.Bytes()); got != s {
					t.Errorf("the buffer holds %q in the end, want %q", got, s)
				}
				b.Release()
			}()
		}
	})
}

func TestWritesMoreThanThePeerTakes(t *testing.T) {
	each(t, nil, func(t *testing.T, c netconn.Conn, peer net.Conn) {
		want := random(64 << 10)
		var sent int
		for { // until the peer's window is full; it reads nothing
			n, err := c.TryWrite(want)
			sent += n
			if errors.Is(err, netconn.ErrAgain) {
				want = append(bytes.Repeat(want, sent/len(want)), want[:n]...)
				break
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		tail := random(200_000)
		want = append(want, tail...)
		done := make(chan error, 1)
		go func() { done <- write(c, tail) }()
		got := make([]byte, len(want))
		if _, err := io.ReadFull(peer, got); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Errorf("write: %v", err)
		}
		if !bytes.Equal(got, want) {
			t.Error("the peer read something else than was written")
		}
	})
}

// A wake-up that is lost between a try and the wait after it hangs this test.
func TestBothDirectionsAtOnceUnderBackPressure(t *testing.T) {
	each(t, nil, func(t *testing.T, c netconn.Conn, peer net.Conn) {
		data := random(3_000_000)
		var g sync.WaitGroup
		check := func(got []byte, err error) {
			if err != nil || !bytes.Equal(got, data) {
				t.Errorf("%d bytes arrived, error %v", len(got), err)
			}
		}
		g.Go(func() {
			if err := write(c, data); err != nil {
				t.Error(err)
			}
		})
		g.Go(func() {
			if _, err := peer.Write(data); err != nil {
				t.Error(err)
			}
		})
		g.Go(func() { check(receive(c, len(data))) })
		g.Go(func() {
			got := make([]byte, len(data))
			_, err := io.ReadFull(peer, got)
			check(got, err)
		})
		g.Wait()
	})
}

// The system reports that the window has opened once. Whoever waits afterwards
// must not wait for another report.
func TestWindowThatOpenedBeforeTheWait(t *testing.T) {
	each(t, nil, func(t *testing.T, c netconn.Conn, peer net.Conn) {
		chunk, sent := make([]byte, 64<<10), int64(0)
		for {
			n, err := c.TryWrite(chunk)
			sent += int64(n)
			if errors.Is(err, netconn.ErrAgain) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if _, err := io.CopyN(io.Discard, peer, sent); err != nil {
			t.Fatal(err)
		}
		stuck := time.AfterFunc(5*time.Second, func() { _ = c.Close() })
		defer stuck.Stop()
		if err := c.WaitWrite(); err != nil {
			t.Errorf("WaitWrite = %v", err)
		}
	})
}

func TestCloseEndsWaits(t *testing.T) {
	each(t, nil, func(t *testing.T, c netconn.Conn, _ net.Conn) {
		ended := make(chan error, 2)
		go func() {
			_, err := c.Receive()
			ended <- err
		}()
		filling := make(chan struct{})
		go func() {
			chunk := make([]byte, 64<<10)
			for { // fill the window first, so that the rest waits for sure
				if _, err := c.TryWrite(chunk); err != nil {
					break
				}
			}
			close(filling)
			for {
				if err := write(c, chunk); err != nil {
					ended <- err
					return
				}
			}
		}()
		<-filling
		if err := c.Close(); err != nil {
			t.Errorf("Close = %v", err)
		}
		for range 2 {
			if err := <-ended; !errors.Is(err, net.ErrClosed) {
				t.Errorf("a wait ended with %v, want net.ErrClosed", err)
			}
		}
	})
}

func TestCloseWriteEndsOneDirection(t *testing.T) {
	each(t, nil, func(t *testing.T, c netconn.Conn, peer net.Conn) {
		_, halves := peer.(interface{ CloseWrite() error }) // as our end, but for the wrapped one
		halves = halves && !strings.HasSuffix(t.Name(), "wrapped_tcp")
		ended := make(chan error, 1)
		go func() { ended <- errors.Join(write(c, []byte("last")), c.CloseWrite()) }()
		if _, err := io.ReadFull(peer, make([]byte, 4)); err != nil {
			t.Errorf("the peer could not read what was written before: %v", err)
		}
		if err := <-ended; err != nil {
			t.Errorf("writing and CloseWrite = %v", err)
		}
		if halves {
			if n, err := peer.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
				t.Errorf("the peer read %d bytes, %v; want io.EOF", n, err)
			}
		}
		go func() {
			if _, err := io.WriteString(peer, "answer"); err != nil {
				t.Error(err)
			}
		}()
		if got, err := receive(c, 6); err != nil || string(got) != "answer" {
			t.Errorf("received %q, %v after CloseWrite", got, err)
		}
	})
}

func TestAfterCloseEverythingIsErrClosed(t *testing.T) {
	each(t, nil, func(t *testing.T, c netconn.Conn, _ net.Conn) {
		if err := c.Close(); err != nil {
			t.Errorf("Close = %v", err)
		}
		if err := c.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			t.Errorf("second Close = %v", err)
		}
		if b, err := c.Receive(); !errors.Is(err, net.ErrClosed) || b != nil {
			t.Errorf("Receive = %v, %v", b, err)
		}
		if err := write(c, []byte("x")); !errors.Is(err, net.ErrClosed) {
			t.Errorf("writing = %v", err)
		}
	})
}

func TestWritingToAPeerThatIsGoneFails(t *testing.T) {
	each(t, nil, func(t *testing.T, c netconn.Conn, peer net.Conn) {
		_ = peer.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		for ctx.Err() == nil {
			if err := write(c, make([]byte, 1000)); err != nil {
				if errors.Is(err, net.ErrClosed) {
					t.Errorf("%v, though nobody called Close here", err)
				}
				return
			}
		}
		t.Error("writes went on without an error")
	})
}

func TestEmptyWriteIsNothing(t *testing.T) {
	each(t, nil, func(t *testing.T, c netconn.Conn, _ net.Conn) {
		if n, err := c.TryWrite(nil); n != 0 || err != nil {
			t.Errorf("TryWrite(nil) = %d, %v", n, err)
		}
	})
}

func TestRemoteAddrIsThePeer(t *testing.T) {
	each(t, nil, func(t *testing.T, c netconn.Conn, peer net.Conn) {
		if got, want := c.RemoteAddr().String(), peer.LocalAddr().String(); got != want {
			t.Errorf("RemoteAddr = %s, want %s", got, want)
		}
	})
}

// A type that wraps a connection may count, limit or decode its bytes: what it
// does must not be bypassed, even when it offers the socket underneath.
func TestWrappersAreRespected(t *testing.T) {
	t.Parallel()
	ours, peer := dial(t, "tcp", "127.0.0.1:0")
	defer peer.Close()
	c := netconn.New(upper{ours.(*net.TCPConn)}, nil)
	defer c.Close()
	if _, err := io.WriteString(peer, "hello"); err != nil {
		t.Fatal(err)
	}
	if got, err := receive(c, 5); err != nil || string(got) != "HELLO" {
		t.Errorf("received %q, %v; want what the wrapper's Read returns", got, err)
	}
}

type upper struct{ *net.TCPConn }

func (u upper) Read(p []byte) (int, error) {
	n, err := u.TCPConn.Read(p)
	copy(p, bytes.ToUpper(p[:n]))
	return n, err
}
