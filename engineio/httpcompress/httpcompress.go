// Package httpcompress holds content codings for answers to polls that the
// standard library does not have: Brotli (RFC 7932) and Zstandard (RFC 8878).
//
//	engineio.Options{Compressors: []engineio.Compressor{
//		httpcompress.Zstd(), httpcompress.Brotli(), engineio.Gzip(), engineio.Deflate(),
//	}}
//
// It is a module of its own, so that only who imports it depends on the
// libraries behind it. Both codings are set for speed: what they compress is
// made anew for each poll. They may be used by any number of servers and
// goroutines at once.
package httpcompress

import (
	"bytes"
	"io"
	"sync"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"

	"github.com/sockeye-io/sockeye/engineio"
)

// brotliLevel is as fast as gzip's and smaller.
const brotliLevel = 4

// Brotli returns the coding "br".
func Brotli() engineio.Compressor {
	return &brotliCoding{writers: sync.Pool{New: func() any { return brotli.NewWriterLevel(io.Discard, brotliLevel) }}}
}

type brotliCoding struct{ writers sync.Pool }

// Name implements engineio.Compressor.
func (*brotliCoding) Name() string { return "br" }

// Append implements engineio.Compressor.
func (c *brotliCoding) Append(dst, src []byte) ([]byte, error) {
	out := bytes.NewBuffer(dst)
	w, _ := c.writers.Get().(*brotli.Writer)
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

// Zstd returns the coding "zstd". Its window is at most 8 MB, as browsers want it
// (RFC 9659).
func Zstd() engineio.Compressor {
	encoder, err := zstd.NewWriter(nil,
		zstd.WithEncoderLevel(zstd.SpeedDefault),
		zstd.WithWindowSize(1<<20),
		zstd.WithEncoderConcurrency(1),
	)
	return &zstdCoding{encoder: encoder, err: err}
}

type zstdCoding struct {
	encoder *zstd.Encoder // EncodeAll may be called concurrently
	err     error         // of the options above
}

// Name implements engineio.Compressor.
func (*zstdCoding) Name() string { return "zstd" }

// Append implements engineio.Compressor.
func (c *zstdCoding) Append(dst, src []byte) ([]byte, error) {
	if c.err != nil {
		return dst, c.err
	}
	return c.encoder.EncodeAll(src, dst), nil
}
