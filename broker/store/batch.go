package store

import "encoding/binary"

// Batch is what is to happen together. Its methods copy what they are given. The
// zero Batch is empty. A key is used in one of three ways, always the same:
//
//   - Set and Delete: any number of times.
//   - Put and Remove: once each, and not before a Put has been removed. That costs
//     a store less.
//   - Share and Drop: once shared, for ever, and dropped once by each of its holders,
//     of which there is one at least.
type Batch struct {
	ops []byte
	n   int
}

// Op is the kind of one thing that a Batch does.
type Op uint8

// The kinds.
const (
	OpSet Op = iota
	OpDelete
	OpPut
	OpRemove
	OpShare
	OpDrop
)

// Set makes value that of key, whatever there was.
func (b *Batch) Set(key, value []byte) { b.add(OpSet, key, value) }

// Delete takes out key, if it is there.
func (b *Batch) Delete(key []byte) { b.add(OpDelete, key, nil) }

// Put makes value that of key, which is not there.
func (b *Batch) Put(key, value []byte) { b.add(OpPut, key, value) }

// Remove takes out key, which has been Put.
func (b *Batch) Remove(key []byte) { b.add(OpRemove, key, nil) }

// Share makes value, which AppendHolders has begun, that of key, which is not
// there. It is taken out when the last of its holders has dropped it.
func (b *Batch) Share(key, value []byte) { b.add(OpShare, key, value) }

// Drop takes holder out of the value of key, which has been shared.
func (b *Batch) Drop(key []byte, holder uint64) {
	var v [binary.MaxVarintLen64]byte
	b.add(OpDrop, key, binary.AppendUvarint(v[:0], holder))
}

// Len is how many things there are to do.
func (b *Batch) Len() int { return b.n }

// Size is how many bytes they take.
func (b *Batch) Size() int { return len(b.ops) }

// Reset makes b empty. It keeps its memory, up to keepBatch.
func (b *Batch) Reset() {
	if b.ops, b.n = b.ops[:0], 0; cap(b.ops) > keepBatch {
		b.ops = nil
	}
}

// keepBatch is how much memory an empty Batch keeps, in bytes.
const keepBatch = 4 << 20

func (b *Batch) add(op Op, key, value []byte) {
	b.ops = append(b.ops, byte(op))
	b.ops = binary.AppendUvarint(b.ops, uint64(len(key)))
	b.ops = append(b.ops, key...)
	b.ops = binary.AppendUvarint(b.ops, uint64(len(value)))
	b.ops = append(b.ops, value...)
	b.n++
}

// All calls do for each thing to do, in order, until that gives an error. The value
// of OpDrop is the holder as Drop has written it.
func (b *Batch) All(do func(op Op, key, value []byte) error) error {
	for rest := b.ops; len(rest) > 0; {
		var key, value []byte
		op := Op(rest[0])
		key, rest = cut(rest[1:])
		value, rest = cut(rest)
		if err := do(op, key, value); err != nil {
			return err
		}
	}
	return nil
}

// cut takes bytes with their length before them off b.
func cut(b []byte) (first, rest []byte) {
	n, k := binary.Uvarint(b)
	return b[k : k+int(n)], b[k+int(n):]
}
