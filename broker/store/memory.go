package store

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// Memory is a Store for tests: what it keeps ends with it, but for Restart. It
// panics when a key is used in a way that Batch does not allow, which a store on a
// disk does not notice in time. The zero Memory is empty and ready.
type Memory struct {
	mu      sync.Mutex
	entries map[string]entry
	shared  map[string]bool // all keys that ever were
	trouble error
	closed  bool
	changed chan struct{} // closed when trouble or closed changes; nil while no one waits
}

// entry is a value, and which of OpSet, OpPut and OpShare has brought it.
type entry struct {
	by    Op
	value []byte
}

// Refuse lets Commit wait from now on, and Trouble give why, until why is nil.
func (m *Memory) Refuse(why error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.trouble = why
	m.wake()
}

// Restart plays the end of the process: it closes m and gives a store with what m
// has committed. A Commit that waits is lost.
func (m *Memory) Restart() *Memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	m.wake()
	return &Memory{entries: maps.Clone(m.entries), shared: maps.Clone(m.shared)}
}

// Commit implements Store.
func (m *Memory) Commit(b *Batch) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for !m.closed && m.trouble != nil {
		m.wait()
	}
	if m.closed {
		return ErrClosed
	}
	if m.entries == nil {
		m.entries, m.shared = make(map[string]entry), make(map[string]bool)
	}
	return b.All(m.do)
}

// wait needs mu, and gives it up while it waits. It waits on a channel, so that the
// clock of a testing/synctest bubble goes on.
func (m *Memory) wait() {
	if m.changed == nil {
		m.changed = make(chan struct{})
	}
	changed := m.changed
	m.mu.Unlock()
	<-changed
	m.mu.Lock()
}

func (m *Memory) wake() {
	if m.changed != nil {
		close(m.changed)
		m.changed = nil
	}
}

// before says which kind of entry an operation expects to find, and whether one has
// to be there, or must not be.
var before = map[Op]struct {
	by         Op
	must, none bool
}{
	OpSet:    {by: OpSet},
	OpDelete: {by: OpSet},
	OpPut:    {by: OpPut, none: true},
	OpRemove: {by: OpPut, must: true},
	OpShare:  {by: OpShare, none: true},
	OpDrop:   {by: OpShare, must: true},
}

func (m *Memory) do(op Op, key, value []byte) error {
	old, there := m.entries[string(key)]
	want := before[op]
	if there && (want.none || old.by != want.by) || !there && want.must || want.none && m.shared[string(key)] {
		panic(fmt.Sprintf("store: operation %d on key %q, found: %t, by operation %d", op, key, there, old.by))
	}
	switch op {
	case OpSet, OpPut:
		m.entries[string(key)] = entry{op, bytes.Clone(value)}
	case OpShare:
		if all, _, err := Holders(nil, value); err != nil || len(all) == 0 {
			panic(fmt.Sprintf("store: key %q is shared among %d holders: %v", key, len(all), err))
		}
		m.entries[string(key)], m.shared[string(key)] = entry{op, bytes.Clone(value)}, true
	case OpDelete, OpRemove:
		delete(m.entries, string(key))
	case OpDrop:
		m.drop(key, old, value)
	}
	return nil
}

func (m *Memory) drop(key []byte, old entry, value []byte) {
	holder, _ := binary.Uvarint(value)
	found := false
	rest, left, err := Without(nil, old.value, func(h uint64) bool {
		found = found || h == holder
		return h == holder
	})
	if err != nil || !found {
		panic(fmt.Sprintf("store: key %q is dropped by %d, which does not hold it: %v", key, holder, err))
	}
	if left == 0 {
		delete(m.entries, string(key))
		return
	}
	m.entries[string(key)] = entry{OpShare, rest}
}

// Get implements Store.
func (m *Memory) Get(dst, key []byte) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return dst, ErrClosed
	}
	e, ok := m.entries[string(key)]
	if !ok {
		return dst, ErrNotFound
	}
	return append(dst, e.value...), nil
}

// Scan implements Store.
func (m *Memory) Scan(prefix []byte, visit func(key, value []byte) error) error {
	m.mu.Lock()
	closed, now := m.closed, maps.Clone(m.entries)
	m.mu.Unlock()
	if closed {
		return ErrClosed
	}
	for _, key := range slices.Sorted(maps.Keys(now)) {
		if !strings.HasPrefix(key, string(prefix)) {
			continue
		}
		if err := visit([]byte(key), bytes.Clone(now[key].value)); err != nil {
			return err
		}
	}
	return nil
}

// Trouble implements Store.
func (m *Memory) Trouble() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return ErrClosed
	}
	return m.trouble
}

// Close implements Store.
func (m *Memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return ErrClosed
	}
	m.closed = true
	m.wake()
	return nil
}
