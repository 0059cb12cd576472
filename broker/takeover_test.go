package broker

import (
	"fmt"
	"testing"

	"github.com/fletchmq/fletch/packets"
)

// Who says DISCONNECT and comes back at once has said it: its will is not
// published, though the new connection may be looked at first. [MQTT-3.14.4-3]
// [MQTT3-3.14.4-3]
func TestDisconnectIsReadBeforeTakeover(t *testing.T) {
	for name, engine := range map[string]Engine{"loops": EventLoops, "goroutines": Goroutines} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, Config{Engine: engine, Loops: 2})
			address := w.serve()
			watcher := w.tcp(address, packets.V5)
			watcher.connect("watcher")
			watcher.next()
			watcher.subscribe("will", 0)
			const rounds = 200
			for i := range rounds {
				p := w.tcp(address, packets.V311)
				p.connect("a", will("will", fmt.Sprint(i)))
				p.want("CONNACK")
				p.send(&packets.Disconnect{})
				p.nc.Close()
			}
			watcher.send(message("will", "none", 0))
			watcher.want(`PUBLISH topic=will payload="none"`)
		})
	}
}
