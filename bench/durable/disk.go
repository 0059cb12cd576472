//go:build linux

package main

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// disk says which file system is measured.
func (b *bench) disk() error {
	kind, device, err := fileSystem(b.dir)
	if err != nil {
		return err
	}
	fmt.Printf("fs: %s\ndisk: %s\n", kind, device)
	if kind == "tmpfs" || kind == "ramfs" {
		return fmt.Errorf("%s is in memory: name a directory on a disk with -data", b.dir)
	}
	return nil
}

// fileSystem is that of a directory, as /proc/self/mounts has it.
func fileSystem(dir string) (kind, device string, err error) {
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return "", "", err
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return "", "", err
	}
	f, err := os.Open("/proc/self/mounts")
	if err != nil {
		return "", "", err
	}
	defer f.Close()
	longest := 0
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		where := strings.TrimSuffix(fields[1], "/")
		if len(where) >= longest && strings.HasPrefix(dir+"/", where+"/") {
			longest, kind, device = len(where), fields[2], fields[0]
		}
	}
	return kind, device, nil
}

// syncs is how many times a second a file that grows by a page can be synced, one
// after the other. It is asked right before and after a broker at fsync, and does
// nothing for others.
func (b *bench) syncs(one broker) (perSecond float64, err error) {
	if one.name != "fsync" {
		return 0, nil
	}
	perSecond, n, err := syncing(b.dir, unix.Fsync)
	if err != nil {
		return 0, err
	}
	b.report.result("disk/sync=fsync", n, value{perSecond, "sync/s"})
	other, n, err := syncing(b.dir, unix.Fdatasync)
	if err == nil {
		b.report.result("disk/sync=fdatasync", n, value{other, "sync/s"})
	}
	return perSecond, err
}

func syncing(dir string, sync func(fd int) error) (perSecond float64, n int, err error) {
	const page, most = 4096, 500 * time.Millisecond
	f, err := os.CreateTemp(dir, "sync-")
	if err != nil {
		return 0, 0, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	begin := time.Now()
	for time.Since(begin) < most {
		if _, err := f.Write(make([]byte, page)); err != nil {
			return 0, 0, err
		}
		if err := sync(int(f.Fd())); err != nil {
			return 0, 0, err
		}
		n++
	}
	return float64(n) / time.Since(begin).Seconds(), n, nil
}
