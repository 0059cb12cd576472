package disk

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// What a damaged table still holds goes into another that takes its place, with its
// name and its size, which the MANIFEST knows. So each entry stays as new or old as it
// was, and what deletes something in another table goes on to do so.

// entry is one of a table.
type entry struct {
	key   pebble.InternalKey
	value []byte
}

// salvaged is what can be read of a table: what comes before the first place that
// cannot be read, and behind the last one.
type salvaged struct {
	before, behind []entry // behind from its end to its beginning
	format         sstable.TableFormat
	all, deletions int64 // how many there were, -1 if that is not known
}

func tableReaderOptions() sstable.ReaderOptions {
	return sstable.ReaderOptions{Merger: new(goneSet).merger()}
}

func salvage(fs vfs.FS, path string) (s salvaged, err error) {
	s = salvaged{format: sstable.TableFormatPebblev5, all: -1, deletions: -1}
	t, err := openTable(fs, path)
	if err != nil {
		if pebble.IsCorruptionError(err) {
			return s, nil
		}
		return s, err
	}
	defer t.Close()
	if s.format, err = t.TableFormat(); err != nil {
		return s, err
	}
	if p, err := t.ReadPropertiesBlock(context.Background(), nil); err == nil {
		s.all, s.deletions = int64(p.NumEntries), int64(p.NumDeletions)
	}
	return s, s.read(t)
}

// read reads t from its beginning and from its end.
func (s *salvaged) read(t *sstable.Reader) error {
	it, err := t.NewIter(sstable.NoTransforms, nil, nil, sstable.AssertNoBlobHandles)
	if err != nil {
		return ignoreDamage(err)
	}
	for kv := it.First(); kv != nil; kv = it.Next() {
		if value, _, err := kv.Value(nil); err == nil {
			s.before = append(s.before, entry{kv.K.Clone(), bytes.Clone(value)})
		}
	}
	broken := it.Error() != nil
	if err := ignoreDamage(it.Close()); err != nil || !broken {
		return err
	}
	if it, err = t.NewIter(sstable.NoTransforms, nil, nil, sstable.AssertNoBlobHandles); err != nil {
		return ignoreDamage(err)
	}
	for kv := it.Last(); kv != nil; kv = it.Prev() {
		if n := len(s.before); n > 0 && !isBehind(kv.K, s.before[n-1].key) {
			break
		}
		if value, _, err := kv.Value(nil); err == nil {
			s.behind = append(s.behind, entry{kv.K.Clone(), bytes.Clone(value)})
		}
	}
	return ignoreDamage(it.Close())
}

// isBehind says whether a table has a behind b: newer entries of a key come first.
func isBehind(a, b pebble.InternalKey) bool {
	if c := bytes.Compare(a.UserKey, b.UserKey); c != 0 {
		return c > 0
	}
	return a.Trailer < b.Trailer
}

func ignoreDamage(err error) error {
	if pebble.IsCorruptionError(err) {
		return nil
	}
	return err
}

// kept is how many entries there are, and how many of them delete something.
func (s *salvaged) kept() (n, deletions int64) {
	for _, part := range [][]entry{s.before, s.behind} {
		for _, e := range part {
			n++
			switch e.key.Kind() {
			case pebble.InternalKeyKindDelete, pebble.InternalKeyKindSingleDelete, pebble.InternalKeyKindDeleteSized:
				deletions++
			}
		}
	}
	return n, deletions
}

// table is a table of size bytes with all that there is.
func (s *salvaged) table(size int64) ([]byte, error) {
	var out tableBytes
	w := sstable.NewRawWriter(&out, sstable.WriterOptions{TableFormat: s.format, MergerName: new(goneSet).merger().Name})
	for _, e := range s.before {
		if err := w.Add(e.key, e.value, false); err != nil {
			return nil, errors.Join(err, w.Close())
		}
	}
	for i := len(s.behind) - 1; i >= 0; i-- {
		if err := w.Add(s.behind[i].key, s.behind[i].value, false); err != nil {
			return nil, errors.Join(err, w.Close())
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.stretch(size)
}

// tableBytes takes a table that is written.
type tableBytes struct {
	all    []byte
	footer int // where the last piece begins, which says where the others are
}

func (b *tableBytes) Write(p []byte) error {
	b.footer = len(b.all)
	b.all = append(b.all, p...)
	return nil
}

func (b *tableBytes) Finish() error { return nil }
func (b *tableBytes) Abort()        {}

// stretch puts so many zeros before the footer that there are size bytes.
func (b *tableBytes) stretch(size int64) ([]byte, error) {
	missing := size - int64(len(b.all))
	if missing < 0 {
		return nil, fmt.Errorf("what is left of it takes %d bytes, of %d", len(b.all), size)
	}
	out := append(bytes.Clone(b.all[:b.footer]), make([]byte, missing)...)
	return append(out, b.all[b.footer:]...), nil
}
