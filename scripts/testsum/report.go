package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// errNothingRan reports an event stream in which no test passed or failed: an
// empty run must not look like a good one.
var errNothingRan = errors.New("no test ran")

// event is one line of `go test -json`, as `go doc test2json` describes it.
type event struct {
	Action  string
	Package string // empty in lines about a build
	Test    string // empty in lines about a package
	Output  string
}

// outcome is how a test ended. The order is that of precedence: a test that is
// run several times counts once, by its highest outcome.
type outcome int

const (
	unfinished outcome = iota
	skipped
	passed
	failed
)

// name identifies a test or, with an empty test, a package.
type name struct{ pkg, test string }

// totals counts tests that have no subtests of their own, each once however
// often it ran, and packages that failed without a failing test.
type totals struct{ passed, failed, skipped int }

// report turns events into readable output and totals. It belongs to one
// goroutine.
type report struct {
	w io.Writer

	output   map[name][]string // what a running test or package has printed so far
	outcomes map[name]outcome
	parents  map[name]bool // tests that have subtests
	blamed   map[name]bool // tests and packages below which a test failed
}

func newReport(w io.Writer) *report {
	return &report{
		w:        w,
		output:   map[name][]string{},
		outcomes: map[name]outcome{},
		parents:  map[name]bool{},
		blamed:   map[name]bool{},
	}
}

// line takes one line of the stream. A line that is no event is copied: the go
// command writes such lines when it cannot even start.
func (r *report) line(line []byte) {
	var e event
	if err := json.Unmarshal(line, &e); err != nil {
		fmt.Fprintf(r.w, "%s", line)
		return
	}
	n := name{e.Package, e.Test}
	switch e.Action {
	case "run":
		if _, ok := r.outcomes[n]; !ok {
			r.outcomes[n] = unfinished
		}
		for _, up := range ancestors(n) {
			r.parents[up] = true
		}
	case "output":
		r.output[n] = append(r.output[n], e.Output)
	case "build-output":
		fmt.Fprint(r.w, e.Output)
	case "pass":
		r.end(n, passed)
	case "skip":
		r.end(n, skipped)
	case "fail":
		r.end(n, failed)
	}
}

// end records how n ended and prints as much of its output as is worth reading.
func (r *report) end(n name, o outcome) {
	if n.test == "" {
		r.endPackage(n, o)
		return
	}
	r.outcomes[n] = max(r.outcomes[n], o)
	if o == failed {
		for _, up := range ancestors(n) {
			r.blamed[up] = true
		}
		r.blamed[name{n.pkg, ""}] = true
	}
	if o != passed {
		r.print(n, isNews)
	}
	delete(r.output, n)
}

// endPackage ends a package: a test of it that began and did not end was cut
// off by a crash or by the time limit, and has failed.
func (r *report) endPackage(n name, o outcome) {
	var cut []name
	for t, to := range r.outcomes {
		if t.pkg == n.pkg && to == unfinished {
			cut = append(cut, t)
		}
	}
	slices.SortFunc(cut, func(a, b name) int { return strings.Compare(a.test, b.test) })
	for _, t := range cut {
		r.end(t, failed)
	}
	switch o {
	case failed:
		if !r.blamed[n] {
			r.outcomes[n] = failed
		}
		r.print(n, isNews)
	case passed:
		r.print(n, func(line string) bool { return strings.HasPrefix(line, "ok") })
	case unfinished, skipped: // a package without tests
	}
	delete(r.output, n)
}

// print writes the lines that n has printed and that keep wants.
func (r *report) print(n name, keep func(line string) bool) {
	for _, line := range r.output[n] {
		if keep(line) {
			fmt.Fprint(r.w, line)
		}
	}
}

// close prints the closing line and returns its figures.
func (r *report) close() totals {
	var t totals
	for n, o := range r.outcomes {
		switch {
		case o == unfinished: // the stream broke off
			t.failed++
		case r.parents[n] && (o != failed || r.blamed[n]):
			// Its subtests are counted instead.
		case o == failed:
			t.failed++
		case o == skipped:
			t.skipped++
		default:
			t.passed++
		}
	}
	fmt.Fprintf(r.w, "%d passed, %d failed, %d skipped\n", t.passed, t.failed, t.skipped)
	return t
}

// ancestors returns the tests above n: TestA and TestA/b for TestA/b/c. Where a
// subtest's own name holds a slash, some of them do not exist.
func ancestors(n name) []name {
	var up []name
	for i := range len(n.test) {
		if n.test[i] == '/' {
			up = append(up, name{n.pkg, n.test[:i]})
		}
	}
	return up
}

// isNews tells the lines of a test that say something about it from those that
// only say that it is running.
func isNews(line string) bool {
	for _, prefix := range []string{"=== RUN", "=== PAUSE", "=== CONT", "=== NAME"} {
		if strings.HasPrefix(line, prefix) {
			return false
		}
	}
	return true
}
