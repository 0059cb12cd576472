package check

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

var (
	target  = regexp.MustCompile(`(?m)^([a-z-]+):`)
	command = regexp.MustCompile(`\bmake ([a-z-]+)`)
)

// TestTargets: what CI makes can be made.
func TestTargets(t *testing.T) {
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	known := make(map[string]bool)
	for _, m := range target.FindAllSubmatch(makefile, -1) {
		known[string(m[1])] = true
	}
	for _, name := range []string{".ci/run", ".github/workflows/ci.yml"} {
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		made := command.FindAllSubmatch(text, -1)
		if len(made) == 0 {
			t.Errorf("%s makes nothing", name)
		}
		for _, m := range made {
			if !known[string(m[1])] {
				t.Errorf("%s: make %s: the Makefile has no such target, say there what it is to do", name, m[1])
			}
		}
	}
}
