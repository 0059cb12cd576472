package main

import (
	"bytes"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var rewrite = flag.Bool("rewrite", false, "write testdata/toy anew")

// TestToy: every kind of the spec, through every emitter, is what a person has
// looked at. After a change of gen: go test ./gen -rewrite, and read the diff.
func TestToy(t *testing.T) {
	for _, o := range outputs(toy) {
		got, err := o.emit()
		if err != nil {
			t.Errorf("%s: %v", o.name, err)
			continue
		}
		golden := filepath.Join("testdata/toy", strings.ReplaceAll(o.name, "/", "_")+".golden")
		if *rewrite {
			if err := os.MkdirAll(filepath.Dir(golden), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(golden, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not as in %s: if it should be so, go test ./gen -rewrite, and read the diff", o.name, golden)
		}
	}
}

// TestSameTwice: there is no map order, no time and no place in what is written.
func TestSameTwice(t *testing.T) {
	again := outputs(standard)
	for i, o := range outputs(standard) {
		a, err := o.emit()
		if err != nil {
			t.Fatal(err)
		}
		if b, _ := again[i].emit(); !bytes.Equal(a, b) {
			t.Errorf("%s differs from one run to the next", o.name)
		}
	}
}

// TestRecognisedAsGenerated: tools that pass over generated code find its mark.
func TestRecognisedAsGenerated(t *testing.T) {
	for _, o := range outputs(standard) {
		if filepath.Ext(o.name) != ".go" {
			continue
		}
		src, err := o.emit()
		if err != nil {
			t.Fatal(err)
		}
		f, err := parser.ParseFile(token.NewFileSet(), o.name, src, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil || !ast.IsGenerated(f) {
			t.Errorf("%s is not recognised as generated code: %v", o.name, err)
		}
		if !strings.HasPrefix(filepath.Base(o.name), "z") {
			t.Errorf("%s: the name of a generated file begins with z", o.name)
		}
	}
}

// TestFilesAreFresh: what is in package packets is what gen writes now.
func TestFilesAreFresh(t *testing.T) {
	known := map[string]bool{}
	for _, o := range outputs(standard) {
		known[filepath.Base(o.name)] = true
		want, err := o.emit()
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join("../packets", o.name))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("packets/%s is not what gen writes: run make gen (%v)", o.name, err)
		}
	}
	for _, dir := range []string{"../packets", "../packets/wire"} {
		files, err := filepath.Glob(dir + "/z*.go")
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if !known[filepath.Base(f)] {
				t.Errorf("%s is written by nothing any more: delete it", f)
			}
		}
	}
}
