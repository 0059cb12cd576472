package main

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/fletchmq/fletch/broker/store"
	"github.com/fletchmq/fletch/broker/store/disk"
)

// folder is where something is kept.
type folder string

// UnmarshalText is what kong reads a flag with. A name that is empty, say because a
// variable of the shell is, would be no store at all.
func (f *folder) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		return errors.New("expected the name of a folder")
	}
	*f = folder(text)
	return nil
}

// durability is a level of package disk, "" for the default.
type durability string

// UnmarshalText is what kong reads a flag with.
func (d *durability) UnmarshalText(text []byte) error {
	if *d = durability(text); *d != "written" && *d != "fsync" {
		return fmt.Errorf("%s: expected written or fsync", text)
	}
	return nil
}

// open opens the folder that outlives the process.
func (s *serve) open(w *world, logger *slog.Logger) (*disk.Store, error) {
	o := disk.Options{Logger: logger, Durability: disk.Written}
	if s.Durability == "fsync" {
		o.Durability = disk.Fsync
	}
	if s.Repair {
		report, err := disk.Repair(string(s.Data), o)
		if err == nil || len(report.Parts) > 0 {
			fmt.Fprint(w.err, report)
		}
		if err != nil {
			return nil, fmt.Errorf("--repair: %w", err)
		}
	}
	data, err := disk.Open(string(s.Data), o)
	if err != nil {
		return nil, fmt.Errorf("--data: %w", suggestRepair(err))
	}
	return data, nil
}

// suggestRepair is for an error that may be a damaged store.
func suggestRepair(err error) error {
	if damage := new(store.DamageError); errors.As(err, &damage) {
		return fmt.Errorf("%w\n--repair moves what is damaged aside, says what it held, and goes on with the rest", err)
	}
	return err
}
