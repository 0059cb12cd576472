package main

import (
	"fmt"
	"runtime/debug"
)

type version struct{}

// Run prints what the go command has noted of this build.
func (*version) Run(w *world) error {
	release, revision := "(unknown)", ""
	info, ok := debug.ReadBuildInfo()
	if !ok {
		_, err := fmt.Fprintln(w.out, "fletch", release)
		return err
	}
	release = info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			revision = " " + s.Value
		}
	}
	_, err := fmt.Fprintf(w.out, "fletch %s%s %s\n", release, revision, info.GoVersion)
	return err
}
