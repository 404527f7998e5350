package sockeye_test

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/sockeye-io/sockeye"

// layer is one row of the architecture: a package, and every package of ours
// that its code, tests aside, may import. The root package is ".".
type layer struct {
	pkg string
	may []string
}

// layers is the architecture of this repository, all its modules included. A
// package that is missing here, or a row whose package is gone, fails the test,
// so the table cannot fall behind the tree.
//
// Read it top to bottom: a row may only name rows above it.
var layers = []layer{
	// Names of events, for both ends of a connection.
	{".", nil},

	// What goroutines, time and the network are to us.
	{"internal/worker", nil},
	{"internal/wheel", nil},
	{"internal/netconn", nil},
	{"internal/memnet", []string{"internal/netconn"}},
	{"internal/leak", nil}, // for tests alone

	// Headers and files of HTTP.
	{"internal/accept", nil},
	{"socketio/clientbundle", []string{"internal/accept"}},

	// Bytes <-> packets. Pure: no goroutines, no I/O, no clock.
	{"engineio/eiowire", nil},
	{"socketio/siowire/internal/gojson", nil},
	{"socketio/siowire", []string{"socketio/siowire/internal/gojson"}},
	{"socketio/siowire/msgpack", []string{"socketio/siowire", "socketio/siowire/internal/gojson"}},

	// Carrying Engine.IO packets.
	{"engineio/transport", []string{"engineio/eiowire", "internal/worker"}},
	{"engineio/transport/polling", []string{
		"engineio/transport", "engineio/eiowire", "internal/worker",
	}},
	{"engineio/transport/websocket", []string{
		"engineio/transport", "engineio/eiowire", "internal/netconn", "internal/worker",
	}},

	{"engineio/transport/transporttest", []string{"engineio/transport", "engineio/eiowire", "internal/worker"}},

	// Sessions.
	{"engineio", []string{
		"engineio/eiowire", "engineio/transport", "engineio/transport/polling", "engineio/transport/websocket",
		"internal/accept", "internal/netconn", "internal/wheel", "internal/worker",
	}},

	// Content codings with dependencies of their own, as a module.
	{"engineio/httpcompress", []string{"engineio"}},

	// Rooms, with no idea of what a connection is.
	{"adapter", nil},

	// Sockets.
	{"socketio", []string{".", "engineio", "socketio/clientbundle", "socketio/siowire", "adapter", "internal/wheel", "internal/worker"}},

	// Other modules: what uses the library, and what judges it.
	{"cmd/sockeye/internal/chat", []string{".", "socketio"}},
	{"cmd/sockeye", []string{"engineio", "socketio", "cmd/sockeye/internal/chat"}},
	{"examples/internal/sioclient", []string{"socketio", "internal/memnet"}},
	{"examples/internal/webclient", nil},
	{"examples/internal/account", []string{"engineio", "socketio"}},
	{"examples/internal/account/accounttest", []string{"examples/internal/account", "examples/internal/sioclient"}},
	{"examples/background", []string{"socketio"}},
	{"examples/chat", []string{".", "socketio", "examples/internal/webclient"}},
	{"examples/chi", []string{"socketio", "examples/internal/account"}},
	{"examples/echo", []string{"socketio", "examples/internal/account"}},
	{"examples/fiber", []string{"socketio", "examples/internal/account"}},
	{"examples/flask", []string{"socketio", "examples/internal/webclient"}},
	{"examples/gin", []string{"socketio", "examples/internal/account"}},
	{"examples/jwt", []string{"socketio"}},
	{"examples/minimal", []string{"socketio"}},
	{"examples/prefix", []string{"engineio", "socketio"}},
	{"examples/guide", []string{".", "engineio", "socketio"}},
	{"docs", nil}, // tests of the documents
	{"socketio/siowire/fastjson", []string{"socketio/siowire"}},
	{"socketio/recovery/bolt", []string{"socketio"}},
	{"bench/load", nil},
	{"bench/peers/floor", nil},
	{"bench/server", []string{"socketio"}},
	{"bench/sioload", []string{"bench/load"}},
	{"bench/compare", []string{"bench/load"}},
	{"conformance/internal/cutter", nil},
	{"conformance/internal/mutant", nil},
	{"conformance/internal/peer", nil},
	{"conformance/internal/raw", nil},
	{"conformance/internal/sut", []string{"engineio", "socketio", "socketio/siowire"}},
	{"conformance/bundle", nil},
	{"conformance/internal/page", []string{"socketio"}},
	{"conformance/proxy", nil},
	{"conformance/wire", nil},
	{"conformance/recovery", []string{"engineio", "socketio", "socketio/recovery/bolt"}},
	{"conformance/server", []string{"conformance/internal/sut"}},
	{"conformance/browser", nil},
	{"conformance/jsonp", nil},
	{"conformance", nil},
	{"scripts/testsum", nil},
}

