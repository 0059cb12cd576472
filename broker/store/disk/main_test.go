package disk

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"go.uber.org/goleak"

	"github.com/fletchmq/fletch/broker/store"
)

// Some tests need another process. It is this binary, told by childEnv what to do.
const childEnv = "FLETCH_DISK_TEST"

func TestMain(m *testing.M) {
	switch os.Getenv(childEnv) {
	case "":
		goleak.VerifyTestMain(m)
	case "hold":
		hold(os.Args[1])
	case "write":
		write(os.Args[1])
	default: // a test that leaves behind what a failed store leaves behind
		os.Exit(m.Run())
	}
}

// alone runs a test in a process of its own. It gives true there.
func alone(t *testing.T) bool {
	if os.Getenv(childEnv) == t.Name() {
		return true
	}
	c := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", "-test.timeout=60s")
	c.Env = append(os.Environ(), childEnv+"="+t.Name())
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	return false
}

// hold keeps a store open until it is killed, or its input ends.
func hold(dir string) {
	if _, err := Open(dir, Options{}); err != nil {
		panic(err)
	}
	os.Stdout.WriteString("open\n")
	bufio.NewReader(os.Stdin).ReadByte()
}

// write commits, and says each time how often it has, until it is killed.
func write(dir string) {
	s, err := Open(dir, Options{})
	for i := 0; err == nil; i++ {
		var b store.Batch
		b.Put(fmt.Appendf(nil, "m%09d", i), make([]byte, 300))
		if err = s.Commit(&b); err == nil {
			_, err = fmt.Println(i + 1)
		}
	}
	panic(err)
}
