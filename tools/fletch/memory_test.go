package main

import "testing"

// Garbage is collected when it is quiet, once, and when there may be enough of it.
func TestTidier(t *testing.T) {
	var x tidier
	for i, look := range []struct {
		allocated, inUse uint64
		due              bool
	}{
		{1 << 20, 1 << 20, false},       // little
		{1 << 20, 1 << 20, false},       // and quiet
		{30 << 20, 20 << 20, false},     // clients come
		{60 << 20, 40 << 20, false},     // and go on to
		{60<<20 + 1, 40 << 20, true},    // quiet again
		{60<<20 + 2, 20 << 20, false},   // nothing new
		{60<<20 + 300, 20 << 20, false}, // some packets
		{65<<20 - 9, 24 << 20, false},   // a few clients
		{65<<20 + 9, 24 << 20, false},   // not enough for so much memory
		{67 << 20, 26 << 20, false},     // more
		{67 << 20, 26 << 20, true},      // enough
	} {
		if due := x.due(look.allocated, look.inUse); due != look.due {
			t.Errorf("look %d: %t", i, due)
		}
	}
}
