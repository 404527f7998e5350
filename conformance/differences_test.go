package conformance

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write DIFFERENCES.md anew")

// TestDifferences holds DIFFERENCES.md to the cases: each difference stands there with what both servers are
// seen to do.
func TestDifferences(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString(`# Where Sockeye differs from the Node server

Each row is a wire case of this folder that runs against both servers and sees both answers (where a case
would end the Node process, it runs against Sockeye alone). "go test . -run TestDifferences -update" writes
this file from the cases.

| case | Node (socket.io 4.8.4, engine.io 6.6.12) | Sockeye | why |
|---|---|---|---|
`)
	for _, s := range suites() {
		for _, l := range s.leaves() {
			if d := l.differs; d != nil {
				fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", strings.Join(l.path, ": "), d.reference, d.ours, d.why)
			}
		}
	}
	const file = "DIFFERENCES.md"
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	have, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(have), b.String()); diff != "" {
		t.Fatalf("%s is stale (-file +cases):\n%s", file, diff)
	}
}
