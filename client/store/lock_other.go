//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd || windows)

package store

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// dirsSync is whether a directory can be synced.
const dirsSync = false

// lock cannot keep others out: the library knows no lock of this system that ends
// with the process. It writes down who came last.
func lock(dir string) (io.Closer, error) {
	f, err := os.OpenFile(filepath.Join(dir, ownerName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	return own(f, nil)
}
