package disk

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/fletchmq/fletch/broker/store"
)

func refused(t *testing.T, dir string, want ...string) {
	t.Helper()
	s, err := Open(dir, Options{})
	if err == nil {
		s.Close()
		t.Fatal("it opens")
	}
	for _, part := range want {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%v, want it to say %q", err, part)
		}
	}
}

// The second to open a directory is told who the first is; one that has died holds
// nothing.
func TestOneProcess(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the name of a process is read from /proc")
	}
	dir := t.TempDir()
	c := exec.Command(os.Args[0], dir)
	c.Env = append(os.Environ(), childEnv+"=hold")
	in, _ := c.StdinPipe()
	defer in.Close()
	out, _ := c.StdoutPipe()
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "open\n" {
		t.Fatalf("%q and %v", line, err)
	}
	name := filepath.Base(os.Args[0])
	refused(t, dir, dir, fmt.Sprintf("process %d (%s)", c.Process.Pid, name[:min(15, len(name))])) // of a name, the system keeps 15 bytes
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	c.Wait()

	s := open(t, dir, Options{})
	refused(t, dir, dir, fmt.Sprintf("this process (%d)", os.Getpid()))
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := open(t, dir, Options{}).Close(); err != nil {
		t.Error(err)
	}
}

func TestStrangeDirectory(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "letters.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	refused(t, dir, dir, "letters.txt")
	if all, _ := os.ReadDir(dir); len(all) != 1 {
		t.Errorf("it has left something there: %v", all)
	}
	refused(t, filepath.Join(dir, "letters.txt"))
}

func TestFormat(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "with", "those", "above")
	if err := open(t, dir, Options{}).Close(); err != nil {
		t.Fatal(err)
	}
	if i, err := os.Stat(dir); err != nil || i.Mode().Perm() != 0o700 {
		t.Errorf("%v and %v: what is published is not for everyone to read", i.Mode(), err)
	}
	name := filepath.Join(dir, stampName)
	if err := os.WriteFile(name, []byte("fletch store 2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	refused(t, dir, dir, "format 2", "known here is 1")

	if err := os.WriteFile(name, []byte("something else"), 0o600); err != nil {
		t.Fatal(err)
	}
	var damage *store.DamageError
	if _, err := Open(dir, Options{}); !errors.As(err, &damage) || damage.Where != name {
		t.Errorf("%v, want damage of %s", err, name)
	}
}

// An Open that was cut short, wherever, does not make the directory a strange one.
func TestOpenCutShort(t *testing.T) {
	if !alone(t) {
		return
	}
	for n := 0; ; n++ {
		mem := vfs.NewCrashableMem()
		cut := &cutFS{FS: mem, left: n}
		s, err := Open("dir", Options{FS: cut})
		left := mem.CrashClone(vfs.CrashCloneCfg{})
		if err == nil {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
		if err := open(t, "dir", Options{FS: left}).Close(); err != nil {
			t.Errorf("after %d calls: %v", n, err)
		}
		if err == nil {
			return
		}
	}
}

// cutFS makes some files, and then no more.
type cutFS struct {
	vfs.FS
	left int
}

func (c *cutFS) Create(name string, w vfs.DiskWriteCategory) (vfs.File, error) {
	if c.left--; c.left < 0 {
		return nil, errors.New("cut")
	}
	return c.FS.Create(name, w)
}

func (c *cutFS) Rename(from, to string) error {
	if c.left--; c.left < 0 {
		return errors.New("cut")
	}
	return c.FS.Rename(from, to)
}
