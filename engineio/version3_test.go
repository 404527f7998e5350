package engineio_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf16"

	"github.com/gobwas/ws"

	"github.com/sockeye-io/sockeye/engineio"
)

const polling3 = "EIO=3&transport=polling"

var eio3 = engineio.Options{AllowEIO3: true}

// single returns the one packet of a textual payload of version 3.
func single(t *testing.T, payload string) string {
	t.Helper()
	length, packet, _ := strings.Cut(payload, ":")
	if n, err := strconv.Atoi(length); err != nil || n != len(utf16.Encode([]rune(packet))) {
		t.Fatalf("%q is not one packet", payload)
	}
	return packet
}

// poller3 opens a polling session of version 3; more is added to the query of
// the handshake.
func (r *rig) poller3(more string) (query, sid string) {
	r.t.Helper()
	sid = parseOpen(r.t, single(r.t, r.do("GET", polling3+more, "").body)).SID
	return polling3 + "&sid=" + sid, sid
}

// socket3 opens a WebSocket session of version 3.
func (r *rig) socket3(more string) (*conn, open) {
	r.t.Helper()
	c := r.dial("EIO=3&transport=websocket" + more).accepted()
	return c, parseOpen(r.t, c.text())
}

// binary returns the payload of the next frame, which must be binary.
func (c *conn) binary() string {
	c.t.Helper()
	f := c.read()
	if f.Header.OpCode != ws.OpBinary {
		c.t.Fatalf("got frame %+v, want binary", f.Header)
	}
	return string(f.Payload)
}

func TestVersionIsRefused(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule, query string
		options     engineio.Options
		allowed     bool
	}{
		{"version 3 is refused", "EIO=3", engineio.Options{}, false},
		{"unless allowed", "EIO=3", eio3, true},
		{"version 4 is taken beside it", "EIO=4", eio3, true},
		{"no version is refused all the same", "", eio3, false},
		{"and so are others", "EIO=2", eio3, false},
		{"and two of them", "EIO=3&EIO=3", eio3, false},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			bubble(t, test.options, func(t *testing.T, r *rig) {
				a := r.do("GET", "transport=polling&"+test.query, "")
				c := r.dial("transport=websocket&" + test.query)
				resp, err := http.ReadResponse(c.in, nil)
				if err != nil {
					t.Fatal(err)
				}
				c.nc.Close()
				if test.allowed {
					equal(t, "polling", a.status, 200)
					equal(t, "WebSocket", resp.StatusCode, 101)
					return
				}
				equal(t, "polling", a.body, `{"code":5,"message":"Unsupported protocol version"}`)
				equal(t, "WebSocket", resp.StatusCode, 400)
			})
		})
	}
}

func TestVersion3Handshake(t *testing.T) {
	t.Parallel()
	o := eio3
	o.InitialMessage = "hi €"
	bubble(t, o, func(t *testing.T, r *rig) {
		a := r.do("GET", polling3, "")
		equal(t, "Content-Type", a.header.Get("Content-Type"), "text/plain; charset=UTF-8")
		open := parseOpen(t, single(t, a.body)) // the OPEN packet alone
		equal(t, "maxPayload", open.MaxPayload, 1_000_000)
		equal(t, "pingInterval", open.PingInterval, 25_000)
		equal(t, "next poll", r.do("GET", polling3+"&sid="+open.SID, "").body, "5:4hi €")
		equal(t, "Protocol", r.srv.Session(open.SID).Protocol(), 3)
		mismatch := r.do("GET", polling+"&sid="+open.SID, "")
		equal(t, "a request of version 4", mismatch.body, `{"code":3,"message":"Bad request"}`)
		equal(t, "a request of no version", r.do("POST", "transport=polling&sid="+open.SID, "1:2").body, "ok")
		c, _ := r.socket3("")
		equal(t, "initial message", c.text(), "4hi €")
		c.nc.Close()
		_, sid := r.poller()
		equal(t, "Protocol", r.srv.Session(sid).Protocol(), 4)
	})
}

func TestVersion3Messages(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule, query string // of the handshake
		body        string
		binary      bool // the POST is
		want        string
		wantBinary  bool
	}{
		{"one packet", "", "6:4hello", false, "6:4hello", false},
		{"several packets", "", "6:4test16:4test26:4test3", false, "6:4test16:4test26:4test3", false},
		{"lengths in UTF-16 code units", "", "2:4€3:4😀", false, "2:4€3:4😀", false},
		{"binary for a client that takes it", "", "6:4hello10:b4AQIDBA==", false, "\x00\x06\xff4hello\x01\x05\xff\x04\x01\x02\x03\x04", true},
		{"binary from a client", "", "\x00\x06\xff4hello\x00\x04\xff4€\x01\x05\xff\x04\x01\x02\x03\x04", true, "\x00\x06\xff4hello\x00\x04\xff4€\x01\x05\xff\x04\x01\x02\x03\x04", true},
		{"base64 if it asks for that", "&b64=1", "6:4hello10:b4AQIDBA==", false, "6:4hello10:b4AQIDBA==", false},
		{"in another spelling", "&b64=true", "10:b4AQIDBA==", false, "10:b4AQIDBA==", false},
		{"not if it asks for none", "&b64=0", "10:b4AQIDBA==", false, "\x01\x05\xff\x04\x01\x02\x03\x04", true},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			bubble(t, eio3, func(t *testing.T, r *rig) {
				r.echo()
				q, _ := r.poller3(test.query)
				contentType := "text/plain;charset=UTF-8"
				if test.binary {
					contentType = "application/octet-stream"
				}
				equal(t, "POST", r.do("POST", q, test.body, "Content-Type", contentType).body, "ok")
				synctest.Wait()
				a := r.do("GET", q, "")
				equal(t, "poll", a.body, test.want)
				wantType := "text/plain; charset=UTF-8"
				if test.wantBinary {
					wantType = "application/octet-stream"
				}
				equal(t, "Content-Type", a.header.Get("Content-Type"), wantType)
			})
		})
	}
}

func TestBinaryOverWebSocket(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule, query string
		send        func(c *conn)
		want        string
		text        bool
	}{
		{"version 3 begins with the type", "EIO=3", func(c *conn) { c.nc.Write(frame(ws.OpBinary, "\x04\x01\x02\x03")) }, "\x04\x01\x02\x03", false},
		{"version 3 reads base64", "EIO=3", func(c *conn) { c.send("b4AQID") }, "\x04\x01\x02\x03", false},
		{"version 3 as text", "EIO=3&b64=1", func(c *conn) { c.nc.Write(frame(ws.OpBinary, "\x04\x01\x02\x03")) }, "b4AQID", true},
		{"version 4", "EIO=4", func(c *conn) { c.send("bAQID") }, "\x01\x02\x03", false},
		{"version 4 as text", "EIO=4&b64=1", func(c *conn) { c.nc.Write(frame(ws.OpBinary, "\x01\x02\x03")) }, "bAQID", true},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			bubble(t, eio3, func(t *testing.T, r *rig) {
				r.echo()
				c := r.dial(test.query + "&transport=websocket").accepted()
				parseOpen(t, c.text())
				test.send(c)
				if test.text {
					equal(t, "answer", c.text(), test.want)
				} else {
					equal(t, "answer", c.binary(), test.want)
				}
				c.nc.Close()
			})
		})
	}
}

func TestVersion3Heartbeat(t *testing.T) {
	t.Parallel()
	bubble(t, eio3, func(t *testing.T, r *rig) {
		ends := r.closes()
		c, _ := r.socket3("")
		q, _ := r.poller3("")
		for range 3 {
			time.Sleep(44 * time.Second) //nolint:forbidigo // virtual time
			c.send("2")
			equal(t, "pong", c.text(), "3")
			c.send("2data")
			equal(t, "pong to a ping with data", c.text(), "3")
			equal(t, "ping over polling", r.do("POST", q, "1:2").body, "ok")
			equal(t, "pong over polling", r.do("GET", q, "").body, "1:3")
		}
		time.Sleep(44 * time.Second) //nolint:forbidigo // virtual time
		equal(t, "sessions", r.srv.Len(), 2)
		time.Sleep(2 * time.Second) //nolint:forbidigo // virtual time
		wantEnd(t, ends, engineio.ReasonPingTimeout)
		wantEnd(t, ends, engineio.ReasonPingTimeout)
		equal(t, "late ping", r.do("POST", q, "1:2").status, 400)
		c.nc.Close()
	})
}

