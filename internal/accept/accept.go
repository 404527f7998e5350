// Package accept reads the Accept-Encoding header of a request (RFC 9110,
// section 12.5.3). It is pure and safe for concurrent use.
package accept

import (
	"net/http"
	"strconv"
	"strings"
)

// Weight is what a client says of one content coding.
type Weight struct {
	// Q is the quality, from 0 (not acceptable, or not spoken of) to 1.
	Q float64
	// Place is the number of the item that speaks of the coding, from 0. It means
	// nothing if Q is zero.
	Place int
	// Named tells that the item names the coding; otherwise it is "*", or there is none.
	Named bool
}

// Header returns the value of the header of a request, its lines put together.
func Header(r *http.Request) string {
	return strings.Join(r.Header.Values("Accept-Encoding"), ",")
}

// Coding returns what a header's value says of a coding. An item that names it
// counts before "*", and the first of several counts. A malformed quality is 0.
func Coding(header, name string) Weight {
	var wild Weight
	for place, rest := 0, header; rest != ""; place++ {
		var item string
		item, rest, _ = strings.Cut(rest, ",")
		coding, params, _ := strings.Cut(item, ";")
		switch coding = strings.TrimSpace(coding); {
		case strings.EqualFold(coding, name):
			return Weight{Q: quality(params), Place: place, Named: true}
		case coding == "*" && wild == Weight{}:
			wild = Weight{Q: quality(params), Place: place}
		}
	}
	return wild
}

// quality returns the value of the parameter q, 1 if there is none, and 0 if it
// is malformed.
func quality(params string) float64 {
	for p := range strings.SplitSeq(params, ";") {
		key, value, ok := strings.Cut(strings.TrimSpace(p), "=")
		if !ok || !strings.EqualFold(strings.TrimSpace(key), "q") {
			continue
		}
		q, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
		if err != nil || !(q >= 0 && q <= 1) { // NaN is neither
			return 0
		}
		return q
	}
	return 1
}
