package topics

import (
	"hash/maphash"
	"sync/atomic"
)

// table is a hash table that one goroutine changes at a time, while any number of
// others read. An item has one place in it for good: who goes through a table
// while it changes finds what is there all the time once, and nothing twice.
//
// What does not fit goes into another table. The old one stays as it was, for who
// reads it.
type table[T any] struct {
	slots []slot[T]
	items int // only for who changes the table
	used  int // the same: how many slots have a tag
}

// slot is a place for an item. The tag outlives the item: readers look for another
// one behind it, and only an item with the same tag takes the place.
type slot[T any] struct {
	tag  atomic.Uint32 // never zero for an item
	item atomic.Pointer[T]
}

// Tables with more slots than crowd have some free ones, so that not all have to be
// looked at.
const crowd = 8

var seed = maphash.MakeSeed()

func tagOf(level []byte) uint32       { return uint32(maphash.Bytes(seed, level)>>32) | 1 }
func tagOfString(level string) uint32 { return uint32(maphash.String(seed, level)>>32) | 1 }
func tagOfID(id uint64) uint32        { return uint32(id*0x9e3779b97f4a7c15>>32) | 1 }

func newTable[T any](items int) *table[T] {
	n := items
	if n > crowd {
		n += n
	}
	return &table[T]{slots: make([]slot[T], n)}
}

// home is the first place for an item. It is in the order of the tags, so a table
// is copied from its one end to the other.
func (t *table[T]) home(tag uint32) int {
	return int(uint64(tag) * uint64(len(t.slots)) >> 32)
}

// find is where the item is, and that, or nil. A nil table has no items.
func (t *table[T]) find(tag uint32, is func(*T) bool) (at *slot[T], item *T) {
	if t == nil {
		return nil, nil
	}
	i := t.home(tag)
	for range t.slots {
		s := &t.slots[i]
		switch s.tag.Load() {
		case tag:
			if x := s.item.Load(); x != nil && is(x) {
				return s, x
			}
		case 0:
			return nil, nil
		}
		if i++; i == len(t.slots) {
			i = 0
		}
	}
	return nil, nil
}

// with is the table with another item: t, or a new one.
func (t *table[T]) with(tag uint32, item *T) *table[T] {
	if t == nil {
		t = newTable[T](1)
	} else if n := len(t.slots); t.used == n || n > crowd && 5*t.used >= 4*n {
		t = t.copy(t.items + 1)
	}
	t.insert(tag, item)
	return t
}

// without is the table without the item there: t, a new one, or nil.
func (t *table[T]) without(at *slot[T]) *table[T] {
	at.item.Store(nil)
	t.items--
	switch n := len(t.slots); {
	case t.items == 0:
		return nil
	case n <= crowd || 3*t.items < n:
		return t.copy(t.items)
	}
	return t
}

// copy is a new table with the same items, and room for so many.
func (t *table[T]) copy(items int) *table[T] {
	c := newTable[T](items)
	for i := range t.slots {
		if x := t.slots[i].item.Load(); x != nil {
			c.insert(t.slots[i].tag.Load(), x)
		}
	}
	return c
}

// insert puts an item where there is room.
func (t *table[T]) insert(tag uint32, item *T) {
	for i := t.home(tag); ; i = (i + 1) % len(t.slots) {
		s := &t.slots[i]
		switch had := s.tag.Load(); {
		case had == 0:
			t.used++
			s.tag.Store(tag)
		case had != tag || s.item.Load() != nil:
			continue
		}
		s.item.Store(item)
		t.items++
		return
	}
}

// single is the only item.
func (t *table[T]) single() *T {
	for i := range t.slots {
		if x := t.slots[i].item.Load(); x != nil {
			return x
		}
	}
	return nil
}
