package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/fletchmq/fletch/spec"
)

// places is where each statement is kept, as "broker/connect.go:12", and the tests
// that check it, as "broker.TestTakeover". The keys are "MQTT-3.1.4-3" and
// "MQTT3-3.1.4-2".
type places struct{ code, test map[string][]string }

// of is where the code keeps s, and the test that checks it: in the broker, if that
// has to keep it and does, or else the first there is.
func (p places) of(s spec.Statement) (code, test string) {
	v5, v3 := "MQTT-"+s.V5, "MQTT3-"+s.V3
	return choose(s, p.code[v5], p.code[v3]), choose(s, p.test[v5], p.test[v3])
}

// unknown is what is named and not a number of the standard, with where.
func (p places) unknown() (all []string) {
	known := map[string]bool{}
	for _, s := range spec.Statements {
		known["MQTT-"+s.V5], known["MQTT3-"+s.V3] = true, true
	}
	for _, found := range []map[string][]string{p.code, p.test} {
		for name, at := range found {
			if !known[name] {
				all = append(all, fmt.Sprintf("there is no %s, which %s names", name, strings.Join(at, ", ")))
			}
		}
	}
	slices.Sort(all)
	return all
}

func choose(s spec.Statement, all ...[]string) string {
	found := append(slices.Concat(all...), "")
	if i := slices.IndexFunc(found, inBroker); i >= 0 && s.Keeper&spec.Broker != 0 {
		return found[i]
	}
	return found[0]
}

func inBroker(place string) bool { return strings.HasPrefix(place, "broker") }

// search reads all Go files below dir, and the packets that break a rule.
func search(dir string) (places, error) {
	found := places{map[string][]string{}, map[string][]string{}}
	files := os.DirFS(dir)
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Ext(name) != ".go" || path.Dir(name) == "tools/statements" {
			return err // this command itself cites examples
		}
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		if strings.HasSuffix(name, "_test.go") {
			return found.tests(name, text)
		}
		if name != "spec/statements.go" {
			found.file(name, text)
		}
		return nil
	})
	if err != nil {
		return found, err
	}
	return found, found.breakers(filepath.Join(dir, "packets/testdata/breakers.txt"))
}

var (
	cited = regexp.MustCompile(`\[(MQTT3?-[0-9.]+-)([0-9]+)\](?: to \[(MQTT3?-[0-9.]+-)([0-9]+)\])?`)
	ruled = regexp.MustCompile(`\bV([35]): "([0-9.]+-[0-9]+)"`)
	broke = regexp.MustCompile(`"(?:MQTT-([0-9.]+-[0-9]+)|§[0-9.]+)?", "(?:MQTT-([0-9.]+-[0-9]+)|§[0-9.]+)"`)
	named = regexp.MustCompile(`^TestV([35])_([0-9_]+)_([0-9]+)`)
)

var standard = map[string]string{"3": "MQTT3-", "5": "MQTT-"}

// file notes what code names, in a comment or where it refuses a packet for it.
func (p places) file(name string, text []byte) {
	for i, line := range bytes.Split(text, []byte("\n")) {
		at := fmt.Sprintf("%s:%d", name, i+1)
		cite(p.code, line, at)
		for _, m := range ruled.FindAllSubmatch(line, -1) {
			note(p.code, standard[string(m[1])]+string(m[2]), at)
		}
		for _, m := range broke.FindAllSubmatch(line, -1) {
			note(p.code, "MQTT3-"+string(m[1]), at)
			note(p.code, "MQTT-"+string(m[2]), at)
		}
	}
}

// tests notes what each test names: in its own name, in its comment or inside.
func (p places) tests(name string, text []byte) error {
	file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	for _, d := range file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || !strings.HasPrefix(f.Name.Name, "Test") && !strings.HasPrefix(f.Name.Name, "Fuzz") {
			continue
		}
		at := path.Dir(name) + "." + f.Name.Name
		if m := named.FindStringSubmatch(f.Name.Name); m != nil {
			number := standard[m[1]] + strings.ReplaceAll(m[2], "_", ".") + "-" + m[3]
			p.test[number] = slices.Insert(p.test[number], 0, at) // before those that only cite it
		}
		from := f.Pos()
		if f.Doc != nil {
			from = f.Doc.Pos()
		}
		cite(p.test, text[from-file.FileStart:f.End()-file.FileStart], at)
	}
	return nil
}

// cite notes what text cites, one number or all from one to another.
func cite(into map[string][]string, text []byte, at string) {
	for _, m := range cited.FindAllSubmatch(text, -1) {
		first, _ := strconv.Atoi(string(m[2]))
		last := first
		if bytes.Equal(m[3], m[1]) {
			last, _ = strconv.Atoi(string(m[4]))
		}
		for n := first; n <= last; n++ {
			note(into, fmt.Sprint(string(m[1]), n), at)
		}
	}
}

// breakers notes the statements that the packets of the file break.
func (p places) breakers(name string) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(text)) {
		words := strings.Fields(line)
		if len(words) < 5 || words[0] == "#" {
			continue
		}
		if number, numbered := strings.CutPrefix(words[3], "MQTT-"); numbered {
			version := "3"
			if words[0] == "v5" {
				version = "5"
			}
			note(p.test, standard[version]+number, "packets.TestBreakers")
		}
	}
	return nil
}

// note adds a place, for what has a number.
func note(into map[string][]string, name, at string) {
	if !strings.HasSuffix(name, "-") {
		into[name] = append(into[name], at)
	}
}
