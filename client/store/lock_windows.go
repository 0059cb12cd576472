package store

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// dirsSync is whether a directory can be synced.
const dirsSync = false

// errSharing is ERROR_SHARING_VIOLATION.
const errSharing = syscall.Errno(32)

// lock makes this process the only one that has dir open, by sharing a file for
// reading alone. The system takes it back when the process ends, however that comes.
func lock(dir string) (io.Closer, error) {
	path := filepath.Join(dir, ownerName)
	name, err := syscall.UTF16PtrFromString(path)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	h, err := syscall.CreateFile(name, syscall.GENERIC_READ|syscall.GENERIC_WRITE, syscall.FILE_SHARE_READ,
		nil, syscall.OPEN_ALWAYS, syscall.FILE_ATTRIBUTE_NORMAL, 0)
	if errors.Is(err, errSharing) {
		return nil, inUse(dir)
	}
	if err != nil {
		return nil, fmt.Errorf("store: %w", &os.PathError{Op: "open", Path: path, Err: err})
	}
	return own(os.NewFile(uintptr(h), path), nil)
}
