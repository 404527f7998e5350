package engineio_test

import (
	"bytes"
	"compress/flate"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/gobwas/ws"

	"github.com/sockeye-io/sockeye/engineio"
)

// offered dials with an offer of extensions and returns what was agreed on.
func (r *rig) offered(query, offer string) (*conn, string) {
	r.t.Helper()
	if offer != "" {
		r.header.Set("Sec-WebSocket-Extensions", offer)
	}
	c := r.dial(query)
	r.header.Del("Sec-WebSocket-Extensions")
	resp, err := http.ReadResponse(c.in, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	equal(r.t, "status", resp.StatusCode, http.StatusSwitchingProtocols)
	return c, resp.Header.Get("Sec-WebSocket-Extensions")
}

// deflated compresses a message as a client does.
func deflated(t *testing.T, s string) string {
	t.Helper()
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, 9)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(w, s)
	w.Flush()
	return strings.TrimSuffix(b.String(), "\x00\x00\xff\xff")
}

// inflated undoes it; the frame's payload may be compressed or not.
func inflated(t *testing.T, f ws.Frame) (text string, compressed bool) {
	t.Helper()
	if f.Header.Rsv == 0 {
		return string(f.Payload), false
	}
	b, err := io.ReadAll(flate.NewReader(strings.NewReader(string(f.Payload) + "\x00\x00\xff\xff\x01\x00\x00\xff\xff")))
	if err != nil {
		t.Fatal(err)
	}
	return string(b), true
}

// rsv1 marks a frame as compressed.
func rsv1(frame []byte) []byte {
	frame[0] |= 0x40
	return frame
}

const directQuery = "EIO=4&transport=websocket"

func TestDeflateIsAgreedOn(t *testing.T) {
	t.Parallel()
	const answer = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
	for offer, want := range map[string]string{
		"":                   "",
		"permessage-deflate": answer,
		"permessage-deflate; client_max_window_bits":                             answer,
		"permessage-deflate; server_no_context_takeover; client_max_window_bits": answer,
		"permessage-deflate; server_max_window_bits=10":                          "",
		"permessage-deflate; server_max_window_bits=10, permessage-deflate":      answer,
		"x-webkit-deflate-frame":                                                 "",
	} {
		bubble(t, engineio.Options{PerMessageDeflate: &engineio.PerMessageDeflate{}}, func(t *testing.T, r *rig) {
			c, got := r.offered(directQuery, offer)
			got = strings.ReplaceAll(got, ";server", "; server")
			got = strings.ReplaceAll(got, ";client", "; client")
			if (want == "") != (got == "") || !sameParams(got, want) {
				t.Errorf("offer %q: agreed on %q, want %q", offer, got, want)
			}
			c.nc.Close()
		})
		bubble(t, engineio.Options{}, func(t *testing.T, r *rig) {
			c, got := r.offered(directQuery, offer)
			equal(t, "agreed on without the option", got, "")
			c.nc.Close()
		})
	}
}

// sameParams compares extensions without regard to the order of parameters.
func sameParams(a, b string) bool {
	set := func(s string) map[string]bool {
		m := map[string]bool{}
		for p := range strings.SplitSeq(s, ";") {
			m[strings.TrimSpace(p)] = true
		}
		return m
	}
	x, y := set(a), set(b)
	for k := range x {
		if !y[k] {
			return false
		}
	}
	return len(x) == len(y)
}

func TestDeflateBothWays(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("sockeye ", 500)
	bubble(t, engineio.Options{PerMessageDeflate: &engineio.PerMessageDeflate{}}, func(t *testing.T, r *rig) {
		r.echo()
		for _, upgrade := range []bool{false, true} {
			var c *conn
			if upgrade {
				_, sid := r.poller()
				c, _ = r.offered(directQuery+"&sid="+sid, "permessage-deflate")
				c.send("2probe", "5")
				equal(t, "answer", c.text(), "3probe")
			} else {
				c, _ = r.offered(directQuery, "permessage-deflate")
				c.text()
			}
			for range 3 { // compressors are reused, windows are not
				for _, m := range []string{"short", long, ""} {
					for _, compress := range []bool{true, false} {
						f := frame(ws.OpText, "4"+m)
						if compress {
							f = rsv1(frame(ws.OpText, deflated(t, "4"+m)))
						}
						c.nc.Write(f)
						got, compressed := inflated(t, c.read())
						equal(t, "echo", got, "4"+m)
						equal(t, "compressed", compressed, len(m) > 1023)
					}
				}
				c.nc.Write(rsv1(frame(ws.OpBinary, deflated(t, long))))
				f := c.read()
				equal(t, "opcode", f.Header.OpCode, ws.OpBinary)
				got, compressed := inflated(t, f)
				equal(t, "echo", got, long)
				equal(t, "compressed", compressed, true)
				if len(f.Payload) > len(long)/5 {
					t.Errorf("%d bytes became %d", len(long), len(f.Payload))
				}
			}
			c.nc.Close()
		}
	})
}

