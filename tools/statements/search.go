package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/fletchmq/fletch/spec"
)

// places is where each statement is first named, as "MQTT-3.1.4-3" and
// "MQTT3-3.1.4-2", in code and in tests.
type places struct{ code, test map[string]string }

// of is where the code keeps s, and where it is tested.
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
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".go" {
			return err
		}
		return found.file(path)
	})
	if err != nil {
		return found, err
	}
	return found, found.breakers(filepath.Join(dir, "packets/testdata/breakers.txt"))
}

var (
	cited = regexp.MustCompile(`\[(MQTT3?-[0-9.]+-[0-9]+)\]`)
	named = regexp.MustCompile(`^func TestV(5|3)_([0-9_]+)_([0-9]+)`)
)

// file notes what a Go file names.
func (p places) file(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	into := p.code
	if strings.HasSuffix(path, "_test.go") {
		into = p.test
	}
	for i, line := range bytes.Split(text, []byte("\n")) {
		at := fmt.Sprintf("%s:%d", path, i+1)
		for _, m := range cited.FindAllSubmatch(line, -1) {
			note(into, string(m[1]), at)
		}
		if m := named.FindSubmatch(line); m != nil {
			standard := map[string]string{"5": "MQTT-", "3": "MQTT3-"}[string(m[1])]
			note(into, standard+strings.ReplaceAll(string(m[2]), "_", ".")+"-"+string(m[3]), at)
		}
	}
	return nil
}

// breakers notes the statements that the packets of the file break: the codec
// keeps them, and its tests know.
func (p places) breakers(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	for i, line := range strings.Split(string(text), "\n") {
		words := strings.Fields(line)
		if len(words) < 5 || words[0] == "#" {
			continue
		}
		name, numbered := strings.CutPrefix(words[3], "MQTT-")
		if !numbered {
			continue
		}
		standard := "MQTT3-"
		if words[0] == "v5" {
			standard = "MQTT-"
		}
		at := fmt.Sprintf("%s:%d", path, i+1)
		note(p.code, standard+name, at)
		note(p.test, standard+name, at)
	}
	return nil
}

// note keeps the first place.
func note(into map[string]string, name, at string) {
	if into[name] == "" {
		into[name] = at
	}
}
