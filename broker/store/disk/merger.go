package disk

import (
	"encoding/binary"
	"errors"
	"io"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"github.com/fletchmq/fletch/broker/store"
)

// merger joins a shared value with the drops of its holders, when it is read and
// when Pebble rewrites files. Its name stands in the files: what it does with what
// is there cannot change under this name.
var merger = &pebble.Merger{
	Name: "fletch.holders",
	Merge: func(_, value []byte) (pebble.ValueMerger, error) {
		m := &drops{}
		return m, m.add(value)
	},
}

// dropMark begins an operand. No shared value begins with it: that would be one with
// no holders.
const dropMark = 0

// drops are holders that have dropped a value, and the value once it is met. The
// order they come in makes no difference.
type drops struct {
	value   []byte
	holders []uint64
}

var (
	errDrop = errors.New("disk: broken drop of a holder")
	errTwo  = errors.New("disk: two values are shared by one key")
)

func (d *drops) MergeNewer(value []byte) error { return d.add(value) }
func (d *drops) MergeOlder(value []byte) error { return d.add(value) }

func (d *drops) add(value []byte) error {
	if len(value) == 0 || value[0] != dropMark {
		if d.value != nil {
			return errTwo
		}
		d.value = append([]byte{}, value...)
		return nil
	}
	for rest := value[1:]; len(rest) > 0; {
		holder, n := binary.Uvarint(rest)
		if n <= 0 {
			return errDrop
		}
		d.holders, rest = append(d.holders, holder), rest[n:]
	}
	return nil
}

// DeletableFinish gives what is left of the value, or the drops as one operand when
// the value may still come.
func (d *drops) DeletableFinish(includesBase bool) (value []byte, gone bool, _ io.Closer, _ error) {
	slices.Sort(d.holders)
	if d.value == nil {
		if includesBase {
			return nil, true, nil, nil
		}
		operand := []byte{dropMark}
		for _, holder := range slices.Compact(d.holders) {
			operand = binary.AppendUvarint(operand, holder)
		}
		return operand, false, nil, nil
	}
	value, left, err := store.Without(nil, d.value, func(holder uint64) bool {
		_, dropped := slices.BinarySearch(d.holders, holder)
		return dropped
	})
	return value, left == 0, nil, err
}

// Finish is there for the interface: Pebble asks DeletableFinish instead.
func (d *drops) Finish(includesBase bool) ([]byte, io.Closer, error) {
	value, _, closer, err := d.DeletableFinish(includesBase)
	return value, closer, err
}