// source is one Go file of the repository.
type source struct {
	path string // from the root, with slashes
	pkg  string // the folder that it is in
	main bool   // of the root module
	test bool
	text []byte
}

// sources reads every Go file here. It reads them itself and asks no other
// program: the go command then knows what the results of these tests depend on,
// and does not repeat an old one from its cache.
func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	nested := map[string]bool{".": false} // folders of the other modules
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		base := path.Base(name)
		if d.IsDir() {
			if base == "testdata" || base == "node_modules" || name != "." && strings.ContainsRune("._", rune(base[0])) {
				return fs.SkipDir
			}
			if name != "." {
				_, err := os.Stat(filepath.Join(name, "go.mod"))
				nested[name] = nested[path.Dir(name)] || err == nil
			}
			return nil
		}
		if path.Ext(name) != ".go" {
			return nil
		}
		text, err := os.ReadFile(name)
		all = append(all, source{
			path: name,
			pkg:  path.Dir(name),
			main: !nested[path.Dir(name)],
			test: strings.HasSuffix(name, "_test.go"),
			text: text,
		})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func (s source) parse(t *testing.T, mode parser.Mode) *ast.File {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), s.path, s.text, mode)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// imports returns the packages of ours that s imports.
func (s source) imports(t *testing.T) []string {
	t.Helper()
	var ours []string
	for _, spec := range s.parse(t, parser.ImportsOnly).Imports {
		name, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		if name == module {
			ours = append(ours, ".")
		} else if pkg, ok := strings.CutPrefix(name, module+"/"); ok {
			ours = append(ours, pkg)
		}
	}
	return ours
}

func TestLayersNameOnlyWhatIsAbove(t *testing.T) {
	t.Parallel()
	above := map[string]bool{}
	for _, l := range layers {
		if above[l.pkg] {
			t.Errorf("layers has two rows for %s", l.pkg)
		}
		for _, imp := range l.may {
			if !above[imp] {
				t.Errorf("layers: %s may import %s, which is not above it", l.pkg, imp)
			}
		}
		above[l.pkg] = true
	}
}

func TestLayers(t *testing.T) {
	t.Parallel()
	may := map[string][]string{}
	for _, l := range layers {
		may[l.pkg] = l.may
	}
	there := map[string]bool{}
	for _, s := range sources(t) {
		if !there[s.pkg] {
			there[s.pkg] = true
			if _, ok := may[s.pkg]; !ok {
				t.Errorf("%s has no row in layers: say where it stands", s.pkg)
			}
		}
		if s.test {
			continue
		}
		for _, imp := range s.imports(t) {
			if !slices.Contains(may[s.pkg], imp) {
				t.Errorf("%s imports %s: not allowed by layers", s.path, imp)
			}
		}
	}
	for _, l := range layers {
		if !there[l.pkg] {
			t.Errorf("layers has a row for %s, which does not exist", l.pkg)
		}
	}
}

// A test of the root module that imports another module works in the workspace
// and breaks the root module for everybody else.
func TestRootModuleStandsAlone(t *testing.T) {
	t.Parallel()
	all := sources(t)
	nested := map[string]bool{}
	for _, s := range all {
		nested[s.pkg] = !s.main
	}
	for _, s := range all {
		for _, imp := range s.imports(t) {
			if s.main && nested[imp] {
				t.Errorf("%s imports %s, which is in another module", s.path, imp)
			}
		}
	}
}

func TestFilesAreShort(t *testing.T) {
	t.Parallel()
	const most = 600
	for _, s := range sources(t) {
		if n := bytes.Count(s.text, []byte("\n")); n > most {
			t.Errorf("%s has %d lines, more than %d: split it by noun", s.path, n, most)
		}
	}
}

// Goroutines of the library have an owner that waits for them.
func TestGoroutinesStartInWorker(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		helper := strings.HasSuffix(s.pkg, "test") // a contract suite: its own test waits for it
		if !s.main || s.test || helper || s.pkg == "internal/worker" || strings.HasPrefix(s.pkg, "scripts/") {
			continue
		}
		ast.Inspect(s.parse(t, parser.SkipObjectResolution), func(n ast.Node) bool {
			if g, ok := n.(*ast.GoStmt); ok {
				line := 1 + bytes.Count(s.text[:g.Pos()-1], []byte("\n"))
				t.Errorf("%s:%d: a go statement outside internal/worker", s.path, line)
			}
			return true
		})
	}
}
