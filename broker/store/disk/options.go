package disk

import (
	"log/slog"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Durability is when what is committed counts as kept.
type Durability uint8

const (
	// Written is when the system has taken it: it outlives the process. When the
	// machine stops, the commits of the last moments are lost, the latest first.
	Written Durability = iota

	// Fsync is when the disk has taken it: it outlives the machine's stop.
	Fsync
)

// Options say how a store is opened. The zero Options are the defaults.
type Options struct {
	// Durability is what Commit promises. A directory that has been opened with Fsync
	// once can need a repair when it is opened with Written later and the machine stops.
	Durability Durability

	// Logger takes what goes wrong as errors, and much more at debug level. The
	// default is slog.Default.
	Logger *slog.Logger

	// FS is where the files are. The default is the system's files; others are for
	// tests, and have no lock that tells who holds it.
	FS vfs.FS
}

func (o *Options) fs() vfs.FS {
	if o.FS == nil {
		return vfs.Default
	}
	return o.FS
}

// toPebble is what Pebble gets to see of fs.
func toPebble(fs vfs.FS, p *patience, d Durability) vfs.FS {
	patient := newPatientFS(fs, p, d == Written)
	if d == Written {
		return writtenFS{patient}
	}
	return patient
}

// What a store holds in memory: two memtables, one filled while the other is written
// out, and the blocks of files that were read last. Pebble takes the memtables off the
// cache, so that is larger than two of them: a message of many that wait is read in 15 µs
// with a cache of 48 MiB, and in 21 with one of 8. Larger memtables do not make a message
// cheaper, smaller ones are written out more often before the messages in them are
// removed.
const (
	memTable   = 16 << 20
	blockCache = 48 << 20
)

// options are those for many small values that are put in the order of their keys and
// are soon removed.
func (s *Store) options(fs vfs.FS, d Durability) *pebble.Options {
	l := logger{s.log, s.fail}
	o := &pebble.Options{
		FS:            fs,
		Logger:        l,
		Merger:        s.gone.merger(),
		EventListener: s.listener(),

		// A log of this format ends where it cannot be read. The next one takes that for
		// damage when something after it has been synced, which Written pretends.
		FormatMajorVersion: pebble.FormatColumnarBlocks,

		MemTableSize:                memTable,
		MemTableStopWritesThreshold: 2,
		CacheSize:                   blockCache,
		MaxOpenFiles:                500,
		CompactionConcurrencyRange:  func() (lower, upper int) { return 1, 2 },
		WALBytesPerSync:             512 << 10,
	}
	if d == Fsync {
		o.FormatMajorVersion = pebble.FormatWALSyncChunks
	}
	return o
}
