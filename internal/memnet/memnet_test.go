package memnet_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sockeye-io/sockeye/internal/leak"
	"github.com/sockeye-io/sockeye/internal/memnet"
	"github.com/sockeye-io/sockeye/internal/netconn"
)

func TestMain(m *testing.M) { leak.Main(m) }

// bubble runs fn in virtual time over the two ends of a connection.
func bubble(t *testing.T, o memnet.Options, fn func(t *testing.T, client, server *memnet.Conn)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, server := memnet.Pipe(o)
		defer client.Close()
		defer server.Close()
		fn(t, client, server)
	})
}

func send(t *testing.T, w io.Writer, s string) {
	t.Helper()
	if _, err := io.WriteString(w, s); err != nil {
		t.Errorf("writing %q: %v", s, err)
	}
}

func expect(t *testing.T, r io.Reader, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if n, err := io.ReadFull(r, got); err != nil || string(got) != want {
		t.Errorf("read %q, %v; want %q", got[:n], err, want)
	}
}

func expectError(t *testing.T, r io.Reader, want error) {
	t.Helper()
	if n, err := r.Read(make([]byte, 1)); n != 0 || !errors.Is(err, want) {
		t.Errorf("Read = %d, %v; want %v", n, err, want)
	}
}

func TestHTTPServerAndClient(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := memnet.Listen(memnet.Options{ToServer: 10 * time.Millisecond, ToClient: 20 * time.Millisecond})
		mux := http.NewServeMux()
		mux.HandleFunc("/slow", func(w http.ResponseWriter, r *http.Request) {
			select {
			case <-time.After(25 * time.Second):
				_, _ = io.WriteString(w, r.RemoteAddr)
			case <-r.Context().Done():
				t.Error("the request ended early")
			}
		})
		mux.HandleFunc("/hijack", func(w http.ResponseWriter, _ *http.Request) {
			c, rw, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			if _, ok := c.(netconn.Conn); !ok {
				t.Errorf("the hijacked connection is a %T", c)
			}
			send(t, c, "HTTP/1.1 101 Switching Protocols\r\n\r\n")
			expect(t, rw, "ping")
			send(t, c, "pong")
		})
		srv := &http.Server{Handler: mux}
		served := make(chan error, 1)
		go func() { served <- srv.Serve(l) }()

		tr := &http.Transport{DialContext: l.DialContext}
		client := &http.Client{Transport: tr}
		start := time.Now()
		res, err := client.Get("http://memory/slow")
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		if err != nil || !strings.HasPrefix(string(body), "127.0.0.1:40") {
			t.Errorf("body %q, %v", body, err)
		}
		_ = res.Body.Close()
		if got, want := time.Since(start), 25*time.Second+30*time.Millisecond; got != want {
			t.Errorf("the request took %v, want %v", got, want)
		}

		c, err := l.Dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		send(t, c, "GET /hijack HTTP/1.1\r\nHost: memory\r\n\r\nping")
		r := bufio.NewReader(c)
		if _, err := http.ReadResponse(r, nil); err != nil {
			t.Fatal(err)
		}
		expect(t, r, "pong")
		expectError(t, r, io.EOF)
		_ = c.Close()

		tr.CloseIdleConnections()
		if err := srv.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
}

func TestClosedListenerRefusesAndCutsWhatNobodyAccepted(t *testing.T) {
	t.Parallel()
	l := memnet.Listen(memnet.Options{})
	waiting, err := l.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Errorf("Close = %v", err)
	}
	expectError(t, waiting, syscall.ECONNRESET)
	if _, err := l.Dial(t.Context()); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("Dial = %v, want ECONNREFUSED", err)
	}
	if _, err := l.DialContext(t.Context(), "tcp", "anywhere:1"); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("DialContext = %v, want ECONNREFUSED", err)
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept = %v, want net.ErrClosed", err)
	}
	if err := l.Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("second Close = %v, want net.ErrClosed", err)
	}
}

// Whatever Close meets, no client is left that waits for a server for ever.
func TestDialAgainstClose(t *testing.T) {
	t.Parallel()
	for range 300 {
		l := memnet.Listen(memnet.Options{})
		var g sync.WaitGroup
		for range 3 {
			g.Go(func() {
				if c, err := l.Dial(t.Context()); err == nil {
					expectError(t, c, syscall.ECONNRESET)
				}
			})
		}
		g.Go(func() { _ = l.Close() })
		g.Wait()
	}
}

func TestDialWaitsForTheBacklogUntilItsContextEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := memnet.Listen(memnet.Options{})
		defer l.Close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		n := 0
		var err error
		for ; err == nil; n++ {
			_, err = l.Dial(ctx)
		}
		if !errors.Is(err, context.DeadlineExceeded) || n < 100 {
			t.Errorf("dial number %d ended with %v", n, err)
		}
	})
}

func TestLatencyPerDirection(t *testing.T) {
	o := memnet.Options{ToServer: time.Second, ToClient: 2 * time.Second}
	bubble(t, o, func(t *testing.T, client, server *memnet.Conn) {
		start := time.Now()
		send(t, client, "up")
		expect(t, server, "up")
		if got := time.Since(start); got != time.Second {
			t.Errorf("to the server took %v, want 1s", got)
		}
		send(t, server, "down")
		_ = server.CloseWrite()
		expect(t, client, "down")
		expectError(t, client, io.EOF)
		if got := time.Since(start); got != 3*time.Second {
			t.Errorf("both ways took %v, want 3s", got)
		}
	})
}

func TestLessLatencyDoesNotReorder(t *testing.T) {
	bubble(t, memnet.Options{ToServer: time.Minute}, func(t *testing.T, client, server *memnet.Conn) {
		send(t, client, "slow ")
		client.SetLatency(0)
		send(t, client, "fast")
		expect(t, server, "slow fast")
		start := time.Now()
		send(t, client, "now")
		expect(t, server, "now")
		if got := time.Since(start); got != 0 {
			t.Errorf("without latency took %v", got)
		}
	})
}

