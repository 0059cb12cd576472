package store

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// ownerName is the file that is locked. It says by which process.
const ownerName = "OWNER"

// own writes the number of this process into f, which it has locked, or not: err.
func own(f *os.File, err error) (io.Closer, error) {
	if err == nil {
		err = f.Truncate(0)
	}
	if err == nil {
		_, err = fmt.Fprintln(f, os.Getpid())
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("store: %w", err)
	}
	return f, nil
}

// inUse is the error that another has dir open.
func inUse(dir string) error {
	return fmt.Errorf("store: %s is in use by %s", dir, owner(filepath.Join(dir, ownerName)))
}

func owner(path string) string {
	text, _ := os.ReadFile(path)
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil { // it is about to write it
		return "another process"
	}
	if pid == os.Getpid() {
		return fmt.Sprintf("this process (%d)", pid)
	}
	// Only Linux says so.
	if name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid)); err == nil {
		return fmt.Sprintf("process %d (%s)", pid, strings.TrimSpace(string(name)))
	}
	return fmt.Sprintf("process %d", pid)
}
