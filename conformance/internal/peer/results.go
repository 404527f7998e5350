package peer

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A Result is what a program reports of one scenario, as a line of JSON on its standard output.
type Result struct {
	Name   string
	Result json.RawMessage
	Error  string
}

// Run runs a program to its end and returns its results by name. The test fails if the program does.
func Run(t testing.TB, c Command) map[string]Result {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	p, err := Start(ctx, c)
	if err != nil {
		t.Fatalf("start: %v", err)
	}
	defer p.Stop()
	results := make(map[string]Result)
	for {
		line, err := p.Line(ctx)
		if errors.Is(err, io.EOF) {
			if waitErr := p.Wait(ctx); waitErr != nil {
				t.Errorf("program: %v", err)
			}
			return results
		}
		if err != nil {
			t.Fatalf("program: %v", err)
		}
		var r Result
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("program said %q: %v", line, err)
		}
		results[r.Name] = r
	}
}

// Check compares the result with JSON, whatever its spelling.
func (r Result) Check(t testing.TB, want string) {
	t.Helper()
	if r.Error != "" {
		t.Fatalf("%s", r.Error)
	}
	if r.Result == nil {
		t.Fatal("the program did not come to this scenario")
	}
	var got, wanted any
	if err := errors.Join(json.Unmarshal(r.Result, &got), json.Unmarshal([]byte(want), &wanted)); err != nil {
		t.Fatalf("result %s: %v", r.Result, err)
	}
	if diff := cmp.Diff(wanted, got); diff != "" {
		t.Fatalf("result differs (-want +got):\n%s", diff)
	}
}
