package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRun(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		rule   string
		events string
		want   string
		err    string
	}{
		{
			rule: "a passing package is one line",
			events: `{"Action":"start","Package":"p"}
{"Action":"output","Package":"p","Output":"-test.shuffle 7\n"}
{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"=== RUN   TestA\n"}
{"Action":"output","Package":"p","Test":"TestA","Output":"--- PASS: TestA (0.00s)\n"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Output":"PASS\n"}
{"Action":"output","Package":"p","Output":"ok  \tp\t0.1s\n"}
{"Action":"pass","Package":"p"}
`,
			want: "ok  \tp\t0.1s\n1 passed, 0 failed, 0 skipped\n",
		},
		{
			rule: "subtests count, their parent does not",
			events: `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"run","Package":"p","Test":"TestA/b"}
{"Action":"run","Package":"p","Test":"TestA/c/d"}
{"Action":"pass","Package":"p","Test":"TestA/b"}
{"Action":"pass","Package":"p","Test":"TestA/c/d"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"pass","Package":"p"}
`,
			want: "2 passed, 0 failed, 0 skipped\n",
		},
		{
			rule: "a failure shows its output and the package's",
			events: `{"Action":"output","Package":"p","Output":"-test.shuffle 7\n"}
{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"run","Package":"p","Test":"TestA/b"}
{"Action":"output","Package":"p","Test":"TestA/b","Output":"    a_test.go:1: broken\n"}
{"Action":"fail","Package":"p","Test":"TestA/b"}
{"Action":"output","Package":"p","Test":"TestA","Output":"--- FAIL: TestA (0.00s)\n"}
{"Action":"fail","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Output":"FAIL\tp\t0.1s\n"}
{"Action":"fail","Package":"p"}
`,
			want: "    a_test.go:1: broken\n--- FAIL: TestA (0.00s)\n-test.shuffle 7\nFAIL\tp\t0.1s\n0 passed, 1 failed, 0 skipped\n",
			err:  "1 failed",
		},
		{
			rule: "a parent that fails by itself counts",
			events: `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"run","Package":"p","Test":"TestA/b"}
{"Action":"pass","Package":"p","Test":"TestA/b"}
{"Action":"fail","Package":"p","Test":"TestA"}
{"Action":"fail","Package":"p"}
`,
			want: "1 passed, 1 failed, 0 skipped\n",
			err:  "1 failed",
		},
		{
			rule: "a package that fails without a failing test counts",
			events: `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Output":"goroutine leaked\n"}
{"Action":"fail","Package":"p"}
`,
			want: "goroutine leaked\n1 passed, 1 failed, 0 skipped\n",
			err:  "1 failed",
		},
		{
			rule: "a package that does not build counts",
			events: `{"ImportPath":"p [p.test]","Action":"build-output","Output":"# p\n"}
{"ImportPath":"p [p.test]","Action":"build-output","Output":"a.go:1:1: no\n"}
{"ImportPath":"p [p.test]","Action":"build-fail"}
{"Action":"output","Package":"p","Output":"FAIL\tp [build failed]\n"}
{"Action":"fail","Package":"p","FailedBuild":"p [p.test]"}
`,
			want: "# p\na.go:1:1: no\nFAIL\tp [build failed]\n0 passed, 1 failed, 0 skipped\n",
			err:  "1 failed",
		},
		{
			rule: "a test that a crash cut off has failed",
			events: `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"panic: boom\n"}
{"Action":"fail","Package":"p"}
`,
			want: "panic: boom\n0 passed, 1 failed, 0 skipped\n",
			err:  "1 failed",
		},
		{
			rule:   "a stream that breaks off has failed",
			events: `{"Action":"run","Package":"p","Test":"TestA"}` + "\n",
			want:   "0 passed, 1 failed, 0 skipped\n",
			err:    "1 failed",
		},
		{
			rule: "a skipped test says why",
			events: `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:1: needs node: apt-get install nodejs\n"}
{"Action":"skip","Package":"p","Test":"TestA"}
{"Action":"run","Package":"p","Test":"TestB"}
{"Action":"pass","Package":"p","Test":"TestB"}
{"Action":"pass","Package":"p"}
`,
			want: "    a_test.go:1: needs node: apt-get install nodejs\n1 passed, 0 failed, 1 skipped\n",
		},
		{
			rule: "a test counts once over several runs, and one failure is enough",
			events: `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"fail","Package":"p","Test":"TestA"}
{"Action":"fail","Package":"p"}
{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"pass","Package":"p"}
`,
			want: "0 passed, 1 failed, 0 skipped\n",
			err:  "1 failed",
		},
		{
			rule:   "what is no event is shown",
			events: "go: cannot find main module\n",
			want:   "go: cannot find main module\n0 passed, 0 failed, 0 skipped\n",
			err:    errNothingRan.Error(),
		},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			t.Parallel()
			var out strings.Builder
			err := run(strings.NewReader(tc.events), &out)
			if diff := cmp.Diff(tc.want, out.String()); diff != "" {
				t.Errorf("output (-want +got):\n%s", diff)
			}
			got := ""
			if err != nil {
				got = err.Error()
			}
			if got != tc.err {
				t.Errorf("error %q, want %q", got, tc.err)
			}
		})
	}
}

func TestRunReportsABrokenOutput(t *testing.T) {
	t.Parallel()
	want := errors.New("full")
	if err := run(strings.NewReader("x\n"), failingWriter{want}); !errors.Is(err, want) {
		t.Errorf("error %v, want %v", err, want)
	}
}

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }
