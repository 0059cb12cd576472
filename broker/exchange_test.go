package broker

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/fletchmq/fletch/packets"
)

// careless is a client that keeps its side of the session, and loses its
// connections.
type careless struct {
	*peer
	random   *rand.Rand
	received map[uint16]bool // QoS 2 identifiers until PUBREL
	once     map[string]int  // QoS 2 messages
	last     map[packets.QoS]int
	seen     map[string]bool
}

// step handles one packet, or loses the connection. It is false when nothing
// comes.
func (c *careless) step() bool {
	x, err := c.read(time.Second)
	if err != nil {
		return false
	}
	var answer packets.Packet
	switch p := x.(type) {
	case *packets.Publish:
		answer = c.take(p)
	case *packets.Pubrel:
		delete(c.received, p.PacketID)
		answer = &packets.Pubcomp{PacketID: p.PacketID}
	default:
		c.Fatalf("got %s", x)
	}
	switch c.random.IntN(6) {
	case 0: // the answer is lost, with what is on its way
		c.lose()
		c.peer = c.resume(c.v, "careless", func(p *packets.Connect) { p.Props.SetReceiveMaximum(uint16(1 + c.random.IntN(9))) })
	default:
		c.send(answer)
	}
	return true
}

// take checks a message: what is new comes in its order, what is not has DUP.
func (c *careless) take(p *packets.Publish) packets.Packet {
	var n int
	fmt.Sscan(string(p.Payload), &n)
	key := fmt.Sprint(p.QoS, "/", n)
	if c.seen[key] && !p.Dup {
		c.Errorf("again without DUP: %s", p)
	}
	if !c.seen[key] && n != c.last[p.QoS]+1 {
		c.Errorf("%s comes after %d", p, c.last[p.QoS])
	}
	if c.seen[key] = true; n > c.last[p.QoS] {
		c.last[p.QoS] = n
	}
	if p.QoS == packets.AtLeastOnce {
		return &packets.Puback{PacketID: p.PacketID}
	}
	if !c.received[p.PacketID] {
		c.received[p.PacketID] = true
		c.once[string(p.Payload)]++
	}
	return &packets.Pubrec{PacketID: p.PacketID}
}

// Whatever exchange a connection is lost in, QoS 2 comes once, QoS 1 at least
// once, and both in order. [MQTT-4.3.3-10] [MQTT-4.4.0-1] [MQTT-4.6.0-1]
// [MQTT-4.6.0-6] [MQTT3-4.6.0-5]
func TestExchangesSurvive(t *testing.T) {
	for seed := range uint64(20) {
		v := versions[seed%3]
		run(t, Config{}, func(w *world) {
			a := w.join(packets.V5, "a")
			c := &careless{
				peer: w.join(v, "careless", keeping(forever)), random: rand.New(rand.NewPCG(seed, 1)),
				received: map[uint16]bool{}, once: map[string]int{}, last: map[packets.QoS]int{}, seen: map[string]bool{},
			}
			c.subscribe("x", 2)
			const n = 60
			for i := 1; i <= n; i++ {
				for qos := packets.QoS(1); qos <= 2; qos++ {
					a.passes(message("x", fmt.Sprint(i), qos))
				}
				if c.random.IntN(2) == 0 {
					c.step()
				}
			}
			for c.step() {
			}
			if len(c.once) != n || c.last[1] != n || len(c.received) != 0 {
				t.Errorf("seed %d: %d at QoS 2, the last at QoS 1 is %d, %d are open", seed, len(c.once), c.last[1], len(c.received))
			}
			for payload, times := range c.once {
				if times != 1 {
					t.Errorf("seed %d: %s came %d times", seed, payload, times)
				}
			}
		})
	}
}
