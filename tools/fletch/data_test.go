package main

import (
	"bufio"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// What is kept in a folder, with a path from where the broker runs, is there when
// another broker begins, and the folder is one broker's at a time.
func TestServeData(t *testing.T) {
	t.Chdir(t.TempDir())
	data := filepath.Join("new", "data")
	for i, args := range [][]string{{}, {"--durability", "fsync"}, {"--durability", "written"}} {
		args = append([]string{"--data", data}, args...)
		broker, where, _ := serving(t, "127.0.0.1:0", args...)
		_, port, err := net.SplitHostPort(where)
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			if r := run(t, "pub", "-p", port, "-r", "-q", "1", "-t", "hello/world", "-m", "hi"); r != (result{}) {
				t.Errorf("pub: %+v", r)
			}
		}
		if r := run(t, "sub", "-p", port, "-C", "1", "-v", "-t", "hello/#"); r != (result{out: "hello/world hi\n"}) {
			t.Errorf("sub: %+v", r)
		}
		for _, more := range [][]string{{}, {"--repair"}} {
			r := run(t, append([]string{"serve", "--listen", "127.0.0.1:0", "--data", data}, more...)...)
			if r.status != 1 || strings.Count(r.err, "\n") != 1 || !strings.Contains(r.err, data+" is in use by process ") {
				t.Errorf("a second broker: %+v", r)
			}
		}
		if err := broker.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if err := broker.Wait(); err != nil {
			t.Error(err)
		}
	}
}

// There is nothing to repair in a sound store, and it is served.
func TestServeRepair(t *testing.T) {
	cmd := fletch(t, "serve", "--listen", "127.0.0.1:0", "--data", t.TempDir(), "--repair")
	pipe, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	for lines, i := bufio.NewScanner(pipe), 0; i < 2; i++ {
		if want := []string{"nothing is damaged", "fletch listens on "}[i]; !lines.Scan() || !strings.HasPrefix(lines.Text(), want) {
			t.Errorf("%q, %v, want %q", lines.Text(), lines.Err(), want)
		}
	}
}

// What cannot be a store is said in one line, and left as it is.
func TestServeDataMistakes(t *testing.T) {
	dir := t.TempDir()
	file, other := filepath.Join(dir, "file"), filepath.Join(dir, "other")
	if err := os.MkdirAll(other, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{file, filepath.Join(other, "letter")} {
		if err := os.WriteFile(name, []byte("dear"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		want string
		args []string
	}{
		{"expected --data as well", []string{"--durability", "fsync"}},
		{"expected --data as well", []string{"--repair"}},
		{"expected the name of a folder", []string{"--data", ""}},
		{"never: expected written or fsync", []string{"--data", dir, "--durability", "never"}},
		{"not a directory", []string{"--data", file}},
		{"not a directory", []string{"--data", filepath.Join(file, "below")}},
		{"is not a store, and not empty: it has letter", []string{"--data", other}},
		{"is not a store, and not empty: it has letter", []string{"--data", other, "--repair"}},
		{"no such file or directory", []string{"--data", filepath.Join(dir, "none"), "--repair"}},
	} {
		r := run(t, append([]string{"serve", "--listen", "127.0.0.1:0"}, test.args...)...)
		if r.status == 0 || r.out != "" || strings.Count(r.err, "\n") != 1 || !strings.Contains(r.err, test.want) {
			t.Errorf("%q: %+v, want %q", test.args, r, test.want)
		}
	}
	if names, err := os.ReadDir(other); err != nil || len(names) != 1 {
		t.Errorf("left behind: %v, %v", names, err)
	}
}
