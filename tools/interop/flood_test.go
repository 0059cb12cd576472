package interop

import (
	"bytes"
	crand "crypto/rand"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fletchmq/fletch/packets"
)

var flood = flag.Int("flood", 10_000, "connections of TestFlood")

// Connections by the thousand that send what they like and go: the broker serves
// who behaves, and is not larger for them in the end than it may be.
func TestFlood(t *testing.T) {
	for _, engine := range []string{"loops", "goroutines"} {
		t.Run(engine, func(t *testing.T) {
			p := start(t, fletch, "serve", "--engine", engine, "--listen", "127.0.0.1:0", "--log-level", "error")
			address := strings.TrimPrefix(p.until(t, "fletch listens on "), "fletch listens on ")
			good := join(t, address)
			var wg sync.WaitGroup
			const workers = 50
			for w := range workers {
				wg.Go(func() {
					for range *flood / workers {
						attack(t, address, rand.New(rand.NewPCG(1, uint64(w))))
					}
				})
			}
			done := make(chan struct{})
			go func() { wg.Wait(); close(done) }()
			for begun := time.Now(); ; {
				good.SetDeadline(time.Now().Add(patience))
				ping(t, good)
				select {
				case <-done:
					t.Logf("%d connections in %s, %d KiB resident", *flood, time.Since(begun), resident(t, p)>>10)
					if most := 100 << 20; resident(t, p) > most {
						t.Errorf("%d bytes resident, expected %d at most", resident(t, p), most)
					}
					return
				default:
				}
			}
		})
	}
}

// attack is one connection.
func attack(t *testing.T, address string, random *rand.Rand) {
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Error(err)
		return
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	connect := (&packets.Connect{Version: packets.V5, CleanStart: true}).AppendTo(nil, packets.V5)
	noise := make([]byte, random.IntN(2000))
	crand.Read(noise)
	switch random.IntN(5) {
	case 0: // nothing
	case 1:
		c.Write(connect[:random.IntN(len(connect))])
	case 2:
		c.Write(noise)
	case 3:
		c.Write(append(connect, noise...))
		c.Read(noise)
	case 4: // a packet that is announced to be large
		c.Write(append(connect, 0x30, 0xff, 0xff, 0x3f))
		c.Write(bytes.Repeat([]byte{0}, random.IntN(10_000)))
	}
}

// resident is the memory of p, in bytes.
func resident(t *testing.T, p *program) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		t.Skip("without /proc nobody knows: ", err)
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	kib, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		t.Fatal(err)
	}
	return kib << 10
}
