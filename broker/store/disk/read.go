package disk

import (
	"bytes"
	"errors"

	"github.com/cockroachdb/pebble/v2"

	"github.com/fletchmq/fletch/broker/store"
)

// Get implements store.Store.
func (s *Store) Get(dst, key []byte) ([]byte, error) {
	if err := s.enter(); err != nil {
		return dst, err
	}
	defer s.leave()
	if s.hasFailed() {
		return dst, s.failure
	}
	raw, closer, err := s.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return dst, store.ErrNotFound
	}
	if err != nil {
		return dst, explain(s.dir, err)
	}
	value, err := s.value(key, raw)
	dst = append(dst, value...)
	if other := closer.Close(); err == nil {
		err = other
	}
	return dst, err
}

// value takes off what raw, which belongs to key, begins with.
func (s *Store) value(key, raw []byte) ([]byte, error) {
	if len(raw) > 0 && raw[0] == isValue {
		return raw[1:], nil
	}
	if len(raw) == 1 && raw[0] == isDrops {
		s.gone.add(key) // nobody may have deleted it before the last end of the process
		return nil, store.ErrNotFound
	}
	return nil, damaged(s.dir, errors.New("a value does not begin with its kind"))
}

// Scan implements store.Store.
func (s *Store) Scan(prefix []byte, visit func(key, value []byte) error) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	if s.hasFailed() {
		return s.failure
	}
	it, err := s.db.NewIter(within(prefix))
	if err != nil {
		return explain(s.dir, err)
	}
	defer it.Close()
	for ok := it.First(); ok; ok = it.Next() {
		raw, err := it.ValueAndErr()
		if err != nil {
			return explain(s.dir, err)
		}
		value, err := s.value(it.Key(), raw)
		if err == nil {
			err = visit(it.Key(), value)
		} else if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
	}
	return explain(s.dir, it.Error())
}

// within gives the bounds of the keys that begin with prefix. No bound is nil.
func within(prefix []byte) *pebble.IterOptions {
	var o pebble.IterOptions
	if len(prefix) > 0 {
		o.LowerBound = prefix
	}
	for i := len(prefix) - 1; i >= 0; i-- {
		if prefix[i] != 0xFF {
			o.UpperBound = bytes.Clone(prefix[:i+1])
			o.UpperBound[i]++
			break
		}
	}
	return &o
}
