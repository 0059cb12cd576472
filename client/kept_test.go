package client_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/fletchmq/fletch/client"
	"github.com/fletchmq/fletch/packets"
)

// Whatever a process has stored or sent when it is killed, and whatever has come of an
// exchange when its connection ends: what was accepted is published, at QoS 2 once and
// never behind its PUBREL, in order; what was handled at QoS 2 is not handled again.
// [MQTT-4.1.0-1] [MQTT-4.1.0-2] [MQTT-4.3.3-6] [MQTT-4.3.3-10] [MQTT-4.6.0-1]
// [MQTT3-4.1.0-1] [MQTT3-4.3.3-2] [MQTT3-4.6.0-1]
func TestStoreCutAnywhere(t *testing.T) {
	for _, v := range []packets.Version{packets.V311, packets.V5} {
		for _, kills := range []bool{true, false} {
			for _, loses := range []bool{false, true} {
				t.Run(fmt.Sprintf("%v kills=%v loses=%v", v, kills, loses), func(t *testing.T) {
					for cut, more := 1, true; more && !t.Failed(); cut++ {
						synctest.Test(t, func(t *testing.T) {
							more = newKeptWorld(t, v, kills, loses, cut).run()
							if t.Failed() {
								t.Logf("with the cut at event %d", cut)
							}
						})
					}
				})
			}
		}
	}
}

// check is at rest.
func (w *keptWorld) check() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.checkPublished()
	w.checkHandled()
	w.memory.Load(func(key uint64, value []byte) error {
		if key != 0 {
			w.t.Errorf("record %x is left: %q", key, value)
		}
		return nil
	})
}

func (w *keptWorld) checkPublished() {
	var first []string
	for _, name := range w.server.ledger {
		switch {
		case !slices.Contains(first, name):
			first = append(first, name)
		case qosOf(name) == packets.ExactlyOnce && !w.loses:
			w.t.Errorf("%s is published twice", name)
		}
	}
	if !slices.IsSorted(first) {
		w.t.Errorf("the order is %v", first)
	}
	for _, name := range w.accepted {
		err := w.delivered[name].Err()
		if !slices.Contains(first, name) && !errors.Is(err, client.ErrUnknown) {
			w.t.Errorf("%s is not published, and its Delivery says: %v", name, err)
		}
	}
}

func (w *keptWorld) checkHandled() {
	if n := len(w.server.waiting) + len(w.server.flight); n > 0 {
		w.t.Errorf("%d messages are not acknowledged", n)
	}
	seen := map[string]int{}
	for _, name := range w.handled {
		seen[name]++
	}
	for i := range 10 {
		name := fmt.Sprintf("in-%02d-qos%d", i, 1+min(1, i%3))
		switch n := seen[name]; {
		case n == 0 && !w.lost[name]:
			w.t.Errorf("%s is not handled", name)
		case n > 1 && !w.again[name]:
			w.t.Errorf("%s is handled twice, and the second time has no Dup", name)
		case n > 1 && qosOf(name) == packets.ExactlyOnce && !w.kills:
			w.t.Errorf("%s is handled twice by one process", name)
		}
	}
}
