package disk

import (
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/fletchmq/fletch/broker/store"
)

// A store whose files are taken away says so, acknowledges nothing, and lets itself be
// closed. The process goes on.
func TestFailed(t *testing.T) {
	if !alone(t) {
		return
	}
	fs := &brokenFS{FS: vfs.NewMem()}
	s := open(t, "dir", Options{FS: fs})
	var b store.Batch
	b.Put([]byte("a"), nil)
	if err := s.Commit(&b); err != nil {
		t.Fatal(err)
	}
	fs.broken.Store(true)
	go s.db.Flush()
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
	if err := s.Trouble(); err == nil || !strings.Contains(err.Error(), os.ErrNotExist.Error()) {
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

// brokenFS has no place for new logs once it is broken.
type brokenFS struct {
	vfs.FS
	broken atomic.Bool
}

func (fs *brokenFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if fs.broken.Load() && strings.HasSuffix(name, ".log") {
		return nil, os.ErrNotExist
	}
	return fs.FS.Create(name, c)
}
