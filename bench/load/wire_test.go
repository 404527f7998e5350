//go:build linux

package load_test

import (
	"bufio"
	"bytes"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-io/sockeye/bench/load"
)

func TestScanFrame(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 126)
	for _, tt := range []struct {
		name, in string
		op       byte
		payload  string
		used     int
		fault    bool
	}{
		{name: "nothing", in: ""},
		{name: "half a head", in: "\x81"},
		{name: "half a payload", in: "\x81\x03ab"},
		{name: "half a length", in: "\x81\x7e\x00"},
		{name: "an empty frame", in: "\x81\x00", op: 1, used: 2},
		{name: "what follows is left", in: "\x81\x03abc\x81", op: 1, payload: "abc", used: 5},
		{name: "16-bit length", in: "\x81\x7e\x00\x7e" + long, op: 1, payload: long, used: 130},
		{name: "ping", in: "\x89\x01p", op: 9, payload: "p", used: 3},
		{name: "masked", in: "\x81\x80abcd", fault: true},
		{name: "compressed", in: "\xc1\x01a", fault: true},
		{name: "first fragment", in: "\x01\x01a", fault: true},
		{name: "64-bit length", in: "\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00", fault: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			op, payload, used, err := load.ScanFrame([]byte(tt.in))
			if op != tt.op || string(payload) != tt.payload || used != tt.used || (err != nil) != tt.fault {
				t.Errorf("got %x %q %d %v", op, payload, used, err)
			}
		})
	}
}

func FuzzScanFrame(f *testing.F) {
	f.Add([]byte("\x81\x03abc"))
	f.Add([]byte("\x81\x7e\x00\x7e" + strings.Repeat("x", 126)))
	f.Add([]byte("\x88\x02\x03\xe8\x81\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		_, payload, used, err := load.ScanFrame(data)
		if used < 0 || used > len(data) || len(payload) > used {
			t.Fatalf("%d of %d bytes used, %d of payload", used, len(data), len(payload))
		}
		if err != nil && used != 0 {
			t.Errorf("%d bytes used and %v", used, err)
		}
		if used > 0 && !bytes.HasSuffix(data[:used], payload) {
			t.Errorf("payload %q is not the end of %q", payload, data[:used])
		}
	})
}

func TestClientFrameIsUnderstoodByAPeer(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 1, 125, 126, 1000, 65535} {
		payload := bytes.Repeat([]byte("z"), size)
		frame := load.AppendClientFrame(nil, 1, [4]byte{1, 0xff, 3, 0}, payload)
		got, err := readFrame(bufio.NewReader(bytes.NewReader(frame)))
		if err != nil || got != string(payload) {
			t.Errorf("%d bytes: read %d, %v", size, len(got), err)
		}
	}
}

func TestReplyIsRightInEveryByte(t *testing.T) {
	t.Parallel()
	for _, ack := range []bool{true, false} {
		all, index := load.Replies("e", ack, "msg", 128)
		for want, reply := range all {
			if got, err := index(reply); err != nil || got != uint32(want) {
				t.Fatalf("reply %d: %d, %v", want, got, err)
			}
			for i := range reply {
				wrong := reply[:i] + string(reply[i]^1) + reply[i+1:]
				if got, err := index(wrong); err == nil && got == uint32(want) {
					t.Errorf("reply %d is right with byte %d changed", want, i)
				}
				if _, err := index(reply[:i]); err == nil {
					t.Errorf("reply %d is right with %d bytes", want, i)
				}
			}
			if _, err := index(reply + "x"); err == nil {
				t.Errorf("reply %d is right with a byte more", want)
			}
		}
	}
}

func TestPayloadLength(t *testing.T) {
	t.Parallel()
	for _, size := range []int{8, 128, 1000} {
		all, _ := load.Replies("echo", true, "", size)
		if got := len(all[0]) - len(`43100[""]`); got != size {
			t.Errorf("payload is %d bytes, want %d", got, size)
		}
	}
}

