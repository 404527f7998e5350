package chat_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/sockeye-io/sockeye/cmd/sockeye/internal/chat"
)

func request(t *testing.T, method, path string, header http.Header) (*http.Response, string) {
	t.Helper()
	handler, err := chat.Page(`/else/"where/`, []string{"websocket", "polling"})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequestWithContext(t.Context(), method, path, http.NoBody)
	r.Header = header
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	body, err := io.ReadAll(w.Result().Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.Result(), string(body)
}

func TestPageServesItsFiles(t *testing.T) {
	t.Parallel()
	for path, kind := range map[string]string{
		"/":            "text/html; charset=utf-8",
		"/style.css":   "text/css; charset=utf-8",
		"/main.js":     "text/javascript; charset=utf-8",
		"/favicon.svg": "image/svg+xml",
	} {
		resp, body := request(t, http.MethodGet, path, nil)
		if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != kind || body == "" {
			t.Errorf("%s: got %s, %s, %d bytes", path, resp.Status, resp.Header.Get("Content-Type"), len(body))
		}
		if csp := resp.Header.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: got policy %q", path, csp)
		}
		if resp, _ := request(t, http.MethodGet, path, http.Header{"If-None-Match": {resp.Header.Get("ETag")}}); resp.StatusCode != http.StatusNotModified {
			t.Errorf("%s: asked again: got %s, want 304", path, resp.Status)
		}
		if resp, body := request(t, http.MethodHead, path, nil); resp.StatusCode != http.StatusOK || body != "" {
			t.Errorf("%s: HEAD: got %s and %d bytes", path, resp.Status, len(body))
		}
		if resp, _ := request(t, http.MethodPost, path, nil); resp.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("%s: POST: got %s", path, resp.Status)
		}
	}
	for _, path := range []string{"/index.html", "/web/", "/socket.io.esm.min.js", "/../page.go"} {
		if resp, _ := request(t, http.MethodGet, path, nil); resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s: got %s, want 404", path, resp.Status)
		}
	}
}

func TestPageKnowsHowToConnect(t *testing.T) {
	t.Parallel()
	want := `<meta name="socketio" content="/else/&#34;where/" data-transports="polling websocket">`
	if _, body := request(t, http.MethodGet, "/", nil); strings.Count(body, want) != 1 || strings.Contains(body, `content="/socket.io/"`) {
		t.Errorf("the page does not say %s", want)
	}
}

// TestPageFetchesNothingFromElsewhere looks at what our own files refer to. The
// policy would stop the browser; this names the file.
func TestPageFetchesNothingFromElsewhere(t *testing.T) {
	t.Parallel()
	_, index := request(t, http.MethodGet, "/", nil)
	for _, m := range regexp.MustCompile(`(?:src|href)="([^"#][^"]*)"`).FindAllStringSubmatch(index, -1) {
		if resp, _ := request(t, http.MethodGet, "/"+m[1], nil); resp.StatusCode != http.StatusOK {
			t.Errorf("index.html refers to %s: %s", m[1], resp.Status)
		}
	}
	if regexp.MustCompile(`\s(?:style|on[a-z]+)="`).MatchString(index) {
		t.Error("index.html has inline styles or handlers, which the policy forbids")
	}
	for _, name := range []string{"main", "view", "log", "images", "connection", "indicator"} {
		_, script := request(t, http.MethodGet, "/"+name+".js", nil)
		if word := regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(`).FindString(script); word != "" {
			t.Errorf("%s.js uses %s: what people write must be inserted as text", name, word)
		}
		for _, m := range regexp.MustCompile(`from "\./([^"]+)"`).FindAllStringSubmatch(script, -1) {
			if resp, _ := request(t, http.MethodGet, "/"+m[1], nil); resp.StatusCode != http.StatusOK {
				t.Errorf("%s.js imports %s: %s", name, m[1], resp.Status)
			}
		}
	}
}
