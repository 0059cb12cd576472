package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fletchmq/fletch/spec"
)

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestSearch: a number counts in the standard that it is of, and for the test that
// it is in.
func TestSearch(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "packets/testdata/breakers.txt", "# comment\nv5 client 00 MQTT-1.5.4-1 0x81 X: y\nv311 client 00 MQTT-1.5.3-2 0x81 X: y\nv5 client 00 §2.1 0x81 X: y\n")
	write(t, dir, "spec/statements.go", "package spec\n\nvar _ = []S{{V5: \"9.9.9-9\"}}\n")
	write(t, dir, "spec/x.go", "package spec\n\nvar _ = R{V3: \"1.5.3-2\", V5: \"1.5.4-2\"}\n")
	write(t, dir, "a/a.go", "package a\n\n// [MQTT-3.1.4-3] [MQTT3-3.1.4-2]\nvar _ = broke(\"§3.1\", \"MQTT-3.1.4-6\")\n")
	write(t, dir, "a/a_test.go", `package a

// TestFirst is not called after [MQTT-3.1.4-3].
func TestFirst() {
	// [MQTT-3.1.4-6] [MQTT3-7.0.0-1] to [MQTT3-7.0.0-3]
}

func TestV5_3_1_4_3_Takeover() {}

func helper() {} // [MQTT-3.1.4-5]
`)
	found, err := search(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		s          spec.Statement
		code, test string
	}{
		{spec.Statement{V3: "3.1.4-2", V5: "3.1.4-3"}, "a/a.go:3", "a.TestV5_3_1_4_3_Takeover"},
		{spec.Statement{V5: "3.1.4-6"}, "a/a.go:4", "a.TestFirst"},
		{spec.Statement{V3: "7.0.0-2"}, "", "a.TestFirst"},
		{spec.Statement{V5: "3.1.4-5"}, "", ""}, // no test is asked
		{spec.Statement{V3: "3.1.4-3"}, "", ""}, // of 5.0 only
		{spec.Statement{V5: "1.5.4-1"}, "", "packets.TestBreakers"},
		{spec.Statement{V3: "1.5.3-2"}, "spec/x.go:3", "packets.TestBreakers"},
		{spec.Statement{V5: "1.5.4-2"}, "spec/x.go:3", ""},
		{spec.Statement{V5: "9.9.9-9"}, "", ""},
	} {
		if code, test := found.of(c.s); code != c.code || test != c.test {
			t.Errorf("%v is in %q and %q, want %q and %q", c.s, code, test, c.code, c.test)
		}
	}
}

// TestGaps: what nobody is to keep is no gap; where no line or no test names it, what
// somebody is to keep is one; and what the broker is to keep has a test there.
func TestGaps(t *testing.T) {
	none := map[string][]string{}
	kept, byBroker := 0, 0
	for _, s := range spec.Statements {
		if s.Keeper != 0 {
			kept++
		}
		if s.Keeper&spec.Broker != 0 {
			byBroker++
		}
	}
	all, elsewhere := map[string][]string{}, map[string][]string{}
	for _, s := range spec.Statements {
		for _, number := range []string{"MQTT-" + s.V5, "MQTT3-" + s.V3} {
			all[number] = []string{"client.TestX", "broker.TestX"}
			elsewhere[number] = []string{"client.TestX"}
		}
	}
	for _, c := range []struct {
		places
		gaps int
	}{{places{all, map[string][]string{"MQTT-9.9.9-9": {"x.go:1"}}}, kept + 1}, {places{all, none}, kept}, {places{none, all}, kept}, {places{all, elsewhere}, byBroker}, {places{elsewhere, all}, 0}} {
		var out strings.Builder
		if n := report(&out, c.places, true); n != c.gaps || strings.Count(out.String(), "\n") != c.gaps+2 {
			t.Errorf("%d gaps in\n%s\nwant %d", n, &out, c.gaps)
		}
	}
}
