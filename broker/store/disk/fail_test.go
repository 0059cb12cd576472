package disk

import (
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/fletchmq/fletch/broker/store"
)

// A store whose files cannot be written any more says so, acknowledges nothing, and
// lets itself be closed. The process goes on.
func TestFailed(t *testing.T) {
	if !alone(t) {
		return
	}
	for _, file := range []string{".log", "MANIFEST"} {
		t.Run(file, func(t *testing.T) { failed(t, file) })
	}
}

func failed(t *testing.T, file string) {
	fs := &brokenFS{FS: vfs.NewMem(), file: file}
	s := open(t, "dir", Options{FS: fs})
	var b store.Batch
	b.Put([]byte("a"), nil)
	if err := s.Commit(&b); err != nil {
		t.Fatal(err)
	}
	fs.broken.Store(true)
	if file == "MANIFEST" {
		go s.db.Flush()
	}
	var commits sync.WaitGroup
	for range 3 {
		commits.Go(func() {
			for {
				var b store.Batch
				b.Set([]byte("b"), make([]byte, 100))
				if err := s.Commit(&b); err != nil {
					if err != store.ErrClosed {
						t.Errorf("commit: %v", err)
					}
					return
				}
			}
		})
	}
	<-s.failed
	if err := s.Trouble(); !errors.Is(err, errBroken) && !strings.Contains(err.Error(), errBroken.Error()) {
		t.Errorf("trouble: %v", err)
	}
	if _, err := s.Get(nil, []byte("a")); err != s.failure {
		t.Errorf("get: %v", err)
	}
	if err := s.Scan(nil, nil); err != s.failure {
		t.Errorf("scan: %v", err)
	}
	if err := s.Close(); err != s.failure {
		t.Errorf("close: %v", err)
	}
	commits.Wait()
	if err := s.Trouble(); err != store.ErrClosed {
		t.Errorf("after Close: %v", err)
	}
}

var errBroken = errors.New("input/output error")

// brokenFS does not write to files whose name contains file once it is broken.
type brokenFS struct {
	vfs.FS
	file   string
	broken atomic.Bool
}

func (fs *brokenFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := fs.FS.Create(name, c)
	if err == nil && strings.Contains(name, fs.file) {
		f = brokenFile{f, fs}
	}
	return f, err
}

type brokenFile struct {
	vfs.File
	fs *brokenFS
}

func (f brokenFile) Write(b []byte) (int, error) {
	if f.fs.broken.Load() {
		return 0, errBroken
	}
	return f.File.Write(b)
}
