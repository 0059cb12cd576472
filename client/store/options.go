package store

import "log/slog"

// Durability is when what is committed counts as kept.
type Durability uint8

const (
	// Written is when the system has taken it: it outlives the process, also one that
	// is killed. When the machine stops, commits of the last moments are lost, and with
	// bad luck what is left is damaged: see DirOptions.Repair.
	Written Durability = iota

	// Fsync is when the disk has taken it: it outlives the stop of the machine.
	Fsync
)

// DirOptions say how a directory is opened. The zero DirOptions are the defaults.
type DirOptions struct {
	// Durability is what Commit promises, Written by default. It may be another one
	// each time.
	Durability Durability

	// Repair opens also what is damaged, which is an error otherwise: all that can be
	// read is kept, and the damaged log put aside, in files that end in ".damaged". A
	// record is then as its last change that can be read has left it: what has been
	// delivered may be sent once more.
	Repair bool

	// Logger says at level Info what has been found, and what goes wrong beside the
	// errors that are returned. The default is slog.Default.
	Logger *slog.Logger

	// For tests; zero is the constant, and no wrapper.
	segmentSize int64
	wrap        func(logFile) logFile
}
