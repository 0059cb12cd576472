package store

import (
	"encoding/binary"
	"iter"
	"math"
)

// Batch is changes that happen together, in their order: a later one of the same key
// wins. The zero Batch is empty. It keeps its memory from one use to the next, so
// that filling it again allocates nothing.
type Batch struct {
	frame []byte // room for the head of a frame, and the changes as they are written
	n     int
}

// Op is one change.
type Op struct {
	Key    uint64
	Value  []byte // in the memory of the batch, good until that is changed
	Delete bool   // the record is taken out, and there is no Value
}

// Put makes value that of key, whatever there was. It copies value.
func (b *Batch) Put(key uint64, value []byte) {
	b.add(key, uint32(len(value)))
	b.frame = append(b.frame, value...)
}

// Delete takes out the record of key, if there is one.
func (b *Batch) Delete(key uint64) { b.add(key, deleted) }

// Len is how many changes there are.
func (b *Batch) Len() int { return b.n }

// Size is how many bytes they take in the log of a [Dir].
func (b *Batch) Size() int { return len(b.ops()) }

// Reset makes b empty. It keeps its memory, up to keepBatch.
func (b *Batch) Reset() {
	if b.frame, b.n = b.frame[:0], 0; cap(b.frame) > keepBatch {
		b.frame = nil
	}
}

// All is the changes in their order.
func (b *Batch) All() iter.Seq[Op] {
	return func(yield func(Op) bool) {
		for rest := b.ops(); len(rest) > 0; {
			op, size, _ := cutOp(rest)
			if rest = rest[size:]; !yield(op) {
				return
			}
		}
	}
}

const (
	keepBatch = 4 << 20 // memory that an empty Batch keeps, in bytes
	opHead    = 8 + 4   // the key, and the length of the value
	deleted   = math.MaxUint32
)

func (b *Batch) add(key uint64, size uint32) {
	if len(b.frame) == 0 {
		b.frame = append(b.frame, make([]byte, frameHead)...)
	}
	b.frame = binary.BigEndian.AppendUint64(b.frame, key)
	b.frame = binary.BigEndian.AppendUint32(b.frame, size)
	b.n++
}

// ops is the changes without the room before them.
func (b *Batch) ops() []byte { return b.frame[min(frameHead, len(b.frame)):] }

// cutOp gives the first change of ops, and how many bytes it takes; false if those
// are not there.
func cutOp(ops []byte) (op Op, size int, ok bool) {
	if len(ops) < opHead {
		return Op{}, 0, false
	}
	op.Key = binary.BigEndian.Uint64(ops)
	n := binary.BigEndian.Uint32(ops[8:])
	if n == deleted {
		op.Delete = true
		return op, opHead, true
	}
	if uint64(n) > uint64(len(ops)-opHead) {
		return Op{}, 0, false
	}
	size = opHead + int(n)
	op.Value = ops[opHead:size:size]
	return op, size, true
}
