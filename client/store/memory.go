package store

import (
	"bytes"
	"maps"
	"slices"
)

// Memory is a Store that outlives a client and not the process: after Close it may
// be loaded again, by the next one.
type Memory struct {
	// Before is called by each Commit before it changes anything, if it is not nil.
	// Its error is that of Commit, and Commit waits while it does: tests play a full
	// disk with it, and a slow one. It is set while no call goes on.
	Before func(b *Batch) error

	records map[uint64][]byte
	closed  bool
}

// NewMemory makes an empty one.
func NewMemory() *Memory { return &Memory{records: make(map[uint64][]byte)} }

// Load implements Store. It also opens m again.
func (m *Memory) Load(put func(key uint64, value []byte) error) error {
	m.closed = false
	for _, key := range slices.Sorted(maps.Keys(m.records)) {
		if err := put(key, m.records[key]); err != nil {
			return err
		}
	}
	return nil
}

// Commit implements Store.
func (m *Memory) Commit(b *Batch) error {
	if m.closed {
		return ErrClosed
	}
	if m.Before != nil {
		if err := m.Before(b); err != nil {
			return err
		}
	}
	for op := range b.All() {
		if op.Delete {
			delete(m.records, op.Key)
		} else {
			m.records[op.Key] = bytes.Clone(op.Value)
		}
	}
	return nil
}

// Close implements Store.
func (m *Memory) Close() error {
	if m.closed {
		return ErrClosed
	}
	m.closed = true
	return nil
}
