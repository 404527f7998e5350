package chat

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html"
	"io/fs"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"
)

//go:embed web/*.html web/*.css web/*.js web/*.svg
var web embed.FS

// policy lets the page load what this server serves, and nothing else. Pictures
// are shown from memory; ws: and wss: stand for this host in browsers whose 'self'
// does not.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; " +
	"connect-src 'self' ws: wss:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// serverInPage is where index.html says how the client connects.
const serverInPage = `<meta name="socketio" content="/socket.io/" data-transports="polling websocket">`

// file is one file of the page, ready to be served.
type file struct {
	kind string // its Content-Type
	etag string
	body []byte
}

// Page returns a handler for "/", which serves the page of the chat and what
// belongs to it, but for the client, which is the server's. The page connects to path, which ends in a slash, and uses the
// transports, in the order of their names. All of it is read here, so that no
// request can fail.
func Page(path string, transports []string) (http.Handler, error) {
	transports = slices.Sorted(slices.Values(transports)) // polling first: it passes every proxy
	own := fmt.Sprintf(`<meta name="socketio" content="%s" data-transports="%s">`,
		html.EscapeString(path), html.EscapeString(strings.Join(transports, " ")))
	files := make(map[string]file)
	err := fs.WalkDir(web, "web", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := web.ReadFile(name)
		if err != nil {
			return err
		}
		if name == "web/index.html" {
			if !bytes.Contains(body, []byte(serverInPage)) {
				return fmt.Errorf("web/index.html lacks %s", serverInPage)
			}
			body = bytes.Replace(body, []byte(serverInPage), []byte(own), 1)
		}
		files[strings.TrimPrefix(name, "web")] = newFile(name, body)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("chat: %w", err)
	}
	files["/"] = files["/index.html"]
	delete(files, "/index.html")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f, ok := files[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		f.serve(w, r)
	}), nil
}

func newFile(name string, body []byte) file {
	kind := "text/html; charset=utf-8"
	switch path.Ext(name) {
	case ".css":
		kind = "text/css; charset=utf-8"
	case ".js":
		kind = "text/javascript; charset=utf-8"
	case ".svg":
		kind = "image/svg+xml"
	}
	sum := sha256.Sum256(body)
	return file{kind: kind, etag: `"` + hex.EncodeToString(sum[:12]) + `"`, body: body}
}

// serve answers one request. Browsers ask each time and are told when nothing has changed.
func (f file) serve(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "only GET and HEAD are possible here", http.StatusMethodNotAllowed)
		return
	}
	h := w.Header()
	h.Set("Content-Type", f.kind)
	h.Set("ETag", f.etag)
	h.Set("Cache-Control", "no-cache")
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(f.body))
}
