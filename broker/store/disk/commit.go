package disk

import (
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/fletchmq/fletch/broker/store"
)

// Commit implements store.Store.
func (s *Store) Commit(b *store.Batch) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	if s.hasFailed() || s.try(func() error { return s.apply(b) }) != nil || s.patience.isOver() {
		<-s.closed
		return store.ErrClosed
	}
	return nil
}

// sweep is how many values that are gone a Commit deletes.
const sweep = 1000

// apply fails the store with each error: Pebble does not go on after one.
func (s *Store) apply(b *store.Batch) error {
	batch := s.db.NewBatchWithSize(b.Size() + 16*b.Len() + 16)
	err := b.All(func(op store.Op, key, value []byte) error { return add(batch, op, key, value) })
	for _, key := range s.gone.take(sweep) {
		if err == nil {
			err = batch.Delete([]byte(key), nil)
		}
	}
	if err == nil {
		err = batch.Commit(pebble.Sync)
	}
	if err != nil {
		s.fail(err)
		return err
	}
	return batch.Close()
}

func add(b *pebble.Batch, op store.Op, key, value []byte) error {
	switch op {
	case store.OpSet, store.OpPut, store.OpShare:
		return fill(b.SetDeferred(len(key), 1+len(value)), key, isValue, value)
	case store.OpDelete:
		return b.Delete(key, nil)
	case store.OpRemove:
		return b.SingleDelete(key, nil)
	case store.OpDrop:
		return fill(b.MergeDeferred(len(key), 1+len(value)), key, isDrops, value)
	default:
		return fmt.Errorf("disk: unknown operation %d", op)
	}
}

func fill(op *pebble.DeferredBatchOp, key []byte, is byte, value []byte) error {
	copy(op.Key, key)
	op.Value[0] = is
	copy(op.Value[1:], value)
	return op.Finish()
}
