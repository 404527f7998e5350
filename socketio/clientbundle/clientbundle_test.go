package clientbundle_test

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sockeye-io/sockeye/socketio/clientbundle"
)

const etag = `"` + clientbundle.Version + `"`

// names are the files that the Node.js server serves.
var names = []string{
	"socket.io.js", "socket.io.js.map",
	"socket.io.min.js", "socket.io.min.js.map",
	"socket.io.msgpack.min.js", "socket.io.msgpack.min.js.map",
	"socket.io.esm.min.js", "socket.io.esm.min.js.map",
}

type answer struct {
	status int
	header http.Header
	body   []byte
}

// do sends one request over the network, so that the answer is what a client sees.
// The header's names and values alternate.
func do(t *testing.T, method, path string, header ...string) answer {
	t.Helper()
	web := httptest.NewServer(clientbundle.Handler())
	defer web.Close()
	req, err := http.NewRequestWithContext(t.Context(), method, web.URL+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	client := &http.Client{Transport: &http.Transport{DisableCompression: true, DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	resp.Header.Del("Date")
	resp.Header.Del("Connection") // ours, from DisableKeepAlives
	return answer{resp.StatusCode, resp.Header, body}
}

// plain undoes a content coding of the standard library.
func plain(t *testing.T, coding string, body []byte) []byte {
	t.Helper()
	var r io.Reader = bytes.NewReader(body)
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
	out, err := io.ReadAll(r)
	if err != nil {
		t.Fatalf("%s: %v", coding, err)
	}
	return out
}

// The bytes are compared with those of the npm package, Brotli included, in
// conformance/bundle.TestClientBundle.
func TestFilesAndTheirHeaders(t *testing.T) {
	t.Parallel()
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			kind := "application/javascript; charset=utf-8"
			if strings.HasSuffix(name, ".map") {
				kind = "application/json; charset=utf-8"
			}
			a := do(t, "GET", "/socket.io/"+name)
			want := http.Header{
				"Cache-Control":  {"public, max-age=0"},
				"Content-Length": {strconv.Itoa(len(a.body))},
				"Content-Type":   {kind},
				"Etag":           {etag},
				"Vary":           {"Accept-Encoding"},
			}
			if diff := cmp.Diff(want, a.header); a.status != 200 || diff != "" {
				t.Errorf("status %d, header (-want +got):\n%s", a.status, diff)
			}
			if strings.HasSuffix(name, ".map") {
				if !json.Valid(a.body) {
					t.Error("the map is not JSON")
				}
			} else if !bytes.Contains(a.body, []byte("Socket.IO v"+clientbundle.Version)) || !bytes.Contains(a.body, []byte("sourceMappingURL="+name+".map")) {
				t.Error("the script does not begin with its version or does not name its map")
			}
			for _, coding := range []string{"gzip", "deflate", "br"} {
				c := do(t, "GET", "/socket.io/"+name, "Accept-Encoding", coding)
				want.Set("Content-Encoding", coding)
				want.Set("Content-Length", strconv.Itoa(len(c.body)))
				if diff := cmp.Diff(want, c.header); c.status != 200 || diff != "" {
					t.Errorf("%s: status %d, header (-want +got):\n%s", coding, c.status, diff)
				}
				if len(c.body) > len(a.body)/2 {
					t.Errorf("%s: %d bytes of %d", coding, len(c.body), len(a.body))
				}
				if coding != "br" && !bytes.Equal(plain(t, coding, c.body), a.body) {
					t.Errorf("%s: not the same text", coding)
				}
				head := do(t, "HEAD", "/socket.io/"+name, "Accept-Encoding", coding)
				if diff := cmp.Diff(want, head.header); head.status != 200 || len(head.body) > 0 || diff != "" {
					t.Errorf("HEAD, %s: status %d, %d bytes, header (-want +got):\n%s", coding, head.status, len(head.body), diff)
				}
			}
		})
	}
}

