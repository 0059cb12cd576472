// Package check has the rules of this house as tests. Each failure says what to do
// instead.
package check

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
	"strings"
	"testing"
)

const (
	root   = "../.."
	module = "github.com/fletchmq/fletch"
)

// mayImport is what the code of a folder may import beside the standard library:
// folders of this module, and modules of others. A folder that is not named here
// has the rule of the one above it; "*" is anything.
var mayImport = map[string][]string{
	"spec":                   {},
	"gen":                    {"spec", "github.com/dave/jennifer/jen"},
	"packets/wire":           {},
	"packets":                {"packets/wire"},
	"packets/frame":          {"packets", "packets/wire"},
	"packets/flow":           {"packets"},
	"client":                 {"client/store", "packets", "packets/wire", "packets/frame", "packets/flow", "github.com/gobwas/ws", "github.com/valyala/bytebufferpool", "golang.org/x/net/http/httpproxy", "golang.org/x/net/proxy"},
	"client/store":           {},
	"client/store/storetest": {"client/store"},
	"broker":                 {"packets", "packets/wire", "packets/frame", "packets/flow", "broker/topics", "broker/session", "broker/origin", "broker/loop", "broker/store", "broker/journal"},
	"broker/auth":            {},
	"broker/origin":          {},
	"broker/loop":            {"golang.org/x/sys/unix"},
	"broker/listener":        {"github.com/gobwas/ws", "github.com/pires/go-proxyproto"},
	"broker/topics":          {"packets"},
	"broker/store":           {},
	"broker/store/storetest": {"broker/store"},
	"broker/store/disk":      {"broker/store", "github.com/cockroachdb/pebble/v2", "github.com/cockroachdb/pebble/v2/record", "github.com/cockroachdb/pebble/v2/sstable", "github.com/cockroachdb/pebble/v2/vfs", "golang.org/x/sys/unix"},
	"broker/journal":         {"packets", "broker/store"},
	"broker/session":         {"packets", "packets/wire", "packets/frame", "packets/flow", "broker/journal", "broker/store", "github.com/valyala/bytebufferpool"},
	"tools":                  {"*"},
	"bench":                  {"*"},
}

// source is a Go file of this module.
type source struct {
	path string // below root
	text []byte
	file *ast.File
	fset *token.FileSet
}

func (s source) test() bool      { return strings.HasSuffix(s.path, "_test.go") }
func (s source) generated() bool { return ast.IsGenerated(s.file) }

// sources is every Go file of the main module: nested modules keep their own rules.
func sources(t *testing.T) (all []source) {
	t.Helper()
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		if d.IsDir() {
			_, err := os.Stat(filepath.Join(name, "go.mod"))
			if rel != "." && (err == nil || strings.HasPrefix(d.Name(), ".") || d.Name() == "node_modules" || d.Name() == "testdata") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(rel, ".go") {
			return nil
		}
		s := source{path: filepath.ToSlash(rel), fset: token.NewFileSet()}
		if s.text, err = os.ReadFile(name); err != nil {
			return err
		}
		s.file, err = parser.ParseFile(s.fset, rel, s.text, parser.ParseComments|parser.SkipObjectResolution)
		all = append(all, s)
		return err
	})
	if err != nil || len(all) == 0 {
		t.Fatalf("%d Go files, %v", len(all), err)
	}
	return all
}

func TestTopLevel(t *testing.T) {
	allowed := []string{"go.mod", "go.sum", "spec", "gen", "packets", "client", "broker", "bench", "tools", "Makefile", "README.md", "LICENSE"}
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !slices.Contains(allowed, e.Name()) && !strings.HasPrefix(e.Name(), ".") {
			t.Errorf("%s is at the top level: put it into the folder it belongs to, the top level is %v", e.Name(), allowed)
		}
	}
}

