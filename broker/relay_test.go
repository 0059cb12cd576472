package broker

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/fletchmq/fletch/packets"
)

// onwards is n messages, most of them such that their bytes go on as they came, of all
// sizes, each of which says which one it is.
func onwards(r *rand.Rand, v packets.Version, n int) (all []packets.Packet) {
	for i := range n {
		size := []int{0, 10, 300, sendInPlace, 3 * sendInPlace, 70_000}[r.IntN(6)]
		m := message(fmt.Sprint("x/", i%3), fmt.Sprintf("%d %s", i, strings.Repeat(string(rune('a'+i%26)), size)), packets.QoS(r.IntN(8)/7))
		m.PacketID = uint16(m.QoS) * uint16(i+1)
		if v == packets.V5 && i%2 == 0 {
			m.Props.AddUserProperty([]byte("i"), fmt.Append(nil, i))
		}
		if v == packets.V5 && i%5 == 1 { // what is neither part of what receivers get, nor always the same
			m.Props.SetTopicAlias(uint16(1 + i%3))
			m.Props.SetMessageExpiryInterval(1000)
		}
		all = append(all, m)
	}
	return all
}

// cutUp writes packets in pieces that end anywhere.
func (p *peer) cutUp(r *rand.Rand, all []packets.Packet) {
	p.Helper()
	var b []byte
	for _, x := range all {
		b = x.AppendTo(b, p.v)
	}
	for len(b) > 0 {
		n := min(1+r.IntN(100_000), len(b))
		p.write(b[:n])
		b = b[n:]
	}
}

// Whatever way a message takes, its receivers get it as it was published, in order: those
// of another version, those that ask for more than its bytes, and those that are slow.
// [MQTT-4.6.0-5] [MQTT-4.6.0-6]
func TestRelay(t *testing.T) {
	for _, from := range versions {
		run(t, Config{MaximumQueuedBytes: 64 << 20, TopicAliasMaximum: 5, SysInterval: -1}, func(w *world) {
			const n = 60
			r := rand.New(rand.NewPCG(1, uint64(from)))
			a := w.join(from, "a")
			var receivers []*peer
			for _, v := range versions {
				b := w.join(v, fmt.Sprint("b", v))
				b.subscribe("x/#", 1)
				c := w.join(v, fmt.Sprint("c", v))
				c.subscribe("x/#", 0)
				receivers = append(receivers, b, c)
			}
			labeled := w.join(packets.V5, "labeled")
			labeled.labeled(3, "x/+", 0)
			receivers = append(receivers, labeled)
			all := onwards(r, from, n)
			sent := make(chan bool)
			go func() {
				defer close(sent)
				a.cutUp(r, all)
			}()
			go func() {
				for {
					if _, err := a.read(1 << 40); err != nil {
						return
					}
				}
			}()
			<-sent
			w.settle()
			for _, p := range receivers {
				p.getsAll(all, from)
			}
		})
	}
}

// getsAll expects these messages, in version from.
func (p *peer) getsAll(all []packets.Packet, from packets.Version) {
	p.Helper()
	for i, x := range all {
		want := x.(*packets.Publish)
		got, ok := p.next().(*packets.Publish)
		if !ok || string(got.Topic) != string(want.Topic) || string(got.Payload) != string(want.Payload) {
			p.Fatalf("message %d is %.60s, want %.60s", i, got, want)
		}
		if got.QoS > 0 {
			p.send(&packets.Puback{PacketID: got.PacketID})
		}
		if kept := from == packets.V5 && p.v == packets.V5 && i%2 == 0; kept != got.Props.Has().Has(packets.PropUserProperty) {
			p.Fatalf("message %d has user properties: %t", i, !kept)
		}
	}
}
