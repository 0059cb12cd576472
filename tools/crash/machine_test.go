package main

import (
	"strings"
	"testing"
)

// TestPower: a broker that does not wait for the disk fails, when the power is cut.
func TestPower(t *testing.T) {
	err := run(t.Context(), options{power: true, kills: 30, seed: 1, durability: "written", data: t.TempDir()})
	if err == nil || strings.Contains(err.Error(), "ended by itself") {
		t.Errorf("got %v, expected a rule that is broken", err)
	}
}
