//go:build linux

package load

import (
	"bufio"
	"time"
)

var (
	ScanFrame         = scanFrame
	AppendClientFrame = appendClientFrame
	ParseStat         = parseStat
	ParseStatus       = parseStatus
)

// ReadResponse reads one answer.
func ReadResponse(in *bufio.Reader) ([]byte, error) { return readResponse(in) }

// Quantiles returns quantiles of the durations in microseconds.
func Quantiles(durations []time.Duration, qs ...float64) []float64 {
	var h histogram
	for _, d := range durations {
		h.add(d)
	}
	var out []float64
	for _, q := range qs {
		out = append(out, h.quantile(q))
	}
	return out
}

// Replies returns the right replies to all messages, and what the ring says about s.
func Replies(event string, ack bool, reply string, payload int) (all []string, index func(s string) (uint32, error)) {
	r := newRing(event, ack, reply, payload)
	for _, b := range r.replies {
		all = append(all, string(b))
	}
	return all, func(s string) (uint32, error) { return r.index([]byte(s)) }
}