func TestFrozenLinkDeliversNothingUntilThaw(t *testing.T) {
	bubble(t, memnet.Options{Buffer: 10}, func(t *testing.T, client, server *memnet.Conn) {
		server.Freeze()
		send(t, client, "0123456789")
		if n, err := client.TryWrite([]byte("x")); n != 0 || !errors.Is(err, netconn.ErrAgain) {
			t.Errorf("TryWrite to a full buffer = %d, %v; want ErrAgain", n, err)
		}
		_ = client.CloseWrite()
		_ = server.SetReadDeadline(time.Now().Add(time.Hour))
		expectError(t, server, os.ErrDeadlineExceeded)
		_ = server.SetReadDeadline(time.Time{})
		go func() {
			<-time.After(time.Minute)
			client.Thaw()
		}()
		expect(t, server, "0123456789")
		expectError(t, server, io.EOF)
	})
}

func TestCutResetsBothEnds(t *testing.T) {
	bubble(t, memnet.Options{Buffer: 1}, func(t *testing.T, client, server *memnet.Conn) {
		send(t, client, "l") // lost
		var g sync.WaitGroup
		g.Go(func() { expectError(t, client, syscall.ECONNRESET) })
		g.Go(func() {
			if err := client.WaitWrite(); !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("WaitWrite = %v", err)
			}
		})
		g.Go(func() {
			if n, err := client.Write([]byte("x")); n != 0 || !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("Write = %d, %v", n, err)
			}
		})
		synctest.Wait()
		server.Cut()
		g.Wait()
		if _, err := server.Receive(); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("Receive = %v", err)
		}
		if _, err := server.TryWrite([]byte("x")); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("TryWrite = %v", err)
		}
	})
}

func TestHalfClose(t *testing.T) {
	bubble(t, memnet.Options{}, func(t *testing.T, client, server *memnet.Conn) {
		send(t, client, "last words")
		if err := client.CloseWrite(); err != nil {
			t.Error(err)
		}
		if err := client.CloseWrite(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("second CloseWrite = %v", err)
		}
		if _, err := client.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Write after CloseWrite = %v", err)
		}
		expect(t, server, "last words")
		expectError(t, server, io.EOF)
		expectError(t, server, io.EOF)
		send(t, server, "answer")
		expect(t, client, "answer")
	})
}

func TestCloseIsSeenByThePeer(t *testing.T) {
	bubble(t, memnet.Options{}, func(t *testing.T, client, server *memnet.Conn) {
		send(t, client, "bye")
		if err := client.Close(); err != nil {
			t.Error(err)
		}
		expect(t, server, "bye")
		expectError(t, server, io.EOF)
		if _, err := server.Write([]byte("x")); !errors.Is(err, syscall.EPIPE) {
			t.Errorf("Write to a closed end = %v, want EPIPE", err)
		}
		if err := client.Close(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("second Close = %v", err)
		}
		if err := client.SetDeadline(time.Now()); !errors.Is(err, net.ErrClosed) {
			t.Errorf("SetDeadline after Close = %v", err)
		}
	})
}

func TestDeadlines(t *testing.T) {
	bubble(t, memnet.Options{Buffer: 4}, func(t *testing.T, client, server *memnet.Conn) {
		var timeout interface{ Timeout() bool }
		start := time.Now()
		_ = client.SetDeadline(start.Add(time.Second))
		_, err := client.Read(make([]byte, 1))
		if !errors.Is(err, os.ErrDeadlineExceeded) || !errors.As(err, &timeout) || !timeout.Timeout() {
			t.Errorf("Read = %v, want a timeout", err)
		}
		synctest.Wait() // both timers of SetDeadline have fired
		if n, err := client.Write([]byte("more")); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("Write after the deadline = %d, %v", n, err)
		}
		_ = client.SetReadDeadline(time.Time{})
		_ = client.SetWriteDeadline(start.Add(3 * time.Second))
		if n, err := client.Write([]byte("too much")); n != 4 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("Write of more than fits = %d, %v", n, err)
		}
		if got := time.Since(start); got != 3*time.Second {
			t.Errorf("the deadlines took %v, want 3s", got)
		}
		go func() {
			<-time.After(time.Second)
			_ = client.SetReadDeadline(time.Now()) // wakes the Read below
		}()
		expectError(t, client, os.ErrDeadlineExceeded)
		_ = client.SetDeadline(time.Now().Add(time.Second))
		_ = client.SetDeadline(time.Now().Add(time.Hour)) // the first must not fire
		go func() {
			<-time.After(time.Minute)
			send(t, server, "late")
		}()
		expect(t, client, "late")
	})
}

func TestWaitWriteWaitsForTheReader(t *testing.T) {
	bubble(t, memnet.Options{Buffer: 4}, func(t *testing.T, client, server *memnet.Conn) {
		if n, err := client.TryWrite([]byte("012345")); n != 4 || !errors.Is(err, netconn.ErrAgain) {
			t.Errorf("TryWrite = %d, %v; want 4, ErrAgain", n, err)
		}
		start := time.Now()
		go func() {
			<-time.After(time.Second)
			expect(t, server, "0123")
		}()
		if err := client.WaitWrite(); err != nil {
			t.Error(err)
		}
		if got := time.Since(start); got != time.Second {
			t.Errorf("WaitWrite took %v, want 1s", got)
		}
		synctest.Wait()
		if n, err := client.TryWrite([]byte("45")); n != 2 || err != nil {
			t.Errorf("TryWrite = %d, %v", n, err)
		}
	})
}
