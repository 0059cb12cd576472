package client_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fletchmq/fletch/broker"
	"github.com/fletchmq/fletch/client"
	"github.com/fletchmq/fletch/client/store"
	"github.com/fletchmq/fletch/packets"
)

const (
	kills   = 3
	perLife = 1_000_000 // more than the messages of one process
)

// Where the process that is to be killed finds what it needs.
const (
	killedAddress = "FLETCH_TEST_KILLED_ADDRESS"
	killedDir     = "FLETCH_TEST_KILLED_DIR"
	killedLife    = "FLETCH_TEST_KILLED_LIFE"
)

// A process that is killed, again and again, over TCP and with a directory.
func TestStoreKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	b, stop := start(broker.Config{Logger: slog.New(slog.DiscardHandler)})
	defer stop()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go b.Serve(t.Context(), l)
	c := dial(b, client.Config{})
	defer c.Close()
	k := killed{t: t, address: l.Addr().String(), dir: t.TempDir(), handled: map[string]int{}}
	got, total := make(chan int, 1<<16), 0
	err = c.Subscribe(t.Context(), "out", packets.ExactlyOnce, func(m *client.Message) error {
		i, err := strconv.Atoi(string(m.Payload))
		got <- i
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for life := range kills {
		total += k.live(life, 20+rand.IntN(50), func(n int) {
			m := client.Message{Topic: "in", QoS: 2, Payload: []byte(strconv.Itoa(life*perLife + n))}
			if err := c.Publish(t.Context(), m); err != nil {
				t.Error(err)
			}
		})
	}
	k.check(got, total)
}

// killed is the processes from without.
type killed struct {
	t            *testing.T
	address, dir string
	accepted     []int
	handled      map[string]int
}

// start starts a process.
func (k *killed) start(life int) (*exec.Cmd, io.Closer, *bufio.Scanner) {
	cmd := exec.Command(os.Args[0], "-test.run=^TestStoreKilledProcess$")
	cmd.Env = append(os.Environ(), killedAddress+"="+k.address, killedDir+"="+k.dir, fmt.Sprintf("%s=%d", killedLife, life))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		k.t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		k.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		k.t.Fatal(err)
	}
	return cmd, in, bufio.NewScanner(out)
}

// live kills a process that has had so many messages accepted, and sends it as many,
// whose number it gives.
func (k *killed) live(life, until int, send func(n int)) (sent int) {
	cmd, _, lines := k.start(life)
	n := 0
	for lines.Scan() {
		what, value, _ := strings.Cut(lines.Text(), " ")
		switch what {
		case "accepted":
			i, _ := strconv.Atoi(value)
			k.accepted = append(k.accepted, i)
			if n++; n <= until {
				send(n)
				sent++
			}
			if n == until {
				cmd.Process.Kill()
			}
		case "handled":
			k.handled[value]++
		default:
			k.t.Log(lines.Text())
		}
	}
	if n < until {
		k.t.Errorf("the process ended by itself")
	}
	cmd.Wait()
	return sent
}

// check lets a last process do what is left.
func (k *killed) check(got <-chan int, sent int) {
	cmd, in, lines := k.start(-1)
	read, all := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(read)
		if len(k.handled) == sent {
			close(all)
		}
		for lines.Scan() {
			value, ok := strings.CutPrefix(lines.Text(), "handled ")
			if !ok {
				continue
			}
			if k.handled[value]++; k.handled[value] == 1 && len(k.handled) == sent {
				close(all)
			}
		}
	}()
	last, seen := -1, map[int]bool{}
	for _, i := range k.accepted {
		for !seen[i] {
			select {
			case j := <-got:
				if seen[j] && j%2 == 0 {
					k.t.Errorf("%d is published twice at QoS 2", j)
				}
				if !seen[j] && j < last {
					k.t.Errorf("%d is published behind %d", j, last)
				}
				seen[j], last = true, max(last, j)
			case <-time.After(20 * time.Second):
				k.t.Fatalf("%d is not published", i)
			}
		}
	}
	select {
	case <-all:
	case <-time.After(20 * time.Second):
		k.t.Error("not all is handled")
	}
	in.Close()
	<-read
	if err := cmd.Wait(); err != nil {
		k.t.Errorf("the last process: %v", err)
	}
	twice := 0
	for _, n := range k.handled {
		twice += n - 1
	}
	if twice > kills {
		k.t.Errorf("%d of %d messages are handled twice", twice, sent)
	}
}

// TestStoreKilledProcess is the process: it publishes until it is killed, or if it is
// the last one nothing, and ends when it is told to.
func TestStoreKilledProcess(t *testing.T) {
	dir := os.Getenv(killedDir)
	if dir == "" {
		t.Skip("for TestStoreKilled")
	}
	life, _ := strconv.Atoi(os.Getenv(killedLife))
	kept, err := store.OpenDir(dir, store.DirOptions{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer kept.Close()
	handler := func(m *client.Message) error {
		_, err := fmt.Printf("handled %s\n", m.Payload)
		return err
	}
	c, err := client.Start(context.Background(), os.Getenv(killedAddress), client.Config{
		ClientID: "killed", KeepSession: true, Store: kept, MaximumQueued: 32, Handler: handler,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Subscribe(context.Background(), "in", packets.ExactlyOnce, handler); err != nil {
		t.Fatal(err)
	}
	if life < 0 {
		io.Copy(io.Discard, os.Stdin)
		return
	}
	for i := life * perLife; ; i++ {
		m := client.Message{Topic: "out", QoS: packets.QoS(2 - i%2), Payload: []byte(strconv.Itoa(i))}
		if _, err := c.PublishAsync(context.Background(), m); err != nil {
			t.Fatal(err)
		}
		fmt.Printf("accepted %d\n", i)
	}
}
