package sockeye_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

// features are the rows that COMPATIBILITY.md must have: each letter with the
// number of its last row.
var features = []struct {
	letter string
	last   int
}{{"E", 18}, {"S", 25}, {"K", 11}, {"C", 12}, {"O", 7}}

// TestCompatibilityNamesExistingTests holds the feature table to its word: a
// row that claims something names tests, and each of them is in the tree.
func TestCompatibilityNamesExistingTests(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("COMPATIBILITY.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, fault := range compatFaults(os.DirFS("."), string(doc)) {
		t.Error(fault)
	}
	var want, got []string
	for _, f := range features {
		for i := range f.last {
			want = append(want, f.letter+strconv.Itoa(i+1))
		}
	}
	for _, row := range compatRows(string(doc)) {
		got = append(got, row[0])
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

func TestCompatFaults(t *testing.T) {
	t.Parallel()
	tree := fstest.MapFS{
		"sockeye_test.go": {Data: []byte("package p\nfunc TestRoot(*testing.T) {}\n")},
		"a/b/c_test.go":   {Data: []byte("package p\nfunc TestX(t *testing.T) { t.Run(\"one way\", nil) }\nfunc (s) TestMethod() {}\n")},
		"a/b/c.go":        {Data: []byte("package p\nfunc TestNotInATest() {}\n")},
	}
	for _, tc := range []struct {
		rule, row string
		want      []string
	}{
		{"a test that exists", "| E1 | f | works | `a/b.TestX` | |", nil},
		{"a test of the root package", "| E1 | f | works | `sockeye.TestRoot` | |", nil},
		{"a subtest that exists", "| E1 | f | part | `a/b.TestX/one way` | more |", nil},
		{"nothing claimed", "| E1 | f | not yet | | |", nil},
		{"a test that does not exist", "| E1 | f | works | `a/b.TestX`, `a/b.TestY` | |", []string{"E1: a/b.TestY: a/b has no such test"}},
		{"a folder that does not exist", "| E1 | f | works | `a.TestX` | |", []string{"E1: a.TestX: a has no such test"}},
		{"a method", "| E1 | f | works | `a/b.TestMethod` | |", []string{"E1: a/b.TestMethod: a/b has no such test"}},
		{"a function outside the tests", "| E1 | f | works | `a/b.TestNotInATest` | |", []string{"E1: a/b.TestNotInATest: a/b has no such test"}},
		{"a subtest that does not exist", "| E1 | f | works | `a/b.TestX/other` | |", []string{"E1: a/b.TestX/other: no test of a/b has a subtest of that title"}},
		{"a name of another form", "| E1 | f | works | `TestX` | |", []string{"E1: TestX is not of the form folder.TestName"}},
		{"a claim without a test", "| E1 | f | works | | |", []string{"E1: works without a test"}},
		{"a part without what is missing", "| E1 | f | part | `a/b.TestX` | |", []string{"E1: part without what is missing"}},
		{"a test for what is not there", "| E1 | f | not yet | `a/b.TestX` | |", []string{"E1: not yet, but with a test"}},
		{"an unknown state", "| E1 | f | mostly | | |", []string{`E1: unknown state "mostly"`}},
		{"a missing column", "| E1 | f | not yet |", []string{"E1: 3 columns, want 5"}},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tc.want, compatFaults(tree, tc.row)); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
		})
	}
}

var (
	compatRow  = regexp.MustCompile(`(?m)^\| ([A-Z]\d+) \|.*$`)
	compatTest = regexp.MustCompile("`([^`]+)`")
	testName   = regexp.MustCompile(`^([a-z0-9_/]+)\.((?:Test|Fuzz|Example)\w*)(?:/(.+))?$`)
)

// compatRows returns the cells of every feature row of doc.
func compatRows(doc string) [][]string {
	var rows [][]string
	for _, line := range compatRow.FindAllString(doc, -1) {
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		rows = append(rows, cells)
	}
	return rows
}

// compatFaults returns what the rows of doc say against the tree or against
// each other's form.
func compatFaults(tree fs.FS, doc string) []string {
	var faults []string
	for _, row := range compatRows(doc) {
		id := row[0]
		fault := func(format string, args ...any) {
			faults = append(faults, id+": "+fmt.Sprintf(format, args...))
		}
		if len(row) != 5 {
			fault("%d columns, want 5", len(row))
			continue
		}
		state, missing := row[2], row[4]
		tests := compatTest.FindAllStringSubmatch(row[3], -1)
		switch state {
		case "works", "part":
			if len(tests) == 0 {
				fault("%s without a test", state)
			}
			if state == "part" && missing == "" {
				fault("part without what is missing")
			}
		case "not yet":
			if len(tests) > 0 {
				fault("not yet, but with a test")
			}
		default:
			fault("unknown state %q", state)
		}
		for _, m := range tests {
			if why := findTest(tree, m[1]); why != "" {
				fault("%s", why)
			}
		}
	}
	return faults
}

// findTest looks for a test written as folder.TestName or
// folder.TestName/subtest, and returns why there is none.
func findTest(tree fs.FS, test string) string {
	m := testName.FindStringSubmatch(test)
	if m == nil {
		return test + " is not of the form folder.TestName"
	}
	folder, function, subtest := m[1], m[2], m[3]
	dir := folder
	if folder == "sockeye" {
		dir = "."
	}
	functions, titles := testsIn(tree, dir)
	if !slices.Contains(functions, function) {
		return fmt.Sprintf("%s: %s has no such test", test, folder)
	}
	if subtest != "" && !slices.Contains(titles, subtest) {
		return fmt.Sprintf("%s: no test of %s has a subtest of that title", test, folder)
	}
	return ""
}

// testsIn returns the functions and the string literals of the test files in
// dir; the literals are where the titles of subtests stand.
func testsIn(tree fs.FS, dir string) (functions, literals []string) {
	files, err := fs.Glob(tree, path.Join(dir, "*_test.go"))
	if err != nil {
		return nil, nil
	}
	for _, file := range files {
		src, err := fs.ReadFile(tree, file)
		if err != nil {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, src, parser.SkipObjectResolution)
		if err != nil {
			continue
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				if n.Recv == nil {
					functions = append(functions, n.Name.Name)
				}
			case *ast.BasicLit:
				if s, err := strconv.Unquote(n.Value); err == nil && n.Kind == token.STRING {
					literals = append(literals, s)
				}
			}
			return true
		})
	}
	return functions, literals
}