// TestVersion3HeartbeatLivesOn: a client that falls silent after an upgrade is
// noticed too.
func TestVersion3HeartbeatLivesOn(t *testing.T) {
	t.Parallel()
	bubble(t, eio3, func(t *testing.T, r *rig) {
		r.echo()
		ends := r.closes()
		q, sid := r.poller3("")
		time.Sleep(30 * time.Second) //nolint:forbidigo // virtual time
		c := r.dial("EIO=3&transport=websocket&sid=" + sid).accepted()
		c.send("2probe")
		equal(t, "answer", c.text(), "3probe")
		equal(t, "poll", r.do("GET", q, "").body, "1:6")
		c.send("5", "4hello")
		equal(t, "message", c.text(), "4hello")
		c.send("2")
		equal(t, "pong", c.text(), "3")
		c.nc.Write(frame(ws.OpBinary, "\x04x"))
		equal(t, "binary", c.binary(), "\x04x")
		equal(t, "HTTP is over", r.do("GET", q, "").status, 400)
		time.Sleep(44 * time.Second) //nolint:forbidigo // virtual time
		equal(t, "sessions", r.srv.Len(), 1)
		time.Sleep(2 * time.Second) //nolint:forbidigo // virtual time
		wantEnd(t, ends, engineio.ReasonPingTimeout)
		c.nc.Close()
	})
}

func TestVersion3PauseHoldsTheTimeout(t *testing.T) {
	t.Parallel()
	bubble(t, eio3, func(t *testing.T, r *rig) {
		ends := r.closes()
		c, open := r.socket3("")
		s := r.srv.Session(open.SID)
		s.Pause()
		time.Sleep(time.Hour) //nolint:forbidigo // virtual time
		equal(t, "sessions", r.srv.Len(), 1)
		s.Resume()
		time.Sleep(44 * time.Second) //nolint:forbidigo // virtual time
		equal(t, "sessions", r.srv.Len(), 1)
		time.Sleep(2 * time.Second) //nolint:forbidigo // virtual time
		wantEnd(t, ends, engineio.ReasonPingTimeout)
		c.nc.Close()
	})
}

func TestVersion3Ends(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule   string
		body   string
		header []string
		status int
		poll   string
		reason engineio.Reason
	}{
		{"a close packet", "1:1", nil, 200, "1:6", engineio.ReasonTransportClose},
		{"a body that is no payload", "abc", nil, 400, "1:1", engineio.ReasonParseError},
		{"a body of version 4", "4hello", nil, 400, "1:1", engineio.ReasonParseError},
		{"a binary body that is none", "6:4hello", []string{"Content-Type", "application/octet-stream"}, 400, "1:1", engineio.ReasonParseError},
		{"a pong", "1:3", nil, 400, "1:1", engineio.ReasonTransportError},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			bubble(t, eio3, func(t *testing.T, r *rig) {
				ends := r.closes()
				q, _ := r.poller3("")
				poll := make(chan answer, 1)
				go func() { poll <- r.do("GET", q, "") }()
				synctest.Wait()
				equal(t, "POST", r.do("POST", q, test.body, test.header...).status, test.status)
				equal(t, "open poll", (<-poll).body, test.poll)
				wantEnd(t, ends, test.reason)
				equal(t, "later poll", r.do("GET", q, "").status, 400)
			})
		})
	}
	bubble(t, eio3, func(t *testing.T, r *rig) {
		ends := r.closes()
		for _, spoil := range []func(c *conn){
			func(c *conn) { c.send("abc") },
			func(c *conn) { c.send("3") },
			func(c *conn) { c.send("1") },
			func(c *conn) { c.nc.Write(frame(ws.OpBinary, "4text")) },
			func(c *conn) { c.nc.Write(frame(ws.OpBinary, "")) },
		} {
			c, _ := r.socket3("")
			spoil(c)
			c.closed()
		}
		for _, reason := range []engineio.Reason{
			engineio.ReasonParseError, engineio.ReasonTransportError, engineio.ReasonTransportClose,
			engineio.ReasonParseError, engineio.ReasonParseError,
		} {
			wantEnd(t, ends, reason)
		}
	})
}

