package main

import (
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == workerCommand {
		if err := work(os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

// A short run of each kind.
func TestRun(t *testing.T) {
	for name, o := range map[string]options{"faults": {lasts: 2 * time.Second}, "kills": {kills: 5}} {
		t.Run(name, func(t *testing.T) {
			o.seed = 1
			if err := run(t.Context(), o); err != nil {
				t.Error(err)
			}
		})
	}
}
