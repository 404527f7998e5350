package load

import (
	"math/bits"
	"time"
)

// Durations are counted in buckets of equal width within each power of two, so
// the error of a quantile is at most one part in 1<<fineBits.
const (
	fineBits = 5
	buckets  = (64 - fineBits) << fineBits
)

// histogram counts durations. The zero value is empty and ready to use.
type histogram struct {
	total  uint64
	counts [buckets]uint64
}

func bucketOf(d time.Duration) int {
	v := uint64(max(d, 0))
	exp := bits.Len64(v >> fineBits) // 0 while v < 1<<fineBits: one bucket per value
	if exp == 0 {
		return int(v)
	}
	return exp<<fineBits | int(v>>(exp-1)&(1<<fineBits-1))
}

// lowest returns the smallest duration that belongs to bucket i.
func lowest(i int) time.Duration {
	exp, fine := i>>fineBits, i&(1<<fineBits-1)
	if exp == 0 {
		return time.Duration(fine)
	}
	return time.Duration(1<<fineBits|fine) << (exp - 1)
}

func (h *histogram) add(d time.Duration) {
	h.total++
	h.counts[bucketOf(d)]++
}

func (h *histogram) merge(other *histogram) {
	h.total += other.total
	for i, n := range other.counts {
		h.counts[i] += n
	}
}

func (h *histogram) reset() { *h = histogram{} }

// quantile returns the lower edge of the bucket that holds the q-th part of all
// durations, in microseconds; 0 when there are none.
func (h *histogram) quantile(q float64) float64 {
	rank := uint64(q * float64(h.total))
	var seen uint64
	for i, n := range h.counts {
		seen += n
		if seen > rank {
			return float64(lowest(i)) / float64(time.Microsecond)
		}
	}
	return 0
}
