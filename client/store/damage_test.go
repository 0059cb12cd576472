package store_test

import (
	"bytes"
	"errors"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/fletchmq/fletch/client/store"
	"github.com/fletchmq/fletch/client/store/storetest"
)

// history is a log in dir, and what it holds after each commit.
type history struct {
	dir    string
	sizes  []int64 // of the last segment
	states []map[uint64]string
}

// write makes one of n commits.
func write(t testing.TB, dir string, n int, o store.DirOptions) history {
	t.Helper()
	d := open(t, dir, o)
	defer d.Close()
	h := history{dir, []int64{store.SegmentHead}, []map[uint64]string{{}}}
	r := rand.New(rand.NewPCG(uint64(n), 2))
	now := make(map[uint64]string)
	var b store.Batch
	for range n {
		b.Reset()
		storetest.Change(r, &b, now)
		storetest.Commit(t, d, &b)
		all := segments(t, dir)
		info, err := os.Stat(all[len(all)-1])
		if err != nil {
			t.Fatal(err)
		}
		h.sizes, h.states = append(h.sizes, info.Size()), append(h.states, maps.Clone(now))
	}
	return h
}

// last gives the path of the last segment and what is in it.
func (h history) last(t testing.TB) (string, []byte) {
	t.Helper()
	all := segments(t, h.dir)
	text, err := os.ReadFile(all[len(all)-1])
	if err != nil {
		t.Fatal(err)
	}
	return all[len(all)-1], text
}

// Wherever the end of the log is torn off, what the whole frames before say is there,
// and the log can be gone on with.
func TestTornTail(t *testing.T) {
	h := write(t, t.TempDir(), 4, store.DirOptions{})
	name, text := h.last(t)
	whole := len(h.sizes) - 1
	for cut := len(text); cut >= 0; cut-- {
		for whole > 0 && int64(cut) < h.sizes[whole] {
			whole--
		}
		if cut > store.SegmentHead+20 && int64(cut) < h.sizes[2] {
			continue // as those after it
		}
		for _, tail := range [][]byte{nil, make([]byte, min(50, len(text)-cut))} { // zeros: the size has come to the disk sooner
			if err := os.WriteFile(name, append(bytes.Clone(text[:cut]), tail...), 0o600); err != nil {
				t.Fatal(err)
			}
			if cut < store.SegmentHead && cut > 0 && len(tail) > 0 {
				continue // a head in halves: see TestFlippedBits
			}
			d := open(t, h.dir, store.DirOptions{})
			if got := storetest.Records(t, d); !maps.Equal(got, h.states[whole]) {
				t.Fatalf("cut at %d of %d: %d records, want those of commit %d, %d", cut, len(text), len(got), whole, len(h.states[whole]))
			}
			var b store.Batch
			b.Put(5000, []byte("on"))
			storetest.Commit(t, d, &b)
			d.Close()
			d = open(t, h.dir, store.DirOptions{})
			if got := storetest.Records(t, d); got[5000] != "on" || len(got) != len(h.states[whole])+1 {
				t.Fatalf("cut at %d: what came after it is not there", cut)
			}
			d.Close()
		}
	}
}

// Of each bit that is flipped, one of two things comes: the file and the place are
// named; or, in the last frame, which may be a torn tail, that is missing. The repair
// loses no more than the frame it is in.
func TestFlippedBits(t *testing.T) {
	h := write(t, t.TempDir(), 4, store.DirOptions{})
	name, text := h.last(t)
	last := len(h.sizes) - 1
	for i := range text {
		bad := bytes.Clone(text)
		bad[i] ^= 1 << (i % 8)
		if err := os.WriteFile(name, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		d, err := store.OpenDir(h.dir, store.DirOptions{Logger: quiet})
		switch {
		case int64(i) >= h.sizes[last-1]:
			if err != nil {
				t.Fatalf("byte %d: %v", i, err)
			}
			if got := storetest.Records(t, d); !maps.Equal(got, h.states[last-1]) {
				t.Fatalf("byte %d: %d records, want those before the last commit", i, len(got))
			}
			d.Close()
		case i < 12: // no magic, or another format
			if err == nil {
				t.Fatalf("byte %d: it opens", i)
			}
		default:
			if !isDamage(err, name) {
				t.Fatalf("byte %d: %v, want it to name %s", i, err, name)
			}
		}
	}
	if _, text := h.last(t); len(text) == 0 {
		t.Error("the damaged file has been changed")
	}
}

// A repair keeps all that can be read, and puts the rest aside.
func TestRepair(t *testing.T) {
	for name, hurt := range map[string]func(t *testing.T, segments []string){
		"a frame":   func(t *testing.T, s []string) { flip(t, s[1], store.SegmentHead+20) },
		"a head":    func(t *testing.T, s []string) { flip(t, s[1], 30) },
		"two heads": func(t *testing.T, s []string) { flip(t, s[0], 30); flip(t, s[len(s)-1], 30) },
		"the end of one before the last": func(t *testing.T, s []string) {
			if err := os.Truncate(s[1], 5000); err != nil {
				t.Fatal(err)
			}
		},
		"one is missing": func(t *testing.T, s []string) {
			if err := os.Remove(s[1]); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) { repair(t, hurt) })
	}
}

