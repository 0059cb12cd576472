package broker

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fletchmq/fletch/broker/session"
	"github.com/fletchmq/fletch/packets"
)

var policies = []Overflow{DisconnectSlow, DropNewest, DropOldest, PushBack, RefusePublish}

// overflow is one message more than a receiver has room for, and what becomes of
// it.
type overflow struct {
	policy  Overflow
	qos     packets.QoS
	absent  bool
	version packets.Version // of the publisher
}

func (o overflow) String() string {
	return fmt.Sprintf("%s at QoS %d, absent %t, by %s", o.policy, o.qos, o.absent, o.version)
}

// want is what the receiver has in the end, of 1, 2 and 3, which have room, and
// what is dropped.
func (o overflow) want() (payloads string, dropped uint64) {
	switch {
	case o.absent && o.qos == 0:
		return "0123", 0
	case o.policy == DropOldest && o.qos > 0:
		return "023x", 1
	case o.refused():
		return "0123", 0
	}
	return "0123", 1
}

func (o overflow) refused() bool {
	return o.policy == RefusePublish && o.qos > 0 && o.version == packets.V5
}

func (o overflow) disconnects() bool {
	return (o.policy == DisconnectSlow || o.policy == PushBack) && o.qos > 0 && !o.absent
}

func oneInFlight(c *packets.Connect) { c.Props.SetReceiveMaximum(1) }

// waiting is how many messages wait for a client.
func (w *world) waiting(id string) int {
	n, _ := backlog(w, id)
	return n
}

// Each policy does what its documentation says, at each QoS, for who is there and
// who is not.
func TestOverflow(t *testing.T) {
	for _, policy := range policies {
		for qos := range packets.QoS(3) {
			for _, absent := range []bool{false, true} {
				for _, v := range []packets.Version{packets.V311, packets.V5} {
					o := overflow{policy, qos, absent, v}
					config := Config{Overflow: policy, MaximumQueuedMessages: 3, PushBackTimeout: 1, MaximumSessions: 10}
					run(t, config, func(w *world) { o.run(w) })
				}
			}
		}
	}
}

func (o overflow) run(w *world) {
	slow := w.join(packets.V5, "slow", keeping(forever), oneInFlight)
	slow.subscribe("x", 2)
	other := w.join(packets.V5, "other")
	other.subscribe("x", 0)
	a := w.join(o.version, "a")
	for _, payload := range []string{"0", "1", "2", "3"} {
		a.passes(message("x", payload, 1))
		w.settle()
		other.want(fmt.Sprintf("PUBLISH topic=x payload=%q", payload))
	}
	slow.want(`PUBLISH qos=1 topic=x packet-id=1 payload="0"`)
	if o.absent {
		slow.lose()
	}
	a.send(message("x", "x", o.qos))
	o.answered(a)
	o.others(other)
	if o.disconnects() {
		slow.ended(packets.QuotaExceeded)
	}
	w.settle()
	payloads, dropped := o.want()
	drops := w.b.Stats().Drops
	if drops != (Drops{QueueFull: dropped}) {
		w.Errorf("%s: drops %+v", o, drops)
	}
	if o.disconnects() || dropped > 0 || o.refused() {
		if !strings.Contains(w.log.String(), "MaximumQueuedMessages") {
			w.Errorf("%s: the log does not name the key", o)
		}
	}
	if own := w.b.clients["slow"].out.Figures().Drops; own[session.QueueFull] != dropped {
		w.Errorf("%s: drops of the client %v", o, own)
	}
	slow.lose()
	if got := w.resume(packets.V5, "slow").payloads(); got != payloads {
		w.Errorf("%s: the receiver has %s, want %s", o, got, payloads)
	}
}

// answered is what the publisher is told.
func (o overflow) answered(a *peer) {
	a.Helper()
	reason := ""
	if o.refused() {
		reason = " reason=0x97"
	}
	switch o.qos {
	case 1:
		a.want("PUBACK packet-id=1" + reason)
	case 2:
		a.want("PUBREC packet-id=1" + reason)
	}
}

