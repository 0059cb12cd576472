package client_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fletchmq/fletch/client"
	"github.com/fletchmq/fletch/client/store"
	"github.com/fletchmq/fletch/packets"
	"github.com/fletchmq/fletch/packets/frame"
)

// keptWorld is a server, a Store, and clients of which each is killed before the next
// begins, or only loses its connection. Everything that one end can see of the other,
// and every Commit, is an event, and at one of them the cut is made. Behind it nothing
// of what is cut off reaches the server or the Store.
type keptWorld struct {
	t       *testing.T
	version packets.Version
	kills   bool // the cut kills the process, and not only its connection
	loses   bool // with the cut the server loses the session

	mu      sync.Mutex
	memory  *store.Memory
	process int // the one that lives
	link    int // the connection that is open
	conn    net.Conn
	events  int
	cutAt   int
	server  keptServer

	accepted  []string // by PublishAsync
	delivered map[string]*client.Delivery
	handled   []string
	again     map[string]bool // handled with Dup
	kept      map[string]bool // stored as handled
	lost      map[string]bool // by the server, with the session
}

var errKilled = errors.New("the process is gone")

func newKeptWorld(t *testing.T, v packets.Version, kills, loses bool, cutAt int) *keptWorld {
	w := &keptWorld{
		t: t, version: v, kills: kills, loses: loses, cutAt: cutAt, memory: store.NewMemory(),
		delivered: map[string]*client.Delivery{}, again: map[string]bool{}, kept: map[string]bool{}, lost: map[string]bool{},
	}
	w.server = keptServer{w: w, held: map[uint16]string{}, released: map[string]bool{}}
	return w
}

// happens counts an event, with mu, and makes the cut.
func (w *keptWorld) happens() {
	if w.events++; w.events != w.cutAt {
		return
	}
	w.cut()
}

func (w *keptWorld) cut() {
	if w.kills {
		w.process++
	}
	w.link++
	if w.conn != nil {
		w.conn.Close()
	}
	if w.loses {
		w.server.lose()
	}
}

// mortal is the Store of one process.
type mortal struct {
	w       *keptWorld
	process int
}

func (m mortal) Load(put func(key uint64, value []byte) error) error { return m.w.memory.Load(put) }
func (m mortal) Close() error                                        { return nil }

func (m mortal) Commit(b *store.Batch) error {
	w := m.w
	w.mu.Lock()
	defer w.mu.Unlock()
	if m.process == w.process {
		w.happens()
	}
	if m.process != w.process {
		return errKilled
	}
	if err := w.memory.Commit(b); err != nil {
		return err
	}
	for op := range b.All() {
		if op.Key>>56 == keptHeld && !op.Delete {
			w.kept[w.server.sending(uint16(op.Key))] = true
		}
	}
	w.happens()
	return nil
}

// Kinds of records.
const (
	keptReleased = 1
	keptMessage  = 2
	keptHeld     = 3
)

// stores reports whether there is such a record, with that in its value.
func (w *keptWorld) stores(kind uint64, value string) (found bool) {
	w.memory.Load(func(key uint64, v []byte) error {
		found = found || key>>56 == kind && bytes.Contains(v, []byte(value))
		return nil
	})
	return found
}

func (w *keptWorld) storesHeld(id uint16) (found bool) {
	w.memory.Load(func(key uint64, _ []byte) error {
		found = found || key == keptHeld<<56|uint64(id)
		return nil
	})
	return found
}

// dialer is Config.Dialer of one process.
func (w *keptWorld) dialer(process int) func(context.Context, string, string) (net.Conn, error) {
	return func(context.Context, string, string) (net.Conn, error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		if process != w.process {
			return nil, errKilled
		}
		near, far := net.Pipe()
		w.link++
		w.conn = far
		go w.serve(far, w.link)
		return near, nil
	}
}

// serve is the server's end of a connection.
func (w *keptWorld) serve(conn net.Conn, link int) {
	defer conn.Close()
	frames := frame.NewReader(conn)
	frames.Version = w.version
	var dec packets.FromClient
	for {
		first, body, err := frames.Next()
		if err != nil {
			return
		}
		p, err := dec.Decode(first, body, w.version)
		if err != nil {
			w.t.Errorf("server: %v", err)
			return
		}
		w.mu.Lock()
		if link == w.link {
			w.happens() // before the server has it
		}
		var answers []packets.Packet
		if link == w.link {
			answers = w.server.take(p)
			w.happens() // before the client has an answer
		}
		w.mu.Unlock()
		for _, a := range answers {
			w.mu.Lock()
			gone := link != w.link
			w.mu.Unlock()
			if gone {
				return
			}
			if _, err := conn.Write(a.AppendTo(nil, w.version)); err != nil {
				return
			}
			w.mu.Lock()
			if link == w.link {
				w.happens() // when the client has it
			}
			w.mu.Unlock()
		}
	}
}

// start is the client of the process that lives.
func (w *keptWorld) start() *client.Client {
	w.mu.Lock()
	process := w.process
	w.mu.Unlock()
	c, err := client.Start(w.t.Context(), "server", client.Config{
		Version: w.version, ClientID: "x", KeepSession: true, KeepAlive: -1,
		Store: mortal{w, process}, Dialer: w.dialer(process),
		Handler: func(m *client.Message) error { return w.handle(process, m) },
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

func (w *keptWorld) handle(process int, m *client.Message) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if process != w.process {
		return errKilled
	}
	name := string(m.Payload)
	if w.kept[name] {
		w.t.Errorf("%s is handled again, and that it was is stored", name)
	}
	w.handled = append(w.handled, name)
	w.again[name] = m.Dup
	w.happens()
	return nil
}

// publish has the messages of those numbers accepted, while its process lives.
func (w *keptWorld) publish(c *client.Client, from, to int) {
	w.mu.Lock()
	process := w.process
	w.mu.Unlock()
	for i := from; i < to; i++ {
		name := fmt.Sprintf("out-%02d-qos%d", i, 1+min(1, i%3))
		d, err := c.PublishAsync(context.Background(), client.Message{Topic: "t", Payload: []byte(name), QoS: qosOf(name)})
		w.mu.Lock()
		if err == nil && process == w.process {
			w.accepted = append(w.accepted, name)
			w.delivered[name] = d
		}
		w.mu.Unlock()
	}
}

func qosOf(name string) packets.QoS { return packets.QoS(name[len(name)-1] - '0') }

// run is one life with a cut, and one behind it. It reports whether there was a cut.
func (w *keptWorld) run() bool {
	for i := range 6 {
		w.server.queue(i)
	}
	c := w.start()
	done := make(chan struct{})
	go func() { defer close(done); w.publish(c, 0, 6) }()
	time.Sleep(time.Minute) // of the clock of the bubble: all comes to rest
	w.mu.Lock()
	cut := w.events >= w.cutAt
	w.cutAt = 0
	if !cut && w.kills {
		w.cut() // when everything is done
	}
	w.mu.Unlock()
	if w.kills {
		c.Close()
		<-done
		c = w.start()
	}
	<-done
	w.mu.Lock()
	for i := 6; i < 10; i++ {
		w.server.queue(i)
	}
	w.mu.Unlock()
	w.publish(c, 6, 10)
	time.Sleep(time.Minute)
	synctest.Wait()
	w.check()
	if err := c.Close(); err != nil {
		w.t.Error(err)
	}
	return cut
}