func repair(t *testing.T, hurt func(t *testing.T, segments []string)) {
	dir := t.TempDir()
	d := open(t, dir, store.DirOptions{}.Small())
	value := make([]byte, 100)
	var b store.Batch
	for i := range 400 {
		b.Reset()
		b.Put(uint64(i), value)
		storetest.Commit(t, d, &b)
	}
	d.Close()
	before := segments(t, dir)
	hurt(t, before)
	left := segments(t, dir)

	_, err := store.OpenDir(dir, store.DirOptions{Logger: quiet})
	var damage *store.DamageError
	if !errors.As(err, &damage) {
		t.Fatalf("%v, want a *DamageError", err)
	}
	d = open(t, dir, store.DirOptions{Repair: true})
	got := storetest.Records(t, d)
	// A segment has some 67 of them.
	if len(got) < 400-2*70 || len(got) == 400 {
		t.Errorf("%d records are left of 400", len(got))
	}
	b.Reset()
	b.Put(1000, value)
	storetest.Commit(t, d, &b)
	d.Close()
	if again := storetest.Records(t, open(t, dir, store.DirOptions{})); len(again) != len(got)+1 {
		t.Errorf("%d records after the repair and a commit, want %d", len(again), len(got)+1)
	}
	aside, _ := filepath.Glob(filepath.Join(dir, "*.log.damaged"))
	if len(aside) != len(left) || len(segments(t, dir)) != 1 {
		t.Errorf("%q are put aside of %q, and %q are left", aside, left, segments(t, dir))
	}
}

// A repair that was cut short after it had written the new log is done with.
func TestRepairCutShort(t *testing.T) {
	h := write(t, t.TempDir(), 4, store.DirOptions{})
	name, _ := h.last(t)
	flip(t, name, int(h.sizes[1])+20)
	d := open(t, h.dir, store.DirOptions{Repair: true})
	want := storetest.Records(t, d)
	d.Close()
	if err := os.Rename(name+".damaged", name); err != nil {
		t.Fatal(err)
	}
	if got := storetest.Records(t, open(t, h.dir, store.DirOptions{})); !maps.Equal(got, want) {
		t.Errorf("%d records, want %d", len(got), len(want))
	}
	if _, err := os.Stat(name + ".damaged"); err != nil {
		t.Error(err)
	}
}

// What a segment says of the one before it counts, not what is at its end: the rest
// is of a commit that has failed. Every record is alive, so that no segment is merged
// with another meanwhile.
func TestSealed(t *testing.T) {
	dir := t.TempDir()
	d := open(t, dir, store.DirOptions{}.Small())
	var b store.Batch
	for i := range 200 {
		b.Reset()
		b.Put(uint64(i), make([]byte, 100))
		storetest.Commit(t, d, &b)
	}
	want := storetest.Records(t, d)
	d.Close()
	all := segments(t, dir)
	f, err := os.OpenFile(all[len(all)-2], os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.Write(make([]byte, 100))
	f.Close()
	if got := storetest.Records(t, open(t, dir, store.DirOptions{})); !maps.Equal(got, want) {
		t.Errorf("%d records, want %d", len(got), len(want))
	}
}

func flip(t *testing.T, name string, at int) {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	text[at] ^= 4
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
}
