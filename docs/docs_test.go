// Package docs_test holds the documents in this folder to the code.
//
// A block of Go says in its first line which file it is cut out of, as in
//
//	```go examples/guide/rooms.go
//
// and has to stand there letter for letter, so that the tests of that file run
// what the reader sees. What a table says under the heading "Sockeye" in code is
// compiled. No block and no cell is passed over.
package docs_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/printer"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	// What the cells of the tables use. The go command runs these tests again when
	// one of them changes.
	_ "github.com/sockeye-io/sockeye"
	_ "github.com/sockeye-io/sockeye/engineio"
	_ "github.com/sockeye-io/sockeye/socketio"
	_ "github.com/sockeye-io/sockeye/socketio/siowire/msgpack"
)

// root is the folder of the repository.
const root = ".."

type page struct {
	name  string // from this folder
	lines []string
}

// pages reads every document.
func pages(t *testing.T) []page {
	t.Helper()
	var all []page
	err := fs.WalkDir(os.DirFS("."), ".", func(name string, _ fs.DirEntry, err error) error {
		if err != nil || path.Ext(name) != ".md" {
			return err
		}
		text, err := os.ReadFile(filepath.FromSlash(name))
		all = append(all, page{name, strings.Split(string(text), "\n")})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 10 {
		t.Fatalf("found %d documents only", len(all))
	}
	return all
}

// block is a fenced block.
type block struct {
	line  int    // of the fence
	info  string // what stands behind it
	lines []string
}

// blocks returns the fenced blocks of p, and what stands outside of them with
// empty lines in their place.
func (p page) blocks(t *testing.T) (inside []block, outside []string) {
	t.Helper()
	var open *block
	for i, line := range p.lines {
		info, fence := strings.CutPrefix(strings.TrimSpace(line), "```")
		switch {
		case fence && open == nil:
			open = &block{line: i + 1, info: info}
		case fence:
			inside = append(inside, *open)
			open = nil
		case open != nil:
			open.lines = append(open.lines, line)
		}
		if fence || open != nil {
			line = ""
		}
		outside = append(outside, line)
	}
	if open != nil {
		t.Errorf("%s:%d: the block has no end", p.name, open.line)
	}
	return inside, outside
}

func TestGoBlocksStandInTestedFiles(t *testing.T) {
	t.Parallel()
	found := 0
	for _, p := range pages(t) {
		inside, _ := p.blocks(t)
		for _, b := range inside {
			language, file, _ := strings.Cut(b.info, " ")
			switch language {
			case "go":
				found++
				if fault := cutOut(os.DirFS(root), file, b.lines); fault != "" {
					t.Errorf("%s:%d: %s", p.name, b.line, fault)
				}
			case "":
				t.Errorf("%s:%d: the block does not say what it is written in", p.name, b.line)
			}
		}
	}
	if found < 20 {
		t.Errorf("found %d blocks of Go only", found)
	}
}

// cutOut returns why lines are not an excerpt of a file whose folder has tests.
func cutOut(tree fs.FS, file string, lines []string) string {
	if path.Ext(file) != ".go" {
		return fmt.Sprintf("the block names no file that it is cut out of, but %q", file)
	}
	text, err := fs.ReadFile(tree, file)
	if err != nil {
		return err.Error()
	}
	if tests, err := fs.Glob(tree, path.Dir(file)+"/*_test.go"); err != nil || len(tests) == 0 {
		return file + " has no tests beside it"
	}
	if len(lines) == 0 {
		return "the block is empty"
	}
	all := strings.Split(string(text), "\n")
	for i := range all {
		if matches(all[i:], lines) {
			return ""
		}
	}
	return "the block does not stand in " + file + ": it begins with " + lines[0]
}

// matches reports whether file begins with lines, all of them indented by as many
// tabs more.
func matches(file, lines []string) bool {
	indent, ok := strings.CutSuffix(file[0], lines[0])
	if !ok || strings.Trim(indent, "\t") != "" || len(file) < len(lines) {
		return false
	}
	for i, line := range lines {
		if line != "" {
			line = indent + line
		}
		if file[i] != line {
			return false
		}
	}
	return true
}

// A checker that accepts everything would prove nothing.
func TestCutOut(t *testing.T) {
	t.Parallel()
	tree := os.DirFS(root)
	const file = "examples/minimal/main.go"
	for _, tc := range []struct {
		rule, file, block string
		ok                bool
	}{
		{"an excerpt", file, "type message struct {\n\tText string `json:\"text\"`\n}", true},
		{"an excerpt without its indentation", file, "srv.OnConnect(func(_ context.Context, s *socketio.Socket) error {\n\ts.Join(\"lobby\")", true},
		{"a changed line", file, "type message struct {\n\tText string `json:\"texts\"`\n}", false},
		{"a missing line", file, "type message struct {\n}", false},
		{"other indentation", file, "srv.OnConnect(func(_ context.Context, s *socketio.Socket) error {\ns.Join(\"lobby\")", false},
		{"half a line", file, "message struct {", false},
		{"an empty block", file, "", false},
		{"no file", "", "type message struct {", false},
		{"a file that is not there", "examples/minimal/other.go", "type message struct {", false},
		{"a file without tests", "examples/internal/webclient/webclient.go", "package webclient", false},
	} {
		var lines []string
		if tc.block != "" {
			lines = strings.Split(tc.block, "\n")
		}
		if fault := cutOut(tree, tc.file, lines); (fault == "") != tc.ok {
			t.Errorf("%s: got %q, want a fault: %v", tc.rule, fault, !tc.ok)
		}
	}
}

func TestLinks(t *testing.T) {
	t.Parallel()
	link := regexp.MustCompile(`\]\(([^)#]*)(?:#[^)]*)?\)`)
	for _, p := range pages(t) {
		_, outside := p.blocks(t)
		for _, m := range link.FindAllStringSubmatch(codeSpan.ReplaceAllString(strings.Join(outside, "\n"), ""), -1) {
			if m[1] == "" || strings.Contains(m[1], "://") {
				continue
			}
			if _, err := os.Stat(filepath.FromSlash(path.Join(path.Dir(p.name), m[1]))); err != nil {
				t.Errorf("%s links to %s: %v", p.name, m[1], err)
			}
		}
	}
}

// cell is the code of one cell of a table.
type cell struct {
	page string
	line int
	code string
}

var codeSpan = regexp.MustCompile("`([^`]+)`")

// cells returns the code in the columns headed "Sockeye".
func (p page) cells(t *testing.T) []cell {
	t.Helper()
	var found []cell
	column := -1 // of the table that we are in
	_, outside := p.blocks(t)
	for i, line := range outside {
		if !strings.HasPrefix(line, "|") {
			column = -1
			continue
		}
		row := strings.Split(strings.ReplaceAll(line, `\|`, "\x00"), "|")
		heads := i == 0 || !strings.HasPrefix(outside[i-1], "|")
		if heads {
			for n, head := range row {
				if strings.TrimSpace(head) == "Sockeye" {
					column = n
				}
			}
			continue
		}
		if column < 0 {
			continue
		}
		if column >= len(row) {
			t.Errorf("%s:%d: the row has no column %d", p.name, i+1, column)
			continue
		}
		for _, m := range codeSpan.FindAllStringSubmatch(row[column], -1) {
			found = append(found, cell{p.name, i + 1, strings.ReplaceAll(m[1], "\x00", "|")})
		}
	}
	return found
}

// head is what the code in cells may use.
const head = `package cells

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"regexp"
	"time"

	"github.com/sockeye-io/sockeye"
	"github.com/sockeye-io/sockeye/engineio"
	"github.com/sockeye-io/sockeye/socketio"
	"github.com/sockeye-io/sockeye/socketio/siowire"
	"github.com/sockeye-io/sockeye/socketio/siowire/msgpack"
)

type (
	Message struct{ Text string }
	Query   struct{ ID int }
	User    struct{ Name string }
)

const ChatMessage sockeye.Event[Message] = "chat message"

var (
	user = socketio.NewKey[User]("user")
	_    = errors.Is
	_    *slog.Logger
	_    http.Handler
	_    netip.Prefix
	_    *regexp.Regexp
	_    time.Time
	_    engineio.Options
	_    siowire.Parser
	_    = msgpack.New
)

func f(ctx context.Context, s *socketio.Socket, m Message) error                   { return nil }
func g(ctx context.Context, s *socketio.Socket, q Query) (User, error)             { return User{}, nil }
func onPacket(ctx context.Context, s *socketio.Socket, p *socketio.Packet) error   { return nil }
func middleware(ctx context.Context, s *socketio.Socket) error                     { return nil }
func gone(ctx context.Context, s *socketio.Socket, why socketio.Disconnect)        {}
func failed(ctx context.Context, s *socketio.Socket, event string, err error)      {}
func task()                                                                        {}
`

// function wraps the code of a cell, an expression or statements, in a function,
// in which everything that it defines is used.
func function(c cell) (string, error) {
	const open = "package p\nfunc _(ctx context.Context, srv *socketio.Server, chat *socketio.Namespace, s *socketio.Socket, " +
		"p *socketio.Packet, m Message, q Query, id string, mux *http.ServeMux, why socketio.Disconnect, err error) error {\n"
	body := c.code
	if e, err := parser.ParseExpr(body); err == nil {
		if _, call := e.(*ast.CallExpr); !call {
			body = "_ = " + body
		}
	}
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "", open+"{\n"+body+"\n}\nreturn nil\n}", 0)
	if err != nil {
		return "", err
	}
	fn := file.Decls[0].(*ast.FuncDecl)
	block := fn.Body.List[0].(*ast.BlockStmt) // a scope of its own, in which srv may be another one
	var uses []ast.Stmt
	for _, stmt := range block.List {
		uses = append(uses, stmt)
		if a, ok := stmt.(*ast.AssignStmt); ok && a.Tok == token.DEFINE {
			for _, name := range a.Lhs {
				if name.(*ast.Ident).Name == "_" {
					continue
				}
				uses = append(uses, &ast.AssignStmt{Lhs: []ast.Expr{ast.NewIdent("_")}, Tok: token.ASSIGN, Rhs: []ast.Expr{name}})
			}
		}
	}
	block.List = uses
	var out bytes.Buffer
	err = printer.Fprint(&out, fset, fn)
	return out.String(), err
}

// build compiles the code of cells, as a package of this module that exists in
// the compiler's eyes only.
func build(t *testing.T, cells []cell) (output string, err error) {
	t.Helper()
	var source bytes.Buffer
	source.WriteString(head)
	for _, c := range cells {
		code, err := function(c)
		if err != nil {
			return "", fmt.Errorf("%s:%d: %s: %w", c.page, c.line, c.code, err)
		}
		fmt.Fprintf(&source, "\n//line %s:%d\n%s\n", c.page, c.line-2, code) // the code is two lines in
	}
	if _, err := format.Source(source.Bytes()); err != nil {
		return "", err
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "cells.go")
	if err := os.WriteFile(file, source.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(here, "cells", "cells.go"): file}})
	if err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(list, overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "go", "build", "-overlay", list, "./cells").CombinedOutput()
	return string(out), err
}

func TestTablesCompile(t *testing.T) {
	t.Parallel()
	var cells []cell
	for _, p := range pages(t) {
		cells = append(cells, p.cells(t)...)
	}
	if len(cells) < 100 {
		t.Errorf("found %d cells with code only", len(cells))
	}
	if out, err := build(t, cells); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestTablesThatDoNotCompile(t *testing.T) {
	t.Parallel()
	p := page{"x.md", []string{
		"| Node | Sockeye |",
		"|---|---|",
		"| `socket.id` | `s.ID()` |",
		"| `socket.nothing` | none, or `s.Nothing()` |",
	}}
	cells := p.cells(t)
	if len(cells) != 2 {
		t.Fatalf("found the cells %v, want two", cells)
	}
	out, err := build(t, cells)
	if err == nil || !strings.Contains(out, "x.md:4") || !strings.Contains(out, "s.Nothing") {
		t.Errorf("got %v and\n%s\nwant the fault of line 4", err, out)
	}
}