func TestReadResponse(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, in, body, rest string
		fault                string
	}{
		{name: "with a length", in: "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP", body: "ok", rest: "HTTP"},
		{name: "chunked", in: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n1\r\n!\r\n0\r\n\r\nHTTP", body: "ok!", rest: "HTTP"},
		{name: "empty", in: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
		{name: "another status", in: "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", fault: "400"},
		{name: "no length", in: "HTTP/1.1 200 OK\r\n\r\n", fault: "without a length"},
		{name: "a length that is none", in: "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", fault: "answered with"},
		{name: "a length beyond the bound", in: "HTTP/1.1 200 OK\r\nContent-Length: 1048577\r\n\r\n", fault: "answered with"},
		{name: "not kept alive", in: "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", fault: "ends the connection"},
		{name: "cut", in: "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok", fault: "EOF"},
		{name: "cut in the head", in: "HTTP/1.1 200 OK\r\n", fault: "EOF"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			in := bufio.NewReader(strings.NewReader(tt.in))
			body, err := load.ReadResponse(in)
			if tt.fault != "" {
				if err == nil || !strings.Contains(err.Error(), tt.fault) {
					t.Errorf("error is %v, want %q in it", err, tt.fault)
				}
				return
			}
			rest, _ := io.ReadAll(in)
			if err != nil || string(body) != tt.body || string(rest) != tt.rest {
				t.Errorf("body %q, rest %q, %v", body, rest, err)
			}
		})
	}
}

func FuzzReadResponse(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))
	f.Add([]byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		body, err := load.ReadResponse(bufio.NewReader(bytes.NewReader(data)))
		if err == nil && len(body) > len(data) {
			t.Errorf("%d bytes of body from %d", len(body), len(data))
		}
	})
}

func TestParseStat(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, in string
		want     time.Duration
		fault    bool
	}{
		{name: "user and system are added", in: "7 (node) S 1 7 7 0 -1 4194560 9 0 0 0 150 50 0 0 20 0 11 0 99", want: 2 * time.Second},
		{name: "a name with spaces and parentheses", in: "7 (a ) b (c) S 1 7 7 0 -1 4194560 9 0 0 0 1 2 0 0 20", want: 30 * time.Millisecond},
		{name: "too short", in: "7 (node) S 1 7", fault: true},
		{name: "no number", in: "7 (node) S 1 7 7 0 -1 4194560 9 0 0 0 x 50 0 0", fault: true},
		{name: "empty", in: "", fault: true},
	} {
		if got, err := load.ParseStat([]byte(tt.in)); got != tt.want || (err != nil) != tt.fault {
			t.Errorf("%s: %v, %v", tt.name, got, err)
		}
	}
}

func TestParseStatus(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, in string
		want     int64
		fault    bool
	}{
		{name: "kilobytes", in: "Name:\tnode\nVmRSS:\t    1024 kB\nThreads: 1\n", want: 1 << 20},
		{name: "ended process", in: "Name:\tnode\nState:\tZ (zombie)\n", fault: true},
		{name: "another unit", in: "VmRSS:\t1 MB\n", fault: true},
	} {
		if got, err := load.ParseStatus([]byte(tt.in)); got != tt.want || (err != nil) != tt.fault {
			t.Errorf("%s: %v, %v", tt.name, got, err)
		}
	}
}

func TestQuantilesAreWithinThreePercent(t *testing.T) {
	t.Parallel()
	var all []time.Duration
	for i := range 1000 {
		all = append(all, time.Duration(i+1)*time.Millisecond)
	}
	for i, got := range load.Quantiles(all, 0, 0.5, 0.99) {
		want := []float64{1000, 501_000, 991_000}[i]
		if got > want || got < 0.96*want {
			t.Errorf("quantile %d is %v us, want %v", i, got, want)
		}
	}
	if got := load.Quantiles(nil, 0.5)[0]; got != 0 {
		t.Errorf("quantile of nothing is %v", got)
	}
	if got := load.Quantiles([]time.Duration{1<<63 - 1, -1}, 0, 0.5); got[0] != 0 || got[1] < 8.9e15 {
		t.Errorf("quantiles of the extremes are %v", got)
	}
}
