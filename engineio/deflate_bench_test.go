package engineio_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sockeye-io/sockeye/engineio"
	"github.com/sockeye-io/sockeye/internal/memnet"
)

// BenchmarkBroadcastDeflate broadcasts a message of 4 kB, a list of records as
// applications send them, to 1,000 members that read it over a network in
// memory, and reports what that costs a member in bytes and the process in time.
func BenchmarkBroadcastDeflate(b *testing.B) {
	var text strings.Builder
	text.WriteString(`2["prices",[`)
	for i := range 60 {
		fmt.Fprintf(&text, `{"symbol":"S%03d","price":%d.%02d,"volume":%d,"halted":false},`, i*37%1000, i*i%977, i*53%100, i*7919%100000)
	}
	text.WriteString(`null]]`)
	for _, deflate := range []*engineio.PerMessageDeflate{nil, {}} {
		name := "plain"
		if deflate != nil {
			name = "compressed"
		}
		b.Run(name, func(b *testing.B) {
			const members = 1000
			srv, err := engineio.NewServer(engineio.Options{PerMessageDeflate: deflate, OutboundLimit: 1 << 30})
			if err != nil {
				b.Fatal(err)
			}
			var mu sync.Mutex
			var sessions []*engineio.Session
			srv.Bind(func(s *engineio.Session) engineio.Receiver {
				mu.Lock()
				defer mu.Unlock()
				sessions = append(sessions, s)
				return discard{}
			})
			listener := memnet.Listen(memnet.Options{})
			web := &http.Server{Handler: srv}
			go func() { _ = web.Serve(listener) }()
			var got atomic.Int64
			var readers sync.WaitGroup
			for range members {
				nc, err := listener.Dial(b.Context())
				if err != nil {
					b.Fatal(err)
				}
				io.WriteString(nc, "GET /?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
					"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n")
				in := bufio.NewReader(nc)
				if _, err := http.ReadResponse(in, nil); err != nil {
					b.Fatal(err)
				}
				readers.Go(func() {
					defer nc.Close()
					buf := make([]byte, 32<<10)
					for {
						n, err := in.Read(buf)
						got.Add(int64(n))
						if err != nil {
							return
						}
					}
				})
			}
			b.ResetTimer()
			before := got.Load()
			for range b.N {
				p := srv.Prepare([]byte(text.String()), nil)
				fan := srv.NewFanout(p, engineio.WriteOptions{})
				for _, s := range sessions {
					fan.Add(s)
				}
				fan.Done()
			}
			for _, s := range sessions {
				s.Close()
			}
			readers.Wait()
			b.StopTimer()
			b.ReportMetric(float64(got.Load()-before)/float64(b.N*members), "B/member")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*members), "ns/member")
			_ = web.Close()
		})
	}
}