func TestCodingIsTheClientsChoice(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ rule, accept, want string }{
		{"its order", "gzip,br,deflate", "gzip"},
		{"its order again", "br, gzip", "br"},
		{"its order, with what is unknown", "zstd, deflate, gzip", "deflate"},
		{"as browsers ask", "gzip, deflate, br, zstd", "gzip"},
		{"its weights before its order", "gzip;q=0.5, deflate;q=0.9, br;q=0.1", "deflate"},
		{"refused with q=0", "br;q=0, gzip;q=0, deflate", "deflate"},
		{"all refused", "br;q=0, gzip;q=0, deflate;q=0", ""},
		{"anything", "*", "br"},
		{"anything but", "*, br;q=0", "gzip"},
		{"a name before anything", "*, deflate", "deflate"},
		{"nothing that is on offer", "zstd", ""},
		{"plain text", "identity", ""},
		{"plain text preferred", "gzip;q=0.5, identity;q=0.8", ""},
		{"plain text as good as others", "identity, gzip", "gzip"},
		{"malformed", ";;,=,gzip;q=", ""},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			t.Parallel()
			a := do(t, "GET", "/socket.io.js", "Accept-Encoding", tc.accept)
			if got := a.header.Get("Content-Encoding"); a.status != 200 || got != tc.want {
				t.Errorf("Accept-Encoding %q: got %d, coding %q, want %q", tc.accept, a.status, got, tc.want)
			}
		})
	}
}

func TestNotModified(t *testing.T) {
	t.Parallel()
	want := http.Header{"Cache-Control": {"public, max-age=0"}, "Etag": {etag}, "Vary": {"Accept-Encoding"}}
	for _, tc := range []struct {
		rule, have string
		status     int
	}{
		{"the same", etag, 304},
		{"the same, weak", "W/" + etag, 304},
		{"one of several", `"1.0.0", W/` + etag, 304},
		{"whatever there is", "*", 304},
		{"another version", `"1.0.0"`, 200},
		{"not quoted", clientbundle.Version, 200},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			t.Parallel()
			for _, method := range []string{"GET", "HEAD"} {
				a := do(t, method, "/socket.io.min.js", "If-None-Match", tc.have, "Accept-Encoding", "gzip")
				if a.status != tc.status {
					t.Errorf("%s, If-None-Match %s: got %d, want %d", method, tc.have, a.status, tc.status)
				}
				if a.status != 304 {
					continue
				}
				if diff := cmp.Diff(want, a.header); len(a.body) > 0 || diff != "" {
					t.Errorf("%s: %d bytes, header (-want +got):\n%s", method, len(a.body), diff)
				}
			}
		})
	}
}

func TestPathsAndMethods(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		rule, method, path string
		status             int
	}{
		{"any path", "GET", "/a/b/socket.io.js", 200},
		{"no path", "GET", "/socket.io.js", 200},
		{"a query", "GET", "/socket.io/socket.io.js?v=1&EIO=4", 200},
		{"POST", "POST", "/socket.io/socket.io.js", 405},
		{"OPTIONS", "OPTIONS", "/socket.io/socket.io.js", 405},
		{"a method for something else", "DELETE", "/socket.io/foo.js", 404},
		{"another name", "GET", "/socket.io/foo.js", 404},
		{"another name that begins alike", "GET", "/socket.io/socket.io.foo.js", 404},
		{"a map of a map", "GET", "/socket.io/socket.io.js.map.map", 404},
		{"an embedded form", "GET", "/socket.io/socket.io.js.gz", 404},
		{"the license", "GET", "/socket.io/LICENSE", 404},
		{"a folder of that name", "GET", "/socket.io.js/", 404},
		{"nothing", "GET", "/", 404},
		{"a way out", "GET", "/..%2fdist%2fsocket.io.js", 200}, // the last element of the path is a name
		{"a way out through the name", "GET", "/socket.io.%5c..%5csocket.io.js", 404},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			t.Parallel()
			a := do(t, tc.method, tc.path)
			if a.status != tc.status {
				t.Errorf("%s %s: got %d, want %d", tc.method, tc.path, a.status, tc.status)
			}
			if got := a.header.Get("Allow"); tc.status == 405 && got != "GET, HEAD" {
				t.Errorf("Allow: %q", got)
			}
			if path, _, _ := strings.Cut(tc.path, "?"); !strings.Contains(path, "%") && clientbundle.Serves(path) != (tc.status != 404) {
				t.Errorf("Serves(%q) = %v", path, clientbundle.Serves(path))
			}
		})
	}
}

func BenchmarkServesOfAPoll(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if clientbundle.Serves("/socket.io/") {
			b.Fatal("a poll is not a file")
		}
	}
}