func TestVersion3ServerCloses(t *testing.T) {
	t.Parallel()
	bubble(t, eio3, func(t *testing.T, r *rig) {
		q, sid := r.poller3("")
		s := r.srv.Session(sid)
		if err := s.SendBinary([]byte{1}); err != nil {
			t.Fatal(err)
		}
		s.Close()
		equal(t, "what was sent", r.do("GET", q, "").body, "\x01\x02\xff\x04\x01")
		equal(t, "goodbye", r.do("GET", q, "").body, "1:1")
	})
}

// TestFanoutSpeaksToEveryone: one prepared message for clients of all kinds.
func TestFanoutSpeaksToEveryone(t *testing.T) {
	t.Parallel()
	bubble(t, eio3, func(t *testing.T, r *rig) {
		var sessions []*engineio.Session
		r.srv.OnConnect(func(_ context.Context, s *engineio.Session) error {
			sessions = append(sessions, s)
			return nil
		})
		type member struct {
			query, first string
			binary       bool
			second       string
		}
		members := []member{
			{"EIO=4", "4a", true, "\x01\x02"},
			{"EIO=3", "4a", true, "\x04\x01\x02"},
			{"EIO=4&b64=1", "4a", false, "bAQI="},
			{"EIO=3&b64=1", "4a", false, "b4AQI="},
		}
		var conns []*conn
		for _, m := range members {
			c := r.dial(m.query + "&transport=websocket").accepted()
			parseOpen(t, c.text())
			conns = append(conns, c)
		}
		q, _ := r.poller3("")
		synctest.Wait()
		fan := r.srv.NewFanout(engineio.Prepare([]byte("a"), [][]byte{{1, 2}}), engineio.WriteOptions{})
		for _, s := range sessions {
			fan.Add(s)
		}
		fan.Done()
		for i, m := range members {
			equal(t, m.query, conns[i].text(), m.first)
			if m.binary {
				equal(t, m.query, conns[i].binary(), m.second)
			} else {
				equal(t, m.query, conns[i].text(), m.second)
			}
			conns[i].nc.Close()
		}
		equal(t, "poll", r.do("GET", q, "").body, "\x00\x02\xff4a\x01\x03\xff\x04\x01\x02")
	})
}

// script returns the payload of an answer in JSONP.
func script(t *testing.T, a answer, index string) string {
	t.Helper()
	quoted, ok := strings.CutPrefix(a.body, "___eio["+index+"](")
	quoted, end := strings.CutSuffix(quoted, ");")
	var payload string
	if err := json.Unmarshal([]byte(quoted), &payload); err != nil || !ok || !end {
		t.Fatalf("%d %q is not a script for callback %s: %v", a.status, a.body, index, err)
	}
	equal(t, "Content-Type", a.header.Get("Content-Type"), "text/plain; charset=UTF-8")
	return payload
}

