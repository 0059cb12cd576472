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
	p.lose()
}

// modern are the versions whose clients have sessions that resume as the standard says.
var modern = []packets.Version{packets.V311, packets.V5}

// again is what a client sends again.
func again(m *packets.Publish) { m.Dup = true }

// A message at QoS 2 is delivered once, wherever the process ends on its way in, and
// its identifier can be used again afterwards. [MQTT-4.3.3-7] to [MQTT-4.3.3-12]
// [MQTT3-4.3.3-2] [MQTT-4.4.0-1]
func TestCrashWhileReceivingQoS2(t *testing.T) {
	const (
		publishLost = iota
		pubrecLost
		pubrelLost
		pubcompLost
		cuts
	)
	for _, v := range modern {
		for cut := range cuts {
			runStored(t, Config{}, func(w *world) {
				w.absent(v, "b", "x")
				a := w.join(v, "a", keeping(forever))
				if cut == publishLost {
					w.hold()
				}
				a.send(message("x", "one", 2, numbered(7)))
				if cut >= pubrelLost {
					a.want("PUBREC packet-id=7")
					if cut == pubrelLost {
						w.hold()
					}
					a.send(&packets.Pubrel{PacketID: 7})
				}
				if cut == publishLost || cut == pubrelLost {
					a.quiet()
				}
				w.crash()

				a = w.resume(v, "a")
				if cut <= pubrecLost {
					a.send(message("x", "one", 2, numbered(7), again))
					a.want("PUBREC packet-id=7")
				}
				a.send(&packets.Pubrel{PacketID: 7})
				if cut == pubcompLost && v == packets.V5 {
					a.want("PUBCOMP packet-id=7 reason=0x92")
				} else {
					a.want("PUBCOMP packet-id=7")
				}
				a.passes(message("x", "two", 2, numbered(7)))
				b := w.resume(v, "b")
				b.want(`PUBLISH qos=2 topic=x packet-id=1 payload="one"`, `PUBLISH qos=2 topic=x packet-id=2 payload="two"`)
				b.quiet()
			})
		}
	}
}

// A message at QoS 2 is sent until PUBREC, and PUBREL until PUBCOMP, wherever the
// process ends on its way out. [MQTT-4.3.3-1] to [MQTT-4.3.3-6] [MQTT3-4.3.3-1]
// [MQTT-4.4.0-1] [MQTT-3.3.1-1]
func TestCrashWhileSendingQoS2(t *testing.T) {
	const (
		publishLost = iota
		pubrecLost
		pubrelLost
		pubcompLost
		nothingLost
		cuts
	)
	for _, v := range modern {
		for cut := range cuts {
			runStored(t, Config{}, func(w *world) {
				a, b := w.join(v, "a"), w.join(v, "b", keeping(forever))
				b.subscribe("x", 2)
				a.passes(message("x", "one", 2), message("x", "two", 2))
				b.want(`PUBLISH qos=2 topic=x packet-id=1 payload="one"`, `PUBLISH qos=2 topic=x packet-id=2 payload="two"`)
				if cut > publishLost {
					if cut == pubrecLost {
						w.hold()
					}
					b.send(&packets.Pubrec{PacketID: 1})
				}
				if cut == pubrecLost {
					b.quiet()
				}
				if cut >= pubcompLost {
					b.want("PUBREL packet-id=1")
					b.send(&packets.Pubcomp{PacketID: 1})
				}
				if cut == nothingLost {
					b.quiet() // long enough for the next commit
				}
				w.crash()

				b = w.resume(v, "b")
				switch cut {
				case publishLost, pubrecLost:
					b.want(`PUBLISH dup qos=2 topic=x packet-id=1 payload="one"`)
					b.send(&packets.Pubrec{PacketID: 1})
				}
				if cut >= pubrelLost && cut <= pubcompLost {
					b.want("PUBREL packet-id=1")
				}
				b.want(`PUBLISH dup qos=2 topic=x packet-id=2 payload="two"`)
				if cut < pubrelLost {
					b.want("PUBREL packet-id=1")
				}
				if cut != nothingLost {
					b.send(&packets.Pubcomp{PacketID: 1})
				}
				b.send(&packets.Pubrec{PacketID: 2})
				b.want("PUBREL packet-id=2")
				b.send(&packets.Pubcomp{PacketID: 2})
				w.join(v, "a").passes(message("x", "three", 2))
				b.want(`PUBLISH qos=2 topic=x packet-id=3 payload="three"`)
				b.quiet()
			})
		}
	}
}

// A message at QoS 1 is delivered at least once, wherever the process ends, and what
// may have been sent has its identifier and DUP. [MQTT-4.3.2-1] to [MQTT-4.3.2-5]
// [MQTT3-4.3.2-1] [MQTT3-4.3.2-2]
func TestCrashAtQoS1(t *testing.T) {
	for _, v := range modern {
		runStored(t, Config{}, func(w *world) {
			w.absent(v, "absent", "x")
			a, b := w.join(v, "a", keeping(forever)), w.join(v, "b", keeping(forever))
			b.subscribe("x", 1)
			a.passes(message("x", "acknowledged", 1))
			b.want(`PUBLISH qos=1 topic=x packet-id=1 payload="acknowledged"`)
			b.send(&packets.Puback{PacketID: 1})
			b.quiet()
			a.passes(message("x", "sent", 1))
			b.want(`PUBLISH qos=1 topic=x packet-id=2 payload="sent"`)
			w.hold()
			a.send(message("x", "lost", 1, numbered(3)))
			a.quiet()
			w.crash()

			a, b = w.resume(v, "a"), w.resume(v, "b")
			a.passes(message("x", "lost", 1, numbered(3), again))
			b.want(`PUBLISH dup qos=1 topic=x packet-id=2 payload="sent"`, `PUBLISH qos=1 topic=x packet-id=3 payload="lost"`)
			b.send(&packets.Puback{PacketID: 2}, &packets.Puback{PacketID: 3})
			b.quiet()
			absent := w.resume(v, "absent")
			absent.want(`PUBLISH qos=1 topic=x packet-id=1 payload="acknowledged"`, `PUBLISH qos=1 topic=x packet-id=2 payload="sent"`,
				`PUBLISH qos=1 topic=x packet-id=3 payload="lost"`)
			absent.lose()
			w.crash()
			w.resume(v, "b").quiet()
			absent = w.resume(v, "absent") // what was sent to it is known since it has gone
			absent.want(`PUBLISH dup qos=1 topic=x packet-id=1 payload="acknowledged"`, `PUBLISH dup qos=1 topic=x packet-id=2 payload="sent"`,
				`PUBLISH dup qos=1 topic=x packet-id=3 payload="lost"`)
		})
	}
}
