package packets

import (
	"bytes"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestVectors: bytes that other implementations have sent, and bytes made by hand
// from the documents, mean what they are said to mean. A spec that is wrong passes
// every round trip; it does not pass this.
func TestVectors(t *testing.T) {
	files, err := filepath.Glob("testdata/vectors/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	seen := map[string]bool{}
	for _, name := range files {
		for _, l := range lines(t, name) {
			vector(t, filepath.Base(name), l)
			seen[l.v.String()+" "+l.rest[0]] = true
		}
	}
	for _, v := range versions {
		for typ := TypeConnect; typ <= TypeAuth; typ++ {
			if name := v.String() + " " + typ.String(); !seen[name] && (typ != TypeAuth || v == V5) {
				t.Errorf("no vector of %s", name)
			}
		}
	}
}

func vector(t *testing.T, file string, l line) {
	first, body := split(t, l.packet)
	var d decoder
	p, err := d.decode(l.from, first, body, l.v)
	if err != nil {
		t.Errorf("%s:%d: %v", file, l.number, err)
		return
	}
	want := strings.Join(l.rest, " ")
	if got := p.String(); got != want {
		t.Errorf("%s:%d: read as\n%s, it is\n%s", file, l.number, got, want)
	}
	out := p.AppendTo(nil, l.v)
	if bytes.Equal(out, l.packet) {
		return
	}
	// The same may be written in several ways: properties in any order, an
	// acknowledgement with a reason code of 0 or without, and in 3.1 a user name
	// that is announced and missing.
	quirk := l.v == V31 && p.Type() == TypeConnect
	if len(out) > len(l.packet) || len(out) == len(l.packet) && !quirk && !sameBytes(out, l.packet) {
		t.Errorf("%s:%d: written as\n% x, it was\n% x", file, l.number, out, l.packet)
	}
	first, body = split(t, out)
	if p, err = d.decode(l.from, first, body, l.v); err != nil || p.String() != want {
		t.Errorf("%s:%d: written and read again: %v, %v", file, l.number, p, err)
	}
}

// sameBytes reports whether a and b are the same but for the order.
func sameBytes(a, b []byte) bool {
	a, b = slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	return bytes.Equal(a, b)
}
