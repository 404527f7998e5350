package engineio_test

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sockeye-io/sockeye/engineio"
)

// inflate undoes a content coding.
func inflate(t *testing.T, coding, body string) string {
	t.Helper()
	var r io.Reader = strings.NewReader(body)
	var err error
	switch coding {
	case "gzip":
		r, err = gzip.NewReader(r)
	case "deflate":
		r, err = zlib.NewReader(r)
	}
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestPollsAreCompressed(t *testing.T) {
	t.Parallel()
	none := []engineio.Compressor{}
	for name, tc := range map[string]struct {
		o      engineio.Options
		accept string
		length int // of the message; the packet has one byte more
		want   string
	}{
		"gzip":                         {accept: "gzip", length: 1023, want: "gzip"},
		"below the threshold":          {accept: "gzip", length: 1022},
		"own threshold":                {o: engineio.Options{CompressionThreshold: 10}, accept: "gzip", length: 9, want: "gzip"},
		"deflate":                      {accept: "deflate", length: 5000, want: "deflate"},
		"the server's order":           {accept: "deflate, gzip", length: 5000, want: "gzip"},
		"the client's weights":         {accept: "deflate, gzip;q=0.5", length: 5000, want: "deflate"},
		"refused with q=0":             {accept: "gzip;q=0", length: 5000},
		"anything":                     {accept: "*", length: 5000, want: "gzip"},
		"anything but gzip":            {accept: "gzip;q=0, *", length: 5000, want: "deflate"},
		"plain preferred":              {accept: "gzip;q=0.5, identity", length: 5000},
		"case does not matter":         {accept: "GZIP;Q=0.3", length: 5000, want: "gzip"},
		"malformed weight":             {accept: "gzip;q=x", length: 5000},
		"unknown coding":               {accept: "compress", length: 5000},
		"not asked for":                {accept: "identity", length: 5000},
		"turned off":                   {o: engineio.Options{Compressors: none}, accept: "gzip", length: 5000},
		"only what the server offers":  {o: engineio.Options{Compressors: []engineio.Compressor{engineio.Deflate()}}, accept: "gzip, deflate;q=0.1", length: 5000, want: "deflate"},
		"as browsers ask":              {accept: "gzip, deflate, br, zstd", length: 5000, want: "gzip"},
		"spaces and parameters do not": {accept: " deflate ; x=1 ; q=0.7 , gzip ; q=0.2", length: 5000, want: "deflate"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, tc.o, func(t *testing.T, r *rig) {
				r.header.Set("User-Agent", "Mozilla/5.0")
				q, sid := r.poller()
				for range 2 { // the compressors are reused
					message := strings.Repeat("a", tc.length)
					if err := r.srv.Session(sid).Send(message); err != nil {
						t.Fatal(err)
					}
					a := r.do("GET", q, "", "Accept-Encoding", tc.accept)
					equal(t, "Content-Encoding", a.header.Get("Content-Encoding"), tc.want)
					equal(t, "Content-Length", a.header.Get("Content-Length"), strconv.Itoa(len(a.body)))
					if got := inflate(t, tc.want, a.body); got != "4"+message {
						t.Errorf("got %d bytes, want %d", len(got), tc.length+1)
					}
					if tc.o.Compressors == nil && tc.length > 1022 {
						equal(t, "Vary", a.header.Get("Vary"), "Accept-Encoding")
					}
				}
			})
		})
	}
}

func TestCompressorsAppend(t *testing.T) {
	t.Parallel()
	for _, c := range []engineio.Compressor{engineio.Gzip(), engineio.Deflate()} {
		out, err := c.Append([]byte("before"), []byte("text"))
		if err != nil {
			t.Fatal(err)
		}
		rest, ok := bytes.CutPrefix(out, []byte("before"))
		equal(t, "what stood there stays", ok, true)
		equal(t, c.Name(), inflate(t, c.Name(), string(rest)), "text")
	}
}