func TestDeflateFragments(t *testing.T) {
	t.Parallel()
	bubble(t, engineio.Options{PerMessageDeflate: &engineio.PerMessageDeflate{}}, func(t *testing.T, r *rig) {
		r.echo()
		c, _ := r.offered(directQuery, "permessage-deflate")
		c.text()
		small := deflated(t, "4"+strings.Repeat("abc", 50))
		first := rsv1(frame(ws.OpText, small[:3]))
		first[0] &^= 0x80
		c.nc.Write(append(first, frame(ws.OpContinuation, small[3:])...))
		equal(t, "echo", c.text(), "4"+strings.Repeat("abc", 50))
		c.nc.Close()
	})
}

func TestDeflateRefusesBadInput(t *testing.T) {
	t.Parallel()
	// A megabyte of zeros is a kilobyte on the wire.
	bomb := deflated(t, "4"+strings.Repeat("\x00", 2_000_000))
	for name, tc := range map[string]struct {
		offer string
		frame []byte
		code  int
	}{
		"bit set without agreement":  {"", rsv1(frame(ws.OpText, deflated(t, "4a"))), 1002},
		"bit set on a control frame": {"permessage-deflate", rsv1(frame(ws.OpPing, "a")), 1002},
		"bit set on a continuation": {"permessage-deflate", func() []byte {
			first := frame(ws.OpText, "4a")
			first[0] &^= 0x80
			return append(first, rsv1(frame(ws.OpContinuation, "b"))...)
		}(), 1002},
		"not deflate":           {"permessage-deflate", rsv1(frame(ws.OpText, "\xff\xff\xff\xff")), 1007},
		"cut short":             {"permessage-deflate", rsv1(frame(ws.OpText, deflated(t, strings.Repeat("4abc", 999))[:10])), 1007},
		"text that is no UTF-8": {"permessage-deflate", rsv1(frame(ws.OpText, deflated(t, "4\xff"))), 1007},
		"bomb":                  {"permessage-deflate", rsv1(frame(ws.OpText, bomb)), 1009},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, engineio.Options{PerMessageDeflate: &engineio.PerMessageDeflate{}}, func(t *testing.T, r *rig) {
				ends := r.closes()
				c, _ := r.offered(directQuery, tc.offer)
				c.text()
				c.nc.Write(tc.frame)
				equal(t, "close code", c.closed(), tc.code)
				end := wantEnd(t, ends, engineio.ReasonTransportError)
				equal(t, "too large", errors.Is(end.Err, engineio.ErrMessageTooLarge), tc.code == 1009)
			})
		})
	}
}

func TestDeflatePlainMessages(t *testing.T) {
	t.Parallel()
	long := []byte(strings.Repeat("a", 5000))
	bubble(t, engineio.Options{PerMessageDeflate: &engineio.PerMessageDeflate{Threshold: 10, Level: 9}}, func(t *testing.T, r *rig) {
		c, _ := r.offered(directQuery, "permessage-deflate")
		s := r.srv.Session(parseOpen(t, c.text()).SID)
		other, o := r.socket() // has agreed to nothing
		for _, tc := range []struct {
			send       func(*engineio.Session) error
			compressed bool
		}{
			{func(s *engineio.Session) error { return s.Write(long, nil, engineio.WriteOptions{}) }, true},
			{func(s *engineio.Session) error { return s.Write(long, nil, engineio.WriteOptions{Plain: true}) }, false},
			{func(s *engineio.Session) error {
				return s.WritePrepared(r.srv.Prepare(long, nil), engineio.WriteOptions{})
			}, true},
			{func(s *engineio.Session) error {
				return s.WritePrepared(engineio.Prepare(long, nil), engineio.WriteOptions{})
			}, false},
		} {
			for _, s := range []*engineio.Session{s, r.srv.Session(o.SID)} {
				if err := tc.send(s); err != nil {
					t.Fatal(err)
				}
			}
			got, compressed := inflated(t, c.read())
			equal(t, "message", got, "4"+string(long))
			equal(t, "compressed", compressed, tc.compressed)
			equal(t, "message to a peer without compression", other.text(), "4"+string(long))
		}
		c.nc.Close()
		other.nc.Close()
	})
}

// TestDeflateOncePerBroadcast counts what a broadcast allocates: one compressed
// form, whatever the number of members.
func TestDeflateOncePerBroadcast(t *testing.T) {
	t.Parallel()
	bubble(t, engineio.Options{PerMessageDeflate: &engineio.PerMessageDeflate{}}, func(t *testing.T, r *rig) {
		var members []*engineio.Session
		r.srv.OnConnect(func(_ context.Context, s *engineio.Session) error {
			members = append(members, s)
			return nil
		})
		const n = 5
		var conns []*conn
		for range n {
			c, _ := r.offered(directQuery, "permessage-deflate")
			c.text()
			conns = append(conns, c)
			synctest.Wait()
		}
		p := r.srv.Prepare(bytes.Repeat([]byte("x"), 10_000), [][]byte{bytes.Repeat([]byte("y"), 10_000), {1}})
		fan := r.srv.NewFanout(p, engineio.WriteOptions{})
		for _, s := range members {
			fan.Add(s)
		}
		fan.Done()
		for _, c := range conns {
			for _, want := range []struct {
				length     int
				compressed bool
			}{{10_001, true}, {10_000, true}, {1, false}} {
				got, compressed := inflated(t, c.read())
				equal(t, "length", len(got), want.length)
				equal(t, "compressed", compressed, want.compressed)
			}
			c.nc.Close()
		}
	})
}