// others get all, unless it is refused.
func (o overflow) others(p *peer) {
	p.Helper()
	want := "x"
	if o.refused() {
		want = ""
	}
	if got := p.payloads(); got != want {
		p.Errorf("%s: another receiver has %q", o, got)
	}
}

// payloads are those of the messages that come, until nothing comes.
func (p *peer) payloads() string {
	p.Helper()
	var all []string
	for {
		x, err := p.read(time.Second)
		if err != nil {
			return strings.Join(all, "")
		}
		if m, ok := x.(*packets.Publish); ok {
			all = append(all, string(m.Payload))
		}
	}
}

// A message that somebody has no room for is not retained either, and the program
// is told.
func TestRefusePublishKeepsNothing(t *testing.T) {
	run(t, Config{Overflow: RefusePublish, MaximumQueuedMessages: 1}, func(w *world) {
		absent := w.join(packets.V5, "absent", keeping(forever))
		absent.subscribe("x", 1)
		absent.lose()
		a := w.join(packets.V5, "a")
		a.passes(message("x", "first", 1))
		a.send(message("x", "second", 1, retained))
		a.want("PUBACK packet-id=1 reason=0x97")
		if err := w.b.Publish(t.Context(), Message{Topic: "x", QoS: 1, Retain: true}); err != ErrNoRoom {
			t.Errorf("Publish: %v", err)
		}
		a.passes(message("y", "", 1))
		if s := w.b.Stats(); s.Refused != 2 || s.Retained != 0 || s.Dropped != 0 {
			t.Errorf("%+v", s)
		}
	})
}

// A shared subscription has room as long as a member has, and that one gets the
// message.
func TestRefusePublishAsksAllMembers(t *testing.T) {
	run(t, Config{Overflow: RefusePublish, MaximumQueuedMessages: 2}, func(w *world) {
		a := w.join(packets.V5, "a")
		slow, quick := w.join(packets.V5, "slow", oneInFlight), w.join(packets.V5, "quick", oneInFlight)
		slow.subscribe("$share/g/x", 1)
		quick.subscribe("$share/g/x", 1)
		for range 6 { // one in flight, two wait, each
			a.passes(message("x", "m", 1))
			w.settle()
		}
		a.send(message("x", "m", 1))
		a.want("PUBACK packet-id=1 reason=0x97")
		for range 5 {
			id := quick.next().(*packets.Publish).PacketID
			quick.send(&packets.Puback{PacketID: id})
			w.settle()
			a.send(message("x", "m", 1))
			a.want("PUBACK packet-id=1")
		}
		if n := w.waiting("slow"); n != 2 {
			t.Errorf("%d wait for the slow one", n)
		}
	})
}

// Who does not read while others flood costs those nothing: not a message of
// theirs, nor of those who read.
func TestFloodPassesTheSlow(t *testing.T) {
	for _, policy := range []Overflow{DisconnectSlow, DropNewest, DropOldest} {
		run(t, Config{Overflow: policy, MaximumQueuedBytes: 50_000, WriteTimeout: time.Hour}, func(w *world) {
			stuck, quick, a := w.join(packets.V5, "stuck"), w.join(packets.V5, "quick"), w.join(packets.V5, "a")
			stuck.subscribe("#", 0)
			quick.subscribe("x", 1)
			for i := range 500 {
				a.send(message("x", kilobyte, 1))
				a.want("PUBACK packet-id=1")
				m := quick.next().(*packets.Publish)
				quick.send(&packets.Puback{PacketID: m.PacketID})
				if _, bytes := backlog(w, "stuck"); bytes > 50_000 {
					t.Fatalf("%d bytes wait after %d messages", bytes, i)
				}
			}
			w.settle()
			if s := w.b.Stats(); s.Drops.QueueFull < 300 || s.QueuedMemory > 100_000 || w.waiting("quick") != 0 {
				t.Errorf("%+v", s)
			}
		})
	}
}

func TestOverflowString(t *testing.T) {
	var names []string
	for _, p := range append(slices.Clone(policies), endOfOverflow) {
		names = append(names, p.String())
	}
	if got := strings.Join(names, " "); got != "DisconnectSlow DropNewest DropOldest PushBack RefusePublish Overflow(5)" {
		t.Error(got)
	}
}
