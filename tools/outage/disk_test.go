package outage

import (
	"math/rand/v2"
	"sync/atomic"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/fletchmq/fletch/broker/store/disk"
)

// fault is one way in which a disk fails.
type fault struct {
	name  string
	err   syscall.Errno
	kinds []errorfs.OpKind // what does
	at    []disk.Durability
}

var (
	both   = []disk.Durability{disk.Written, disk.Fsync}
	names  = map[disk.Durability]string{disk.Written: "written", disk.Fsync: "fsync"}
	writes = []errorfs.OpKind{errorfs.OpFileWrite, errorfs.OpFileWriteAt}
	syncs  = []errorfs.OpKind{errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo}
	makes  = []errorfs.OpKind{errorfs.OpCreate, errorfs.OpMkdirAll, errorfs.OpLink, errorfs.OpFilePreallocate}
	moves  = []errorfs.OpKind{errorfs.OpRename, errorfs.OpReuseForWrite, errorfs.OpRemove, errorfs.OpRemoveAll}
)

var faults = []fault{
	{"full", syscall.ENOSPC, join(writes, makes), both},
	{"read-only", syscall.EROFS, join(writes, syncs, makes, moves), both},
	{"write", syscall.EIO, writes, both},
	{"sync", syscall.EIO, syncs, []disk.Durability{disk.Fsync}}, // nobody waits for one at Written
}

func join(all ...[]errorfs.OpKind) (kinds []errorfs.OpKind) {
	for _, k := range all {
		kinds = append(kinds, k...)
	}
	return kinds
}

// badDisk is a file system in memory that fails while fault is set.
type badDisk struct {
	vfs.FS
	memory *vfs.MemFS
	fault  atomic.Pointer[fault]
}

func newBadDisk() *badDisk { return on(vfs.NewCrashableMem()) }

func on(memory *vfs.MemFS) *badDisk {
	d := &badDisk{memory: memory}
	d.FS = errorfs.Wrap(memory, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if f := d.fault.Load(); f != nil {
			for _, k := range f.kinds {
				if k == op.Kind {
					return f.err
				}
			}
		}
		return nil
	}))
	return d
}

// after is what the disk has when the power is cut, or the process is killed.
func (d *badDisk) after(at disk.Durability) *badDisk {
	kept := vfs.CrashCloneCfg{RNG: rand.New(rand.NewPCG(0, 0))}
	if at == disk.Written {
		kept.UnsyncedDataPercent = 100
	}
	return on(d.memory.CrashClone(kept))
}
