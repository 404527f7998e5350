// Command testsum reads the event stream of one or several `go test -json`
// runs from standard input and prints what a person wants to see of it: one
// line for each package, the whole output of whatever failed or was skipped,
// and as its last line how many tests passed, failed and were skipped.
//
//	{ go test -json -race work; go test -json ./...; } | go run ./scripts/testsum
//
// It exits with status 1 when anything failed, when a package could not be
// built, and when no test ran at all.
package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
)

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "testsum:", err)
		os.Exit(1)
	}
}

// run copies the readable part of the event stream r to w and ends with the
// closing line. The error says why the run does not count as a success.
func run(r io.Reader, w io.Writer) error {
	out := bufio.NewWriter(w)
	rep := newReport(out)
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			rep.line(line)
			if err := out.Flush(); err != nil {
				return fmt.Errorf("writing the report: %w", err)
			}
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return fmt.Errorf("reading the events: %w", err)
		}
	}
	t := rep.close()
	if err := out.Flush(); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	switch {
	case t.failed > 0:
		return fmt.Errorf("%d failed", t.failed)
	case t.passed == 0:
		return errNothingRan
	}
	return nil
}
