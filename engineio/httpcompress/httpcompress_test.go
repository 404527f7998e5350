package httpcompress_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"

	"github.com/sockeye-io/sockeye/engineio"
	"github.com/sockeye-io/sockeye/engineio/httpcompress"
)

// decode undoes a coding.
func decode(t *testing.T, coding string, r io.Reader) string {
	t.Helper()
	switch coding {
	case "br":
		r = brotli.NewReader(r)
	case "zstd":
		d, err := zstd.NewReader(r, zstd.WithDecoderMaxWindow(8<<20))
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		r = d
	default:
		t.Fatalf("coding %q", coding)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatalf("%s: %v", coding, err)
	}
	return string(b)
}

func TestCodings(t *testing.T) {
	t.Parallel()
	for _, c := range []engineio.Compressor{httpcompress.Brotli(), httpcompress.Zstd()} {
		var wg sync.WaitGroup
		for i := range 8 { // concurrently: the encoders are shared
			wg.Go(func() {
				text := strings.Repeat(string(rune('a'+i))+" sockeye ", 1<<(i*2))
				out, err := c.Append([]byte("before"), []byte(text))
				if err != nil {
					t.Errorf("%s: %v", c.Name(), err)
					return
				}
				rest, ok := strings.CutPrefix(string(out), "before")
				if !ok {
					t.Errorf("%s: what stood in dst is gone", c.Name())
				}
				if got := decode(t, c.Name(), strings.NewReader(rest)); got != text {
					t.Errorf("%s: %d bytes came back as %d", c.Name(), len(text), len(got))
				}
			})
		}
		wg.Wait()
	}
}

func TestPollsOverHTTP(t *testing.T) {
	t.Parallel()
	srv, err := engineio.NewServer(engineio.Options{
		InitialMessage: strings.Repeat("hello ", 1000),
		Compressors:    []engineio.Compressor{httpcompress.Zstd(), httpcompress.Brotli(), engineio.Gzip()},
	})
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(srv)
	defer web.Close()
	defer func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel() // the sessions of this test never poll again: cut them off
		_ = srv.Shutdown(ctx)
	}()
	for accept, want := range map[string]string{
		"gzip, deflate, br, zstd": "zstd", // as Chromium asks
		"gzip, deflate, br":       "br",   // as Safari asks
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, web.URL+"/engine.io/?EIO=4&transport=polling", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("User-Agent", "Mozilla/5.0")
		req.Header.Set("Accept-Encoding", accept)
		resp, err := web.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if got := resp.Header.Get("Content-Encoding"); got != want {
			t.Errorf("%s: answered in %q, want %q", accept, got, want)
		}
		if body := decode(t, want, resp.Body); !strings.HasSuffix(body, "hello ") || !strings.HasPrefix(body, `0{"sid":`) {
			t.Errorf("%s: body %.50q", want, body)
		}
		resp.Body.Close()
	}
}