func TestCookieOnEveryHandshake(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		cookie func(*http.Request, string) *http.Cookie
		want   []string // SID stands for the session's id
	}{
		"none":  {nil, nil},
		"usual": {engineio.SessionCookie("io"), []string{"io=SID; Path=/; HttpOnly; SameSite=Lax"}},
		"custom": {func(_ *http.Request, sid string) *http.Cookie {
			return &http.Cookie{Name: "lb", Value: sid, Path: "/app", MaxAge: 60, Domain: "example.test"}
		}, []string{"lb=SID; Path=/app; Domain=example.test; Max-Age=60"}},
		"not for this one": {func(*http.Request, string) *http.Cookie { return nil }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, engineio.Options{Cookie: tc.cookie}, func(t *testing.T, r *rig) {
				check := func(what string, h http.Header, sid string) {
					t.Helper()
					got := h.Values("Set-Cookie")
					for i := range got {
						got[i] = strings.Replace(got[i], sid, "SID", 1)
					}
					if diff := cmp.Diff(tc.want, got); diff != "" {
						t.Errorf("%s: %s", what, diff)
					}
				}
				a := r.do("GET", polling, "")
				sid := parseOpen(t, a.body).SID
				check("polling", a.header, sid)
				equal(t, "cookies of a later answer", len(r.do("POST", polling+"&sid="+sid, "4a").header.Values("Set-Cookie")), 0)
				c := r.dial("EIO=4&transport=websocket")
				resp, err := http.ReadResponse(c.in, nil)
				if err != nil {
					t.Fatal(err)
				}
				check("WebSocket", resp.Header, parseOpen(t, c.text()).SID)
				c.nc.Close()
			})
		})
	}
}

func TestHeadersHook(t *testing.T) {
	t.Parallel()
	o := engineio.Options{Headers: func(h http.Header, r *http.Request, sid string) {
		h.Add("X-First", strconv.FormatBool(r.URL.Query().Get("sid") == ""))
		h.Add("X-Multi", "a")
		h.Add("X-Multi", "b")
		h.Set("X-Sid", sid)
	}}
	bubble(t, o, func(t *testing.T, r *rig) {
		check := func(h http.Header, first, sid string) {
			t.Helper()
			equal(t, "X-First", h.Get("X-First"), first)
			equal(t, "X-Sid", h.Get("X-Sid"), sid)
			if diff := cmp.Diff([]string{"a", "b"}, h.Values("X-Multi")); diff != "" {
				t.Errorf("several values of a header: %s", diff)
			}
		}
		a := r.do("GET", polling, "")
		sid := parseOpen(t, a.body).SID
		check(a.header, "true", sid)
		check(r.do("POST", polling+"&sid="+sid, "4a").header, "false", sid)
		for _, query := range []string{"EIO=4&transport=websocket", "EIO=4&transport=websocket&sid=" + sid} {
			c := r.dial(query)
			resp, err := http.ReadResponse(c.in, nil)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(query, "sid") {
				check(resp.Header, "false", sid)
			} else {
				check(resp.Header, "true", parseOpen(t, c.text()).SID)
			}
			c.nc.Close()
		}
		refused := r.do("GET", "EIO=4&transport=abc", "")
		equal(t, "headers of a refusal", refused.header.Get("X-Sid"), "")
	})
}

// wrapped hides everything of a response writer but Unwrap, as the wrappers of
// logging and metrics middleware do.
type wrapped struct{ http.ResponseWriter }

func (w wrapped) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func TestHTTPMiddleware(t *testing.T) {
	t.Parallel()
	seen := 0
	middleware := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			seen++
			if r.Header.Get("Authorization") != "secret" {
				http.Error(w, "who are you?", http.StatusUnauthorized)
				return
			}
			w.Header().Set("X-Served-By", "middleware")
			next.ServeHTTP(wrapped{w}, r)
		})
	}
	bubbleWith(t, engineio.Options{}, middleware, func(t *testing.T, r *rig) {
		equal(t, "status without authorization", r.do("GET", polling, "").status, http.StatusUnauthorized)
		c := r.dial("EIO=4&transport=websocket")
		resp, err := http.ReadResponse(c.in, nil)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "status of a WebSocket without it", resp.StatusCode, http.StatusUnauthorized)
		c.nc.Close()
		r.header.Set("Authorization", "secret")
		a := r.do("GET", polling, "")
		equal(t, "header", a.header.Get("X-Served-By"), "middleware")
		c = r.dial("EIO=4&transport=websocket&sid=" + parseOpen(t, a.body).SID)
		resp, err = http.ReadResponse(c.in, nil)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "header of the answer to an upgrade", resp.Header.Get("X-Served-By"), "middleware")
		c.send("2probe", "5")
		equal(t, "answer", c.text(), "3probe")
		equal(t, "requests that the middleware saw", seen, 4)
		c.nc.Close()
	})
}
