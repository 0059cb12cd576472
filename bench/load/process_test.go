package load

import (
	"os"
	"runtime"
	"testing"
	"time"
)

// What a process uses is read from /proc, this one's as well.
func TestUsage(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("there is no /proc")
	}
	c := Config{PID: os.Getpid()}
	before, err := c.usage()
	if err != nil || before.resident < 1<<20 {
		t.Fatalf("%+v, %v", before, err)
	}
	for after := before; after.cpu < before.cpu+20*time.Millisecond; { // busy until it shows
		if after, err = c.usage(); err != nil {
			t.Fatal(err)
		}
		if after.cpu > after.own {
			t.Fatalf("the same process has used %v and %v", after.cpu, after.own)
		}
	}
}
