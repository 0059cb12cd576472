package storetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/fletchmq/fletch/broker/store"
)

// model is what a store should hold, in the dullest way.
type model struct {
	rand   *rand.Rand
	set    map[string]string // used with Set and Delete
	put    map[string]string // with Put and Remove
	shared map[string]*share // with Share and Drop
	next   int               // of the keys of shared, which are used once
}

type share struct {
	holders []store.Holder
	body    string
}

// model does the same to a store and to a model, and compares them.
func (s suite) model(t *testing.T, seed uint64) {
	st := s.open(t)
	defer func() { closed(t, st) }()
	m := &model{
		rand:   rand.New(rand.NewPCG(seed, 0)),
		set:    make(map[string]string),
		put:    make(map[string]string),
		shared: make(map[string]*share),
	}
	var b store.Batch
	for step := range 200 {
		b.Reset()
		for range m.rand.IntN(20) {
			m.step(&b)
		}
		commit(t, st, &b)
		if m.rand.IntN(20) == 0 {
			st = s.reopen(t, st)
		}
		if step%5 == 0 {
			m.compare(t, st)
		}
	}
}

func (m *model) step(b *store.Batch) {
	switch m.rand.IntN(8) {
	case 0, 1:
		key := fmt.Sprintf("s%d", m.rand.IntN(50))
		m.set[key] = m.value()
		b.Set([]byte(key), []byte(m.set[key]))
	case 2:
		key := fmt.Sprintf("s%d", m.rand.IntN(50))
		delete(m.set, key)
		b.Delete([]byte(key))
	case 3:
		key := fmt.Sprintf("p%06d", m.rand.IntN(50)) // come and go, as packet identifiers do
		if _, ok := m.put[key]; ok {
			return
		}
		m.put[key] = m.value()
		b.Put([]byte(key), []byte(m.put[key]))
	case 4:
		if key, ok := pick(m.rand, m.put); ok {
			delete(m.put, key)
			b.Remove([]byte(key))
		}
	case 5:
		m.next++
		key := fmt.Sprintf("h%06d", m.next)
		sh := &share{body: m.value()}
		for i := range 1 + m.rand.Uint64N(6) {
			sh.holders = append(sh.holders, store.Holder{Number: i * i * 1000, Note: []byte(m.value())})
		}
		m.shared[key] = sh
		b.Share([]byte(key), sh.bytes())
	default:
		m.drop(b)
	}
}

func (m *model) drop(b *store.Batch) {
	key, ok := pick(m.rand, m.shared)
	if !ok {
		return
	}
	sh := m.shared[key]
	i := m.rand.IntN(len(sh.holders))
	b.Drop([]byte(key), sh.holders[i].Number)
	if sh.holders = slices.Delete(sh.holders, i, i+1); len(sh.holders) == 0 {
		delete(m.shared, key)
	}
}

func (s *share) bytes() []byte { return append(store.AppendHolders(nil, s.holders), s.body...) }

// value is some bytes, none now and then.
func (m *model) value() string {
	v := make([]byte, m.rand.IntN(40))
	for i := range v {
		v[i] = byte(m.rand.Uint32())
	}
	return string(v)
}

func pick[V any](r *rand.Rand, of map[string]V) (string, bool) {
	if len(of) == 0 {
		return "", false
	}
	keys := make([]string, 0, len(of))
	for key := range of {
		keys = append(keys, key)
	}
	slices.Sort(keys) // a seed picks the same each time
	return keys[r.IntN(len(keys))], true
}

func (m *model) compare(t *testing.T, st store.Store) {
	t.Helper()
	all := make(map[string]string)
	for key, sh := range m.shared {
		all[key] = string(sh.bytes())
	}
	for _, part := range []map[string]string{m.set, m.put} {
		for key, value := range part {
			all[key] = value
		}
	}
	for _, prefix := range []string{"", "s", "p0", "h"} {
		var want []string
		for key, value := range all {
			if strings.HasPrefix(key, prefix) {
				want = append(want, line(key, value))
			}
		}
		slices.Sort(want)
		got := contents(t, st, []byte(prefix))
		for i := range max(len(got), len(want)) {
			if i >= len(got) || i >= len(want) || got[i] != want[i] {
				t.Fatalf("prefix %q, from number %d: %q, want %q", prefix, i, got[min(i, len(got)):], want[min(i, len(want)):])
			}
		}
	}
	for range 10 {
		m.compareOne(t, st, all, fmt.Sprintf("s%d", m.rand.IntN(60)))
		m.compareOne(t, st, all, fmt.Sprintf("p%06d", m.rand.IntN(60)))
		m.compareOne(t, st, all, fmt.Sprintf("h%06d", m.rand.IntN(m.next+2)))
	}
}

func (m *model) compareOne(t *testing.T, st store.Store, all map[string]string, key string) {
	t.Helper()
	got, err := st.Get(nil, []byte(key))
	want, ok := all[key]
	if ok && err != nil || !ok && !errors.Is(err, store.ErrNotFound) || string(got) != want {
		t.Fatalf("key %s: %x and %v, want %x, there: %t", key, got, err, want, ok)
	}
}
