// Command idle measures what a connection costs that does nothing: it starts a
// broker, opens many connections with a subscription each, and compares the
// resident memory of the broker before and after.
//
//	go run ./bench/idle [-connections N] [-most BYTES] BROKER ARGUMENT...
//
// PORT in an argument is a free port, where the broker is to listen. With -most it
// fails if a connection costs more. bench/idle.sh does it for fletch.
package main

import (
	"bufio"
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/fletchmq/fletch/packets"
)

func main() {
	connections := flag.Int("connections", 19_000, "how many")
	most := flag.Int("most", 0, "fail above so many bytes for each; 0 is never")
	flag.Parse()
	each, err := measure(*connections, flag.Args())
	if err == nil && *most > 0 && each > *most {
		err = fmt.Errorf("expected %d bytes at most", *most)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "idle:", err)
		os.Exit(1)
	}
}

func measure(n int, command []string) (each int, err error) {
	if len(command) == 0 {
		return 0, errors.New("expected the command of a broker")
	}
	port, err := freePort()
	if err != nil {
		return 0, err
	}
	for i, a := range command {
		command[i] = strings.ReplaceAll(a, "PORT", strconv.Itoa(port))
	}
	broker := exec.Command(command[0], command[1:]...)
	if err := broker.Start(); err != nil {
		return 0, err
	}
	defer broker.Wait()
	defer broker.Process.Kill()
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	warm, err := open(address, n, 100) // what the first connections bring does not count
	if err != nil {
		return 0, err
	}
	defer closeAll(warm)
	before, err := settled(broker.Process.Pid)
	if err != nil {
		return 0, err
	}
	conns, err := open(address, 0, n)
	if err != nil {
		return 0, err
	}
	defer closeAll(conns)
	after, err := settled(broker.Process.Pid)
	if err != nil {
		return 0, err
	}
	each = (after - before) / n
	fmt.Printf("%d connections, resident memory %d KiB before and %d KiB after: %d bytes each\n", n, before>>10, after>>10, each)
	return each, nil
}

func freePort() (int, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer ln.Close()
	return ln.Addr().(*net.TCPAddr).Port, nil
}

// settled is the resident memory of a process, in bytes, when that has not become
// less for a while.
func settled(pid int) (int, error) {
	const interval, quiet, most = 500 * time.Millisecond, 10, 240
	least, same := 0, 0
	for range most {
		time.Sleep(interval)
		now, err := resident(pid)
		switch {
		case err != nil:
			return 0, err
		case least == 0 || now < least:
			least, same = now, 0
		default:
			if same++; same == quiet {
				return now, nil
			}
		}
	}
	return least, nil
}

func resident(pid int) (int, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := bytes.Cut(status, []byte("VmRSS:"))
	kib, err := strconv.Atoi(string(bytes.Fields(rest)[0]))
	return kib << 10, err
}

// open opens n connections, some at once, of the clients from first on.
func open(address string, first, n int) (all []net.Conn, err error) {
	const workers = 50
	var (
		mu sync.Mutex
		wg sync.WaitGroup
	)
	for w := range workers {
		wg.Go(func() {
			for i := w; i < n; i += workers {
				c, failed := subscriber(address, first+i)
				mu.Lock()
				if failed != nil {
					err = failed
				} else {
					all = append(all, c)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if err != nil {
		closeAll(all)
	}
	return all, err
}

func closeAll(all []net.Conn) {
	for _, c := range all {
		c.Close()
	}
}

// subscriber is a client that has subscribed to a topic of its own.
func subscriber(address string, i int) (net.Conn, error) {
	c, err := dial(address)
	if err != nil {
		return nil, err
	}
	c.SetDeadline(time.Now().Add(30 * time.Second))
	connect := packets.Connect{ClientID: fmt.Appendf(nil, "client-%05d", i), CleanStart: true, KeepAlive: 600, Version: packets.V311}
	subscribe := packets.Subscribe{PacketID: 1, Filters: []packets.Subscription{{Filter: fmt.Appendf(nil, "dev/%05d/cmd", i)}}}
	b := subscribe.AppendTo(connect.AppendTo(nil, packets.V311), packets.V311)
	if _, err = c.Write(b); err == nil {
		const connack, suback = 4, 5
		_, err = io.ReadFull(bufio.NewReaderSize(c, 16), make([]byte, connack+suback))
	}
	if err != nil {
		c.Close()
		return nil, fmt.Errorf("connection %d: %w", i, err)
	}
	return c, c.SetDeadline(time.Time{})
}

// dial waits for a broker that is about to start.
func dial(address string) (net.Conn, error) {
	const patience = 10 * time.Second
	for start := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		c, err := net.Dial("tcp", address)
		if err == nil || time.Since(start) > patience {
			return c, err
		}
	}
}
