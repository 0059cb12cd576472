package broker

import (
	"strings"
	"testing"

	"github.com/fletchmq/fletch/packets"
)

// A bridge of Mosquitto gets what others publish, with RETAIN as it was, and not
// what it has brought itself, but as one of many that share.
func TestBridgeBit(t *testing.T) {
	for v, connect := range map[packets.Version]string{
		packets.V31:  "10 0f 0006 4d5149736470 83 02 003c 0001 61",
		packets.V311: "10 0d 0004 4d515454 84 02 003c 0001 61",
	} {
		run(t, Config{}, func(w *world) {
			a := w.dial(v)
			a.hex(connect)
			if p, ok := a.next().(*packets.Connack); !ok || p.Reason != packets.Success {
				t.Fatalf("CONNACK %v", p)
			}
			a.subscribe("x/#", 0)
			a.subscribe("$share/g/y", 0)
			b := w.join(v, "b")
			b.subscribe("#", 0)
			a.send(message("x/a", "own", 0, retained), message("y", "", 0))
			b.want(`PUBLISH topic=x/a payload="own"`, `PUBLISH topic=y payload=""`)
			a.want(`PUBLISH topic=y payload=""`)
			b.send(message("x/b", "", 0, retained))
			a.want(`PUBLISH retain topic=x/b payload=""`)
			a.quiet()
			if log := w.log.String(); strings.Contains(log, "level=WARN") {
				t.Error(log)
			}
		})
	}
}

// The bit belongs to 3.1 and 3.1.1: with any other level there is no such protocol.
func TestBridgeBitOfOtherLevels(t *testing.T) {
	run(t, Config{}, func(w *world) {
		a := w.dial(packets.V5)
		a.hex("10 0e 0004 4d515454 85 02 003c 00 0001 61")
		a.want(`CONNACK reason=0x84`)
		a.closed()
	})
}