// TestImports: data flows one way, spec → gen → packets → client, broker → tools.
func TestImports(t *testing.T) {
	for _, s := range sources(t) {
		if s.test() {
			continue // a test may drive whatever shows what its package does
		}
		dir := path.Dir(s.path)
		allowed, ok := mayImport[dir]
		for up := dir; !ok && up != "."; {
			up = path.Dir(up)
			allowed, ok = mayImport[up]
		}
		if !ok {
			t.Errorf("%s is in a folder that mayImport does not know: say there what it may import", s.path)
			continue
		}
		for _, i := range s.file.Imports {
			name := strings.Trim(i.Path.Value, `"`)
			own := strings.HasPrefix(name, module+"/")
			switch short := strings.TrimPrefix(name, module+"/"); {
			case slices.Contains(allowed, "*"), slices.Contains(allowed, short):
			case own && dir == "client" && strings.HasPrefix(short, "broker"), own && strings.HasPrefix(dir, "broker") && strings.HasPrefix(short, "client"):
				t.Errorf("%s imports %s: client and broker never meet, move what they share below packets/", s.path, short)
			case own:
				t.Errorf("%s imports %s: the layers are spec, gen, packets, client and broker, tools; if it is right, say so in mayImport", s.path, short)
			case dir == "spec":
				t.Errorf("%s imports %s: the spec is data and imports nothing, put what runs into gen", s.path, name)
			case strings.Contains(strings.Split(name, "/")[0], "."):
				t.Errorf("%s imports %s: another dependency for everybody who imports this package; if it is worth that, say so in mayImport", s.path, name)
			}
		}
	}
}

// TestClientDependencies: what the client needs of others is easy to see, and to
// be rid of.
func TestClientDependencies(t *testing.T) {
	in := map[string]string{}
	for _, s := range sources(t) {
		if s.test() || path.Dir(s.path) != "client" {
			continue
		}
		for _, i := range s.file.Imports {
			name := strings.Trim(i.Path.Value, `"`)
			if !strings.Contains(strings.Split(name, "/")[0], ".") || strings.HasPrefix(name, module) {
				continue
			}
			if other := in[name]; other != "" {
				t.Errorf("%s and %s import %s: a dependency of the client has one file, let the other use that", other, s.path, name)
			}
			in[name] = s.path
		}
	}
}

// TestGeneratedFiles: a z is for generated files, which tools recognise.
func TestGeneratedFiles(t *testing.T) {
	for _, s := range sources(t) {
		if z := strings.HasPrefix(path.Base(s.path), "z"); z != s.generated() {
			t.Errorf("%s: the names of generated files, and only those, begin with z, and their first line is // Code generated … DO NOT EDIT", s.path)
		}
	}
}

const (
	maxFile     = 300
	maxFunction = 60
	reason      = "//budget: " // before the package clause of a file that has a reason to be longer
)

// TestBudgets: a file has one idea, a function one reason.
func TestBudgets(t *testing.T) {
	for _, s := range sources(t) {
		if s.generated() || bytes.Contains(s.text[:s.fset.Position(s.file.Package).Offset], []byte(reason)) {
			continue
		}
		if n := bytes.Count(s.text, []byte("\n")); n > maxFile && !s.test() {
			t.Errorf("%s has %d lines, more than %d: split it by ideas, or begin it with %qand why not", s.path, n, maxFile, reason)
		}
		for _, d := range s.file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || s.test() {
				continue
			}
			if n := s.fset.Position(f.End()).Line - s.fset.Position(f.Pos()).Line + 1; n > maxFunction {
				t.Errorf("%s: func %s has %d lines, more than %d: give its parts names", s.path, f.Name.Name, n, maxFunction)
			}
		}
	}
}

// TestNoSleepingTests: waiting a while for something is how tests become flaky. In
// a folder whose tests have a clock of their own, sleeping moves that.
func TestNoSleepingTests(t *testing.T) {
	all := sources(t)
	fake := map[string]bool{}
	for _, s := range all {
		if s.test() && bytes.Contains(s.text, []byte(`"testing/synctest"`)) {
			fake[path.Dir(s.path)] = true
		}
	}
	for _, s := range all {
		if dir := path.Dir(s.path); s.test() && !fake[dir] && dir != "tools/check" && bytes.Contains(s.text, []byte("time.Sleep(")) {
			t.Errorf("%s sleeps: wait for what is to happen, or let testing/synctest move the clock", s.path)
		}
	}
}
