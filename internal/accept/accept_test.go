package accept_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sockeye-io/sockeye/internal/accept"
)

func TestCoding(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		rule, header string
		want         accept.Weight
	}{
		{"not spoken of", "", accept.Weight{}},
		{"others only", "br, deflate", accept.Weight{}},
		{"named", "br, gzip", accept.Weight{Q: 1, Place: 1, Named: true}},
		{"case does not matter", "GZip;Q=0.5", accept.Weight{Q: 0.5, Named: true}},
		{"spaces do not matter", " br ,\tgzip ; q = 0.25 ", accept.Weight{Q: 0.25, Place: 1, Named: true}},
		{"other parameters do not matter", "gzip;level=9;q=0.5", accept.Weight{Q: 0.5, Named: true}},
		{"refused", "gzip;q=0", accept.Weight{Named: true}},
		{"anything", "br, *;q=0.1", accept.Weight{Q: 0.1, Place: 1}},
		{"its name counts before anything", "*;q=0.9, gzip;q=0.2", accept.Weight{Q: 0.2, Place: 1, Named: true}},
		{"refused among anything", "*, gzip;q=0", accept.Weight{Place: 1, Named: true}},
		{"the first of several counts", "gzip;q=0.3, gzip", accept.Weight{Q: 0.3, Named: true}},
		{"empty items count as places", ",,gzip", accept.Weight{Q: 1, Place: 2, Named: true}},
		{"malformed quality", "gzip;q=x", accept.Weight{Named: true}},
		{"quality that is not a number", "gzip;q=NaN", accept.Weight{Named: true}},
		{"quality above one", "gzip;q=1.1", accept.Weight{Named: true}},
		{"quality below zero", "gzip;q=-1", accept.Weight{Named: true}},
		{"a longer name is another coding", "gzip2", accept.Weight{}},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tc.want, accept.Coding(tc.header, "gzip")); diff != "" {
				t.Errorf("Coding(%q) (-want +got):\n%s", tc.header, diff)
			}
		})
	}
}

func TestHeaderJoinsItsLines(t *testing.T) {
	t.Parallel()
	r := &http.Request{Header: http.Header{"Accept-Encoding": {"gzip;q=0", "br"}}}
	if got, want := accept.Header(r), "gzip;q=0,br"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func FuzzCoding(f *testing.F) {
	for _, seed := range []string{"", "gzip", "*;q=0.5,gzip;q=0", "gzip;q=NaN", ";q=1,,", "gzip;q=1e999"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		w := accept.Coding(header, "gzip")
		if !(w.Q >= 0 && w.Q <= 1) || w.Place < 0 || w.Place > strings.Count(header, ",") {
			t.Fatalf("Coding(%q) = %+v", header, w)
		}
		if w.Named && !strings.Contains(strings.ToLower(header), "gzip") {
			t.Fatalf("Coding(%q) = %+v: it is not named", header, w)
		}
	})
}
