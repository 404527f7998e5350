package engineio

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"io"
	"net/http"
	"sync"

	"github.com/sockeye-io/sockeye/internal/accept"
)

// DefaultCompressionThreshold is the smallest answer to a poll that is
// compressed, in bytes.
const DefaultCompressionThreshold = 1024

// Compressor is a content coding for answers to polls (RFC 9110, section 8.4.1).
type Compressor interface {
	// Name is the coding's name in Accept-Encoding, such as "gzip".
	Name() string
	// Append appends src, compressed, to dst. It is called concurrently and
	// keeps neither.
	Append(dst, src []byte) ([]byte, error)
}

// Gzip and Deflate return the content codings of the standard library, which
// are also the defaults.
func Gzip() Compressor {
	return newCompressor("gzip", func(w io.Writer) resetter { return gzip.NewWriter(w) })
}

// Deflate returns the coding "deflate": the zlib format, as RFC 9110 has it.
func Deflate() Compressor {
	return newCompressor("deflate", func(w io.Writer) resetter { return zlib.NewWriter(w) })
}

// resetter is what the writers of the compress packages have in common.
type resetter interface {
	io.WriteCloser
	Reset(w io.Writer)
}

// compressor keeps writers for reuse: they are large.
type compressor struct {
	name    string
	writers sync.Pool
}

func newCompressor(name string, open func(io.Writer) resetter) *compressor {
	return &compressor{name: name, writers: sync.Pool{New: func() any { return open(io.Discard) }}}
}

// Name implements Compressor.
func (c *compressor) Name() string { return c.name }

// Append implements Compressor.
func (c *compressor) Append(dst, src []byte) ([]byte, error) {
	out := bytes.NewBuffer(dst)
	w, _ := c.writers.Get().(resetter)
	defer c.writers.Put(w)
	w.Reset(out)
	if _, err := w.Write(src); err != nil {
		return dst, err
	}
	if err := w.Close(); err != nil {
		return dst, err
	}
	return out.Bytes(), nil
}

// compress returns the body of an answer to a poll as it is to be sent, and
// sets the headers that say how.
func (s *Server) compress(h http.Header, r *http.Request, body []byte) []byte {
	if len(body) < s.opts.CompressionThreshold {
		return body
	}
	h.Add("Vary", "Accept-Encoding")
	c := choose(accept.Header(r), s.opts.Compressors)
	if c == nil {
		return body
	}
	small, err := c.Append(make([]byte, 0, len(body)/2), body)
	if err != nil {
		s.opts.Logger.Error("engineio: compressing an answer", "coding", c.Name(), "error", err)
		return body
	}
	h.Set("Content-Encoding", c.Name())
	return small
}

// choose returns the compressor that an Accept-Encoding header likes best, or
// nil. Among equals the server's order decides.
func choose(header string, from []Compressor) Compressor {
	var best Compressor
	bestQ := 0.0
	for _, c := range from {
		if q := accept.Coding(header, c.Name()).Q; q > bestQ {
			best, bestQ = c, q
		}
	}
	if plain := accept.Coding(header, "identity"); plain.Named && plain.Q > bestQ {
		return nil
	}
	return best
}
