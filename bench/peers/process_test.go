//go:build linux

package main

import (
	"context"
	"strings"
	"testing"
	"time"
)

// A broker that ends, or never answers, is a reason and not the end of the run.
func TestStartFails(t *testing.T) {
	_, err := start(t.Context(), other("ends", []string{"sh", "-c", "echo no memory; exit 3 PORT"}), nil)
	if err == nil || !strings.Contains(err.Error(), "exit status 3") || !strings.Contains(err.Error(), "no memory") {
		t.Errorf("%v, expected its exit status and what it said", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := start(ctx, other("hangs", []string{"sleep", "60"}), nil); err == nil {
		t.Error("a broker that does not answer counts as started")
	}
}

// A broker that has failed is left alone in the row, and the others are measured.
func TestFailsInARow(t *testing.T) {
	ends := []string{"sh", "-c", "exit 3 PORT"}
	b := bench{brokers: []broker{other("one", ends), other("two", ends)}, rounds: 3}
	var lines []line
	err := b.row(t.Context(), row{name: "pairs", args: "pairs"}, func(l line) error {
		lines = append(lines, l)
		return nil
	})
	if err != nil || len(lines) != 2 {
		t.Fatalf("%+v, %v, expected a line for each", lines, err)
	}
	for i, name := range []string{"one", "two"} {
		if l := lines[i]; l.Broker != name || l.Round != 1 || !strings.Contains(l.Failed, "exit status 3") {
			t.Errorf("%+v, expected that of %s, and why it has failed", l, name)
		}
	}
}
