package broker

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/fletchmq/fletch/packets"
)

// What a client may hold at QoS 2 is ended with PUBREL, though it has expired and nobody
// knows whether it was sent: its identifier would mean this message for ever.
func TestCrashBehindWhatExpires(t *testing.T) {
	for _, v := range modern {
		runStored(t, Config{MaximumInFlight: 1}, func(w *world) {
			w.absent(v, "s", "#")
			pub := w.join(packets.V5, "pub")
			pub.passes(message("t", "1", 1))
			pub.passes(message("t", "2", 2, lasting(5)))
			pub.lose()
			s := w.resume(v, "s")
			w.hold()
			p, _ := s.next().(*packets.Publish)
			s.send(&packets.Puback{PacketID: p.PacketID})
			held, _ := s.next().(*packets.Publish)
			id := held.PacketID
			w.crash()
			time.Sleep(10 * time.Second)
			s = w.resume(v, "s")
			p, _ = s.next().(*packets.Publish)
			s.send(&packets.Puback{PacketID: p.PacketID})
			s.want(fmt.Sprintf("PUBREL packet-id=%d", id))
			s.send(&packets.Pubcomp{PacketID: id})
			s.quiet()
		})
	}
}

// A client that has acknowledged more than was stored when the broker crashes is sent
// all of it again with DUP, also what was sent beyond MaximumInFlight messages
// [MQTT-3.3.1-1] [MQTT3-3.3.1-1], and however often the broker crashes and restarts
// before that.
func TestCrashBehindAcknowledgements(t *testing.T) {
	for _, v := range modern {
		runStored(t, Config{MaximumInFlight: 2}, func(w *world) {
			w.absent(v, "s", "#")
			pub := w.join(v, "pub")
			for i := range 4 {
				pub.passes(message("t", fmt.Sprint(i), 1))
			}
			pub.passes(message("t", "4", 2))
			pub.lose()

			s := w.resume(v, "s")
			w.hold()
			for i := range 4 {
				p, _ := s.next().(*packets.Publish)
				if p == nil || p.Dup || string(p.Payload) != fmt.Sprint(i) {
					w.Fatalf("message %d: got %v", i, p)
				}
				s.send(&packets.Puback{PacketID: p.PacketID})
			}
			if p, _ := s.next().(*packets.Publish); p == nil || p.Dup || p.QoS != packets.ExactlyOnce {
				w.Fatalf("the last: got %v", p)
			}
			w.crash()
			w.crash()
			w.restart()
			w.resume(v, "s").lose()
			w.restart()

			s = w.resume(v, "s")
			for i := range 5 {
				p, _ := s.next().(*packets.Publish)
				if p == nil || !p.Dup || string(p.Payload) != fmt.Sprint(i) {
					w.Fatalf("message %d again: got %v", i, p)
				}
				if p.QoS == packets.AtLeastOnce {
					s.send(&packets.Puback{PacketID: p.PacketID})
				} else {
					s.send(&packets.Pubrec{PacketID: p.PacketID})
				}
			}
			s.want("PUBREL packet-id=5")
			s.send(&packets.Pubcomp{PacketID: 5})
			w.join(v, "pub").passes(message("t", "new", 1))
			s.want(`PUBLISH qos=1 topic=t packet-id=6 payload="new"`)
		})
	}
}

// What a member of a shared subscription may hold at QoS 2 goes to no other member, also
// behind a crash [MQTT-4.8.2-4].
func TestCrashBehindAcknowledgementsOfMember(t *testing.T) {
	runStored(t, Config{MaximumInFlight: 2}, func(w *world) {
		w.absent(packets.V5, "a", "$share/g/#")
		pub := w.join(packets.V5, "pub")
		for i := range 4 {
			pub.passes(message("t", fmt.Sprint(i), 1))
		}
		pub.passes(message("t", "once", 2))
		a := w.resume(packets.V5, "a")
		w.hold()
		for range 4 {
			a.send(&packets.Puback{PacketID: a.next().(*packets.Publish).PacketID})
		}
		a.want(`PUBLISH qos=2 topic=t packet-id=5 payload="once"`)
		w.crash()

		b := w.join(packets.V5, "b", keeping(forever))
		b.subscribe("$share/g/#", 2)
		w.resume(packets.V5, "a").lose()
		if got := b.takeAll(); got != "2 3" {
			w.Errorf("b gets %q, expected what a cannot hold", got)
		}
		a = w.resume(packets.V5, "a")
		if got := a.takeAll(); got != "0 1 once" {
			w.Errorf("a gets %q, expected what it was sent first, and what it may hold", got)
		}
	})
}

// takeAll gives what comes within a second, and begins to acknowledge it.
func (p *peer) takeAll() string {
	p.Helper()
	var all []string
	for x, err := p.read(time.Second); err == nil; x, err = p.read(time.Second) {
		m, ok := x.(*packets.Publish)
		switch {
		case !ok:
			continue
		case m.QoS == packets.AtLeastOnce:
			p.send(&packets.Puback{PacketID: m.PacketID})
		default:
			p.send(&packets.Pubrec{PacketID: m.PacketID})
		}
		all = append(all, string(m.Payload))
	}
	return strings.Join(all, " ")
}
