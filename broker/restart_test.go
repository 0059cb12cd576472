package broker

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/fletchmq/fletch/broker/store"
	"github.com/fletchmq/fletch/packets"
)

// slow is a store on a disk that may be busy: commits wait while it is.
type slow struct {
	*store.Memory
	mu   sync.Mutex
	gate chan struct{} // nil while commits do not wait
}

// Commit implements store.Store.
func (s *slow) Commit(b *store.Batch) error {
	s.mu.Lock()
	gate := s.gate
	s.mu.Unlock()
	if gate != nil {
		<-gate
	}
	return s.Memory.Commit(b)
}

// Get implements store.Store. Others get on with their work meanwhile.
func (s *slow) Get(dst, key []byte) ([]byte, error) {
	time.Sleep(time.Millisecond)
	return s.Memory.Get(dst, key)
}

func (s *slow) hold() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gate = make(chan struct{})
}

func (s *slow) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gate != nil {
		close(s.gate)
		s.gate = nil
	}
}

// runStored runs f with a broker that has a store, once for each engine.
func runStored(t *testing.T, config Config, f func(w *world)) {
	t.Helper()
	runInMemory(t, config, func(w *world) {
		w.shutDown()
		w.config.Store = &slow{Memory: new(store.Memory)}
		w.begin()
		defer func() {
			w.release()
			w.kept().Refuse(nil)
		}()
		f(w)
	})
}

func (w *world) kept() *store.Memory {
	if s, ok := w.config.Store.(*slow); ok {
		return s.Memory
	}
	return w.config.Store.(*store.Memory)
}

// hold lets commits wait until release.
func (w *world) hold()    { w.config.Store.(*slow).hold() }
func (w *world) release() { w.config.Store.(*slow).release() }

// commitOne lets one commit go on.
func (w *world) commitOne() {
	s := w.config.Store.(*slow)
	s.gate <- struct{}{}
	w.settle()
}

// crash plays the end of the process, and of all its connections: what is not
// committed is lost. Another broker begins with the rest.
func (w *world) crash() {
	w.Helper()
	w.kill()
	w.begin()
}

// kill is the first half of crash.
func (w *world) kill() {
	w.Helper()
	w.settle()
	s := w.config.Store.(*slow)
	kept := s.Memory.Restart()
	s.release() // who waits learns that it is too late
	for _, nc := range w.conns {
		nc.Close()
	}
	w.shutDown()
	w.config.Store = &slow{Memory: kept}
}

// restart ends the broker in good order, and begins another with what it has stored.
func (w *world) restart() {
	w.Helper()
	w.shutDown()
	w.config.Store = &slow{Memory: w.kept().Restart()}
	w.begin()
}

func (w *world) shutDown() {
	w.Helper()
	if err := w.b.Shutdown(context.Background()); err != nil {
		w.Errorf("Shutdown: %v", err)
	}
	w.conns = nil
}

func (w *world) begin() {
	w.Helper()
	b, err := New(w.config)
	if err != nil {
		w.Fatal(err)
	}
	w.b = b
	w.pipe()
}

// absent is a session with these subscriptions at QoS 2, whose client is not there.
func (w *world) absent(v packets.Version, id string, filters ...string) {
	w.Helper()
	p := w.join(v, id, keeping(forever))
	for _, filter := range filters {
		p.subscribe(filter, 2)
	}
	p.settle() // or it may miss that there are no retained messages, which then wait for it
	p.lose()
}

// modern are the versions whose clients have sessions that resume as the standard says.
var modern = []packets.Version{packets.V311, packets.V5}

// again is what a client sends again.
func again(m *packets.Publish) { m.Dup = true }
