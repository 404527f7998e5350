// Package clientbundle holds the browser builds of the official JavaScript
// client, socket.io-client, and serves them as the Node.js server does, so that a
// page can load the client from the server that it connects to:
//
//	<script src="/socket.io/socket.io.js"></script>
//
// A socketio.Server serves them by itself, unless socketio.Options.DisableClient
// says otherwise. Handler is for everybody else, such as a web server that is not
// the Socket.IO server.
//
// There are eight files, told apart by the last element of the path alone:
//
//	socket.io.js              readable, for development
//	socket.io.min.js          the same, minified
//	socket.io.msgpack.min.js  with the msgpack parser in place of JSON
//	socket.io.esm.min.js      a module, to be imported
//
// and each with ".map" behind it: what browsers show of the source.
//
// # What it weighs
//
// The files are embedded compressed, once with gzip and once with Brotli, and not
// plain: 0.6 MB in the binary instead of 1.2 MB, or 1.8 MB with all three forms, and
// an answer to a browser costs no more than copying. Deflate is what is inside gzip,
// with another frame; plain text is decompressed for the rare client that wants it.
// The bytes are pages of the executable that are not loaded into memory before
// somebody asks for them.
//
// # Differences from the Node.js server
//
// Methods other than GET and HEAD are refused with 405. An answer varies by
// Accept-Encoding and says so. A client that prefers identity to the codings on
// offer gets it. An answer 304 carries the headers that RFC 9110, section 15.4.5,
// wants of it.
package clientbundle

import (
	"compress/gzip"
	"embed"
	"encoding/binary"
	"errors"
	"hash/adler32"
	"io"
	"net/http"
	"path"
	"strconv"
	"strings"

	"github.com/sockeye-io/sockeye/internal/accept"
)

//go:generate node update.mjs

// The license of the client, which is not ours, travels with it.
//
//go:embed dist
var dist embed.FS

// etag is the validator of all files: they change with the version only.
const etag = `"` + Version + `"`

// What the forms of a file are called in dist.
const (
	gzipped = ".gz"
	brotli  = ".br"
)

// The frames around deflated data: gzip's without optional fields (RFC 1952, section
// 2.3), and zlib's (RFC 1950, section 2.2) for a 32 kB window and best compression.
const (
	gzipHead    = 10
	gzipTrailer = 8 // CRC-32, then the length of the plain text
	zlibHead    = "\x78\xda"
	zlibTrailer = 4 // Adler-32
)

// Serves reports whether the last element of a URL's path is the name of one of
// the files. It is cheap enough to be asked about every request.
func Serves(urlPath string) bool {
	name := urlPath[strings.LastIndexByte(urlPath, '/')+1:]
	if !strings.HasPrefix(name, "socket.io.") {
		return false
	}
	f, err := open(name, gzipped)
	if err != nil {
		return false
	}
	_ = f.Close() // it is memory
	return true
}

// Handler returns the handler that serves the files under any path, and answers
// 404 for everything else. It may be called concurrently, as often as one likes.
func Handler() http.Handler { return http.HandlerFunc(serve) }

func serve(w http.ResponseWriter, r *http.Request) {
	if !Serves(r.URL.Path) {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.Set("Allow", "GET, HEAD")
		http.Error(w, "only GET and HEAD are possible here", http.StatusMethodNotAllowed)
		return
	}
	h.Set("Cache-Control", "public, max-age=0")
	h.Set("ETag", etag)
	h.Add("Vary", "Accept-Encoding")
	if unchanged(r) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	name := path.Base(r.URL.Path)
	kind := "application/javascript; charset=utf-8"
	if path.Ext(name) == ".map" {
		kind = "application/json; charset=utf-8"
	}
	h.Set("Content-Type", kind)
	coding := choose(accept.Header(r))
	body, length, err := encoded(name, coding)
	if err != nil { // the embedded files are not what update.mjs wrote
		http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		return
	}
	if coding != "" {
		h.Set("Content-Encoding", coding)
	}
	h.Set("Content-Length", strconv.FormatInt(length, 10))
	if r.Method == http.MethodGet {
		_, _ = io.Copy(w, body) // a peer that is gone needs no answer
	}
}

// unchanged reports whether the client has this version already (RFC 9110,
// section 13.1.2: weak comparison).
func unchanged(r *http.Request) bool {
	for _, line := range r.Header.Values("If-None-Match") {
		for tag := range strings.SplitSeq(line, ",") {
			tag = strings.TrimSpace(tag)
			if tag == "*" || strings.TrimPrefix(tag, "W/") == etag {
				return true
			}
		}
	}
	return false
}

// choose returns the coding that an Accept-Encoding header likes best, or "" for
// the plain text. Among equals one that is named counts before one that "*" stands
// for, and then the client's order decides.
func choose(header string) string {
	best := ""
	var most accept.Weight
	for _, coding := range [...]string{"br", "gzip", "deflate"} {
		w := accept.Coding(header, coding)
		better := w.Q > most.Q
		if w.Q == most.Q {
			better = w.Named && (!most.Named || w.Place < most.Place)
		}
		if w.Q > 0 && better {
			best, most = coding, w
		}
	}
	if plain := accept.Coding(header, "identity"); plain.Named && plain.Q > most.Q {
		return ""
	}
	return best
}

// file is an embedded file.
type file interface {
	io.ReadSeekCloser
	io.ReaderAt
}

// errForm: an embedded file is not of the form that update.mjs writes.
var errForm = errors.New("clientbundle: an embedded file is malformed")

func open(name, form string) (file, error) {
	opened, err := dist.Open("dist/" + name + form)
	if err != nil {
		return nil, err
	}
	f, ok := opened.(file)
	if !ok {
		return nil, errForm
	}
	return f, nil
}

// encoded returns the file of a name in a coding, and how many bytes that is.
func encoded(name, coding string) (io.Reader, int64, error) {
	form := gzipped
	if coding == "br" {
		form = brotli
	}
	f, err := open(name, form)
	if err != nil {
		return nil, 0, err
	}
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, 0, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, 0, err
	}
	switch coding {
	case "br", "gzip":
		return f, size, nil
	case "deflate":
		return zlibbed(f, size)
	default:
		var length [4]byte
		if _, err := f.ReadAt(length[:], size-int64(len(length))); err != nil {
			return nil, 0, err
		}
		plain, err := gzip.NewReader(f)
		return plain, int64(binary.LittleEndian.Uint32(length[:])), err
	}
}

// zlibbed returns what is inside a gzip file in the frame of zlib, which is what
// HTTP calls deflate.
func zlibbed(f file, size int64) (io.Reader, int64, error) {
	plain, err := gzip.NewReader(f)
	if err != nil {
		return nil, 0, err
	}
	sum := adler32.New()
	if _, err := io.Copy(sum, plain); err != nil { //nolint:gosec // not a decompression bomb: the file is ours
		return nil, 0, err
	}
	deflated := io.NewSectionReader(f, gzipHead, size-gzipHead-gzipTrailer)
	trailer := string(sum.Sum(nil))
	length := int64(len(zlibHead)) + deflated.Size() + zlibTrailer
	return io.MultiReader(strings.NewReader(zlibHead), deflated, strings.NewReader(trailer)), length, nil
}
