package broker

import (
	"fmt"
	"testing"

	"github.com/fletchmq/fletch/packets"
)

// Behind DISCONNECT, and where 3.1 and 3.1.1 have none behind what was sent before,
// comes nothing but the end, though there is more to send. [MQTT-3.14.4-1]
// [MQTT-3.14.4-2] [MQTT-4.13.2-1]
func TestV5_3_14_4_1_DisconnectIsTheLast(t *testing.T) {
	for _, v := range versions {
		run(t, Config{}, func(w *world) {
			pub, a := w.join(packets.V5, "pub"), w.join(v, "a", keeping(60))
			a.subscribe("x", 1)
			a.hex("00 00") // a packet of no type
			w.settle()
			for i := range 10 {
				pub.passes(message("x", fmt.Sprint(i), 1))
			}
			w.settle()
			a.ended(packets.MalformedPacket)
			a = w.resume(v, "a")
			for i := range 10 {
				a.want(fmt.Sprintf(`PUBLISH qos=1 topic=x packet-id=%d payload="%d"`, i+1, i))
			}
		})
	}
}