func TestJSONP(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ version, post, poll, pong, noop string }{
		{"3", "d=14%3A4%22%E2%82%AC%5C%5Cn%5Cn%5C%5C%22+%26%F0%9F%90%9F%E2%80%A810%3Ab4AQIDBA%3D%3D", "14:4\"€\\n\n\\\\\" &🐟\u202810:b4AQIDBA==", "1:3", "1:6"},
		{"4", "d=4%22%E2%82%AC%5C%5Cn%5Cn%5C%5C%22+%26%F0%9F%90%9F%E2%80%A8%1EbAQIDBA%3D%3D", "4\"€\\n\n\\\\\" &🐟\u2028\x1ebAQIDBA==", "", "6"},
	} {
		t.Run("version "+test.version, func(t *testing.T) {
			t.Parallel()
			bubble(t, eio3, func(t *testing.T, r *rig) {
				r.echo()
				q := "EIO=" + test.version + "&transport=polling"
				first := script(t, r.do("GET", q+"&j=1x2", ""), "12")
				if test.version == "3" {
					first = single(t, first)
				}
				sid := parseOpen(t, first).SID
				q += "&sid=" + sid
				equal(t, "POST", r.do("POST", q+"&j=12", test.post, "Content-Type", "application/x-www-form-urlencoded").body, "ok")
				synctest.Wait()
				a := r.do("GET", q+"&j=99", "") // the handshake's index counts
				equal(t, "poll", script(t, a, "12"), test.poll)
				if strings.Contains(a.body, "\u2028") {
					t.Error("a separator stands in the script")
				}
				if test.pong != "" {
					equal(t, "ping", r.do("POST", q, "d=1%3A2").body, "ok")
					equal(t, "pong", script(t, r.do("GET", q, ""), "12"), test.pong)
				}
				c := r.dial("EIO=" + test.version + "&transport=websocket&sid=" + sid).accepted()
				c.send("2probe")
				equal(t, "answer", c.text(), "3probe")
				equal(t, "noop", script(t, r.do("GET", q, ""), "12"), test.noop)
				c.nc.Close()
				ends := r.closes()
				equal(t, "a POST without the field", r.do("POST", q, "e=1").status, 400)
				wantEnd(t, ends, engineio.ReasonParseError)
			})
		})
	}
}

func TestJSONPIsCompressed(t *testing.T) {
	t.Parallel()
	bubble(t, engineio.Options{CompressionThreshold: 10}, func(t *testing.T, r *rig) {
		a := r.do("GET", polling+"&j=0", "", "Accept-Encoding", "gzip")
		equal(t, "Content-Encoding", a.header.Get("Content-Encoding"), "gzip")
	})
}

// TestJSONPOrigin: a script element sends no Origin, so a page of any origin
// could take a session over in its user's name.
func TestJSONPOrigin(t *testing.T) {
	t.Parallel()
	listed := engineio.CORS{Origins: []string{"https://app.example"}}
	for _, test := range []struct {
		rule   string
		cors   engineio.CORS
		query  string
		header []string
		status int
	}{
		{"no page at all", engineio.CORS{}, "&j=0", nil, 200},
		{"a page of the server", engineio.CORS{}, "&j=0", []string{"Referer", "http://example.test/page?x"}, 200},
		{"a page of another", engineio.CORS{}, "&j=0", []string{"Referer", "http://evil.example/page"}, 403},
		{"a page that hides itself", engineio.CORS{}, "&j=0", []string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"a page of another subdomain that hides itself", engineio.CORS{}, "&j=0", []string{"Sec-Fetch-Site", "same-site"}, 403},
		{"a page of the server that hides itself", engineio.CORS{}, "&j=0", []string{"Sec-Fetch-Site", "same-origin"}, 200},
		{"an address typed in", engineio.CORS{}, "&j=0", []string{"Sec-Fetch-Site", "none"}, 200},
		{"a Referer that is no address", engineio.CORS{}, "&j=0", []string{"Referer", "evil"}, 403},
		{"a page that is listed", listed, "&j=0", []string{"Referer", "https://app.example/", "Sec-Fetch-Site", "cross-site"}, 200},
		{"a page that is not", listed, "&j=0", []string{"Referer", "https://other.example/"}, 403},
		{"an Origin counts more", listed, "&j=0", []string{"Origin", "https://app.example", "Referer", "https://other.example/"}, 200},
		{"any page", engineio.CORS{Origins: []string{"*"}}, "&j=0", []string{"Sec-Fetch-Site", "cross-site"}, 200},
		{"not asked here", engineio.CORS{Off: true}, "&j=0", []string{"Referer", "http://evil.example/page"}, 200},
		{"without JSONP a script reads nothing", engineio.CORS{}, "", []string{"Referer", "http://evil.example/page"}, 200},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			bubble(t, engineio.Options{CORS: test.cors}, func(t *testing.T, r *rig) {
				equal(t, "status", r.do("GET", polling+test.query, "", test.header...).status, test.status)
			})
		})
	}
}
