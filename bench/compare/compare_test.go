//go:build linux

package main

import (
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-io/sockeye/bench/load"
	"github.com/sockeye-io/sockeye/internal/leak"
)

func TestMain(m *testing.M) { leak.Main(m) }

func TestSpread(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		values []float64
		want   spread
		text   string
	}{
		{"nothing", nil, spread{}, "-"},
		{"one", []float64{3}, spread{3, 3, 3}, "3.00 (3.00..3.00)"},
		{"an odd number, unsorted", []float64{30, 1, 2}, spread{2, 1, 30}, "2.00 (1.00..30.0)"},
		{"an even number: the mean of the middle two", []float64{400, 1, 2, 4}, spread{3, 1, 400}, "3.00 (1.00..400)"},
	} {
		got := spreadOf(tt.values)
		if got != tt.want || got.String() != tt.text {
			t.Errorf("%s: %+v, %q", tt.name, got, got)
		}
	}
}

// reportOf returns a report of the rows with one value per peer and round.
func reportOf(lines []row, figures map[string][]float64) *report {
	r := &report{rows: lines, peers: []string{"node", "sockeye"}, Command: "go run ./bench/compare", Machine: []string{"machine: m"}}
	for _, line := range lines {
		for _, p := range r.peers {
			for i, v := range figures[p] {
				r.Samples = append(r.Samples, sample{line.name, i + 1, p, load.Result{CPU: v, Memory: 1000 * v}})
			}
		}
	}
	return r
}

func TestRatioComparesTheServersOfOneRound(t *testing.T) {
	t.Parallel()
	line := rows(true)[0]
	r := reportOf([]row{line}, map[string][]float64{"node": {10, 20, 40}, "sockeye": {5, 4, 12}})
	// 0.5, 0.2 and 0.3; the ratio of the medians is 0.25.
	if got, want := spreadOf(r.ratios(line, subject, reference)), (spread{0.3, 0.2, 0.5}); got != want {
		t.Errorf("ratios are %v, want %v", got, want)
	}
}

func TestVerdict(t *testing.T) {
	t.Parallel()
	byRatio := row{name: "a", config: load.Config{Mode: load.Echo}, aim: aim{ratio: 0.5}}
	byValue := row{name: "b", config: load.Config{Mode: load.Idle}, aim: aim{value: 7}}
	for _, tt := range []struct {
		name          string
		line          row
		node, sockeye float64
		want          string
	}{
		{"a ratio at the bound", byRatio, 20, 10, "<= 0.50, met"},
		{"a ratio above it", byRatio, 20, 10.1, "<= 0.50, missed"},
		{"a value at the bound", byValue, 1, 7, "<= 7.0 kB, met"},
		{"a value above it, whatever the other has", byValue, 1000, 7.1, "<= 7.0 kB, missed"},
	} {
		r := reportOf([]row{tt.line}, map[string][]float64{"node": {tt.node}, "sockeye": {tt.sockeye}})
		if got := r.verdict(tt.line); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
	if got := reportOf(nil, nil).verdict(byRatio); got != "<= 0.50" {
		t.Errorf("without a figure: %q", got)
	}
}

func TestTablesHaveEveryRowAndPeer(t *testing.T) {
	t.Parallel()
	r := reportOf(rows(true), map[string][]float64{"node": {20}, "sockeye": {5}})
	var text, doc strings.Builder
	if err := r.print(&text); err != nil {
		t.Fatal(err)
	}
	if err := r.markdown(&doc); err != nil {
		t.Fatal(err)
	}
	for _, line := range rows(true) {
		if n := strings.Count(text.String(), line.name); n != 3 {
			t.Errorf("%q stands %d times in the text, want once for the cost and once per peer for the pace", line.name, n)
		}
		if n := strings.Count(doc.String(), "| "+line.name+" |"); n != 3 {
			t.Errorf("%q stands %d times in the document", line.name, n)
		}
	}
	for _, want := range []string{"- machine: m\n", "`go run ./bench/compare`", "| 20.0 (20.0..20.0) | 5.00 (5.00..5.00) | 0.25 (0.25..0.25) | <= 0.50, met |"} {
		if !strings.Contains(doc.String(), want) {
			t.Errorf("%q is not in\n%s", want, &doc)
		}
	}
}

func TestParseReportsAllFaults(t *testing.T) {
	t.Parallel()
	_, err := parse([]string{"-rounds", "0", "-rows", "dancing", "-peers", "node,java"})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"-rounds 0", `-rows "dancing"`, `no server "java"`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not reported in %v", want, err)
		}
	}
	o, err := parse([]string{"-quick", "-rows", "broadcast", "-peers", "floor"})
	if err != nil || len(o.rows) != 2 || len(o.peers) != 1 || o.rounds != 3 {
		t.Errorf("%+v, %v", o, err)
	}
}

func TestMeasureRunsTheGeneratorAgainstAPeer(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"taskset", "go"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatal(err)
		}
	}
	b, err := newBench(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b.loadCore = b.serverCore // one core is enough to see that it works
	floor := peers()["floor"]
	if err := b.prepare(t.Context(), []peer{floor}); err != nil {
		t.Fatal(err)
	}
	line := row{name: "echo", config: load.Config{
		Mode: load.Echo, Conns: 8, InFlight: 4, Payload: 64, Warmup: 20 * time.Millisecond, Duration: 200 * time.Millisecond,
	}}
	res, err := b.measure(t.Context(), floor, line)
	if err != nil {
		t.Fatal(err)
	}
	if res.Mode != load.Echo || res.Conns != 8 || res.InFlight != 4 || res.Payload != 64 || res.Units == 0 || res.CPU <= 0 {
		t.Errorf("result is %+v", res)
	}
	line.config.Conns = 1 << 20
	if _, err := b.measure(t.Context(), floor, line); err == nil || !strings.Contains(err.Error(), "conns is 1048576") {
		t.Errorf("what the generator says does not arrive: %v", err)
	}
}

func TestServerThatIsNotReady(t *testing.T) {
	t.Parallel()
	b, err := newBench(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name  string
		serve []string
		want  string
	}{
		{"says something else", []string{"echo", "hello"}, `"hello 127.0.0.1:0\n"`},
		{"ends with a complaint", []string{"sh", "-c", "echo no port >&2"}, "the server said: no port"},
		{"does not exist", []string{"out/no-such-server"}, "no-such-server"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if _, err := b.start(t.Context(), peer{name: "p", serve: tt.serve}); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error is %v, want %q in it", err, tt.want)
			}
		})
	}
}
