package socketio_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sockeye-io/sockeye/engineio"
	"github.com/sockeye-io/sockeye/socketio"
)

// TestClientIsServed is about what the server adds to package clientbundle: which
// requests are for a file, and CORS.
func TestClientIsServed(t *testing.T) {
	t.Parallel()
	others := engineio.Options{CORS: engineio.CORS{Origins: []string{"https://app.example"}, Credentials: true}}
	for _, tc := range []struct {
		rule         string
		o            socketio.Options
		method, path string
		origin       string
		status       int
		body         string // what it contains
		cors         http.Header
	}{
		{rule: "by default", method: "GET", path: "/socket.io/socket.io.js", status: 200, body: "Socket.IO v4."},
		{rule: "under any path, whatever the query", method: "GET", path: "/a/b/socket.io.esm.min.js?EIO=4&transport=polling", status: 200, body: "Socket.IO v4."},
		{rule: "with the methods of a file", method: "POST", path: "/socket.io/socket.io.js", status: 405},
		{rule: "other names are the engine's", method: "GET", path: "/socket.io/foo.js", status: 400, body: `{"code":0,"message":"Transport unknown"}`},
		{rule: "not if it is disabled", o: socketio.Options{DisableClient: true}, method: "GET", path: "/socket.io/socket.io.js", status: 400, body: `{"code":0,"message":"Transport unknown"}`},
		{rule: "to a page of its own", method: "GET", path: "/socket.io/socket.io.js", origin: "http://example.com", status: 200, body: "Socket.IO v4."},
		{rule: "not to a page of others", method: "GET", path: "/socket.io/socket.io.js", origin: "https://app.example", status: 403, body: "CORS.Origins"},
		{
			rule: "to a page of others that may connect", o: socketio.Options{Engine: others},
			method: "GET", path: "/socket.io/socket.io.js", origin: "https://app.example", status: 200, body: "Socket.IO v4.",
			cors: http.Header{"Access-Control-Allow-Origin": {"https://app.example"}, "Access-Control-Allow-Credentials": {"true"}, "Vary": {"Origin", "Accept-Encoding"}},
		},
		{
			rule: "after a preflight", o: socketio.Options{Engine: others},
			method: "OPTIONS", path: "/socket.io/socket.io.js", origin: "https://app.example", status: 204,
			cors: http.Header{"Access-Control-Allow-Origin": {"https://app.example"}, "Access-Control-Allow-Credentials": {"true"}, "Access-Control-Allow-Methods": {"GET,POST"}, "Vary": {"Origin"}},
		},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			t.Parallel()
			srv, err := socketio.NewServer(tc.o)
			if err != nil {
				t.Fatal(err)
			}
			req := httptest.NewRequestWithContext(t.Context(), tc.method, tc.path, http.NoBody) // to example.com
			if tc.origin != "" {
				req.Header.Set("Origin", tc.origin)
			}
			w := httptest.NewRecorder()
			srv.ServeHTTP(w, req)
			if w.Code != tc.status || !strings.Contains(w.Body.String(), tc.body) {
				t.Errorf("got %d %.80q, want %d with %q", w.Code, w.Body, tc.status, tc.body)
			}
			got := http.Header{}
			for name, values := range w.Header() {
				if strings.HasPrefix(name, "Access-Control-") || name == "Vary" && tc.cors != nil {
					got[name] = values
				}
			}
			want := tc.cors
			if want == nil {
				want = http.Header{}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("CORS (-want +got):\n%s", diff)
			}
		})
	}
}
