package sockeye_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestReadmeServerIsTheExample keeps the server in README.md compiling and
// tested: it is the program of examples/minimal, letter for letter.
func TestReadmeServerIsTheExample(t *testing.T) {
	t.Parallel()
	readme := readDoc(t, "README.md")
	_, block, ok := strings.Cut(readme, "```go\n")
	if !ok {
		t.Fatal("README.md has no block of Go code")
	}
	block, _, _ = strings.Cut(block, "```")

	program := readDoc(t, "examples/minimal/main.go")
	at := strings.Index(program, "package main\n")
	if at < 0 {
		t.Fatal("examples/minimal/main.go has no package clause")
	}
	if diff := cmp.Diff(program[at:], block); diff != "" {
		t.Errorf("the server of README.md differs from examples/minimal/main.go (-example +readme):\n%s", diff)
	}
}

// TestDocumentLinks checks that what the documents in the root point to within
// the repository is there.
func TestDocumentLinks(t *testing.T) {
	t.Parallel()
	docs, err := filepath.Glob("*.md")
	if err != nil || len(docs) == 0 {
		t.Fatalf("no documents: %v", err)
	}
	link := regexp.MustCompile(`\]\(([^)#]+)(?:#[^)]*)?\)`)
	for _, doc := range docs {
		for _, m := range link.FindAllStringSubmatch(readDoc(t, doc), -1) {
			target := m[1]
			if strings.Contains(target, "://") {
				continue
			}
			if _, err := fs.Stat(os.DirFS("."), strings.TrimSuffix(target, "/")); err != nil {
				t.Errorf("%s links to %s: %v", doc, target, err)
			}
		}
	}
}

// TestReadmeMakeTargetsExist checks that each `make` command that a document
// names is one that the Makefile has.
func TestReadmeMakeTargetsExist(t *testing.T) {
	t.Parallel()
	makefile := readDoc(t, "Makefile")
	command := regexp.MustCompile("(?m)(?:^|`)make ([a-z-]+)")
	for _, doc := range []string{"README.md", "CONTRIBUTING.md"} {
		found := command.FindAllStringSubmatch(readDoc(t, doc), -1)
		if len(found) == 0 {
			t.Errorf("%s names no make command", doc)
		}
		for _, m := range found {
			if !strings.Contains(makefile, "\n"+m[1]+":") {
				t.Errorf("%s names `make %s`, which the Makefile does not have", doc, m[1])
			}
		}
	}
}

func readDoc(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
