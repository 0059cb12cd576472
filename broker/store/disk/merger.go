package disk

import (
	"encoding/binary"
	"errors"
	"io"
	"maps"
	"slices"
	"sync"

	"github.com/cockroachdb/pebble/v2"

	"github.com/fletchmq/fletch/broker/store"
)

// What Pebble keeps as a value begins with what it is.
const (
	isDrops byte = iota // holders that have dropped the value; if nothing else is left, it is gone
	isValue
)

// goneSet has the keys of shared values of which nothing is left. Pebble (v2.1.7)
// cannot forget such a value while it rewrites files: it would find the one before
// the drops again. So they stay as an empty isDrops until they are deleted.
type goneSet struct {
	mu   sync.Mutex
	keys map[string]struct{}
}

func (g *goneSet) add(key []byte) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.keys == nil {
		g.keys = make(map[string]struct{})
	}
	g.keys[string(key)] = struct{}{}
}

// take gives up to n keys.
func (g *goneSet) take(n int) []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	var some []string
	for key := range maps.Keys(g.keys) {
		if len(some) == n {
			break
		}
		some = append(some, key)
		delete(g.keys, key)
	}
	if len(g.keys) == 0 {
		g.keys = nil // an empty map that was large takes long to go through
	}
	return some
}

// merger joins a shared value with the drops of its holders, when it is read and
// when Pebble rewrites files. Its name stands in the files: what it does with what
// is there cannot change under this name.
func (g *goneSet) merger() *pebble.Merger {
	return &pebble.Merger{
		Name: "fletch.holders",
		Merge: func(key, value []byte) (pebble.ValueMerger, error) {
			d := &drops{gone: g, key: slices.Clone(key)}
			return d, d.add(value)
		},
	}
}

// drops are holders that have dropped a value, and the value once it is met. The
// order they come in makes no difference.
type drops struct {
	gone    *goneSet
	key     []byte
	value   []byte
	met     bool
	holders []uint64
}

var errDrops = errors.New("disk: broken drop of a shared value")

func (d *drops) MergeNewer(value []byte) error { return d.add(value) }
func (d *drops) MergeOlder(value []byte) error { return d.add(value) }

func (d *drops) add(value []byte) error {
	if len(value) == 0 || value[0] == isValue && d.met {
		return errDrops
	}
	if value[0] == isValue {
		d.value, d.met = slices.Clone(value[1:]), true
		return nil
	}
	for rest := value[1:]; len(rest) > 0; {
		holder, n := binary.Uvarint(rest)
		if n <= 0 {
			return errDrops
		}
		d.holders, rest = append(d.holders, holder), rest[n:]
	}
	return nil
}

// Finish gives what is left of the value, or the drops as one when the value may
// still come.
func (d *drops) Finish(includesBase bool) ([]byte, io.Closer, error) {
	slices.Sort(d.holders)
	if d.met {
		value, left, err := store.Without([]byte{isValue}, d.value, func(holder uint64) bool {
			_, dropped := slices.BinarySearch(d.holders, holder)
			return dropped
		})
		if err != nil || left > 0 {
			return value, nil, err
		}
	}
	all := []byte{isDrops}
	if d.met || includesBase {
		d.gone.add(d.key)
		return all, nil, nil
	}
	for _, holder := range slices.Compact(d.holders) {
		all = binary.AppendUvarint(all, holder)
	}
	return all, nil, nil
}
