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
	"strings"

	"github.com/fletchmq/fletch/spec"
)

// places is where each statement is kept, as "broker/connect.go:12", and the test
// that checks it, as "broker.TestTakeover". The keys are "MQTT-3.1.4-3" and
// "MQTT3-3.1.4-2".
type places struct{ code, test map[string]string }

// of is where the code keeps s, and the test that checks it.
func (p places) of(s spec.Statement) (code, test string) {
	for _, name := range []string{"MQTT-" + s.V5, "MQTT3-" + s.V3} {
		if code == "" {
			code = p.code[name]
		}
		if test == "" {
			test = p.test[name]
		}
	}
	return code, test
}

// search reads all Go files below dir, and the packets that break a rule.
func search(dir string) (places, error) {
	found := places{map[string]string{}, map[string]string{}}
	files := os.DirFS(dir)
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Ext(name) != ".go" {
			return err
		}
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		if strings.HasSuffix(name, "_test.go") {
			return found.tests(name, text)
		}
		found.file(name, text)
		return nil
	})
	if err != nil {
		return found, err
	}
	return found, found.breakers(filepath.Join(dir, "packets/testdata/breakers.txt"))
}

var (
	cited = regexp.MustCompile(`\[(MQTT3?-[0-9.]+-[0-9]+)\]`)
	ruled = regexp.MustCompile(`\bV([35]): "([0-9.]+-[0-9]+)"`)
	named = regexp.MustCompile(`^TestV([35])_([0-9_]+)_([0-9]+)`)
)

var standard = map[string]string{"3": "MQTT3-", "5": "MQTT-"}

// file notes what code names, and what the spec has a rule for.
func (p places) file(name string, text []byte) {
	rules := path.Dir(name) == "spec" && path.Base(name) != "statements.go"
	for i, line := range bytes.Split(text, []byte("\n")) {
		at := fmt.Sprintf("%s:%d", name, i+1)
		for _, m := range cited.FindAllSubmatch(line, -1) {
			note(p.code, string(m[1]), at)
		}
		if !rules {
			continue
		}
		for _, m := range ruled.FindAllSubmatch(line, -1) {
			note(p.code, standard[string(m[1])]+string(m[2]), at)
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
			p.test[standard[m[1]]+strings.ReplaceAll(m[2], "_", ".")+"-"+m[3]] = at // before any that only cites it
		}
		from := f.Pos()
		if f.Doc != nil {
			from = f.Doc.Pos()
		}
		for _, m := range cited.FindAllSubmatch(text[from-file.FileStart:f.End()-file.FileStart], -1) {
			note(p.test, string(m[1]), at)
		}
	}
	return nil
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

// note keeps the first place.
func note(into map[string]string, name, at string) {
	if into[name] == "" {
		into[name] = at
	}
}
