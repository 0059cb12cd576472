package broker

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/fletchmq/fletch/packets"
)

// sys is what comes within a second of what is below $SYS/broker/.
func (p *peer) sys() map[string]string {
	p.Helper()
	got := map[string]string{}
	for {
		x, err := p.read(time.Second)
		if err != nil {
			return got
		}
		m, ok := x.(*packets.Publish)
		name, below := "", false
		if ok {
			name, below = strings.CutPrefix(string(m.Topic), "$SYS/broker/")
		}
		if !below || got[name] != "" {
			p.Fatalf("got %s", x)
		}
		got[name] = string(m.Payload)
	}
}

func wantSys(t *testing.T, got, want map[string]string) {
	t.Helper()
	for name, value := range want {
		if got[name] != value {
			t.Errorf("%s is %q, want %q", name, got[name], value)
		}
	}
}

func TestSys(t *testing.T) {
	run(t, Config{SysInterval: 10 * time.Second, MaximumQueuedMessages: 20}, func(w *world) {
		monitor := w.dial(packets.V311)
		w.settle() // the first of all connections begins it
		monitor.connect("monitor")
		monitor.want("CONNACK")
		monitor.subscribe("$SYS/#", 0)
		got := monitor.sys() // retained
		if len(got) != 49 || !strings.HasPrefix(got["version"], "fletch version ") {
			t.Errorf("%d topics: %v", len(got), got)
		}
		wantSys(t, got, map[string]string{"uptime": "0 seconds", "messages/received": "0", "clients/total": "0"})

		a, b := w.join(packets.V5, "a"), w.join(packets.V311, "b", keeping(forever))
		w.join(packets.V5, "expires", keeping(1)).lose()
		b.subscribe("x", 1)
		b.subscribe("$share/g/y", 1)
		b.lose()
		for range 21 { // one has no room
			a.passes(message("x", "", 1))
		}
		a.passes(message("kept", "k", 2, retained))
		time.Sleep(10 * time.Second)
		wantSys(t, monitor.sys(), map[string]string{
			"uptime": "10 seconds", "clients/connected": "2", "clients/disconnected": "1", "clients/total": "3",
			"clients/maximum": "4", "clients/expired": "1", "publish/messages/dropped": "1",
			"publish/messages/received": "22", "publish/messages/sent": "49", "subscriptions/count": "2",
			"shared_subscriptions/count": "1", "retained messages/count": "50", "publish/messages/dropped/queue_full": "1",
		})
		time.Sleep(9 * time.Second)
		got = monitor.sys()
		if _, again := got["version"]; again || got["uptime"] != "20 seconds" || got["clients/total"] != "" {
			t.Errorf("what has not changed: %v", got)
		}
		every := w.join(packets.V5, "every")
		every.subscribe("#", 0) // [MQTT-4.7.2-1]
		every.want(`PUBLISH retain topic=kept payload="k"`)
		time.Sleep(20 * time.Second)
		every.quiet()
	})
	run(t, Config{SysInterval: -1}, func(w *world) {
		monitor := w.join(packets.V5, "monitor")
		monitor.subscribe("$SYS/#", 0)
		time.Sleep(time.Hour)
		monitor.quiet()
	})
}

// counted counts what a peer sends and gets.
type counted struct {
	*peer
	sent, got Traffic
}

func count(t *Traffic, x packets.Packet, v packets.Version) {
	t.Packets++
	t.Bytes += uint64(len(x.AppendTo(nil, v)))
	if x.Type() == packets.TypePublish {
		t.Messages++
	}
}

func (c *counted) does(x packets.Packet, answers int) {
	c.Helper()
	c.send(x)
	count(&c.sent, x, c.v)
	for range answers {
		count(&c.got, c.next(), c.v)
	}
}

// The traffic is what the peers have counted, to the byte, whatever the packets.
func TestTraffic(t *testing.T) {
	for _, v := range versions {
		run(t, Config{MaximumPacketSize: 1 << 20}, func(w *world) {
			var sent, got Traffic
			for i := range 3 {
				c := &counted{peer: w.dial(v)}
				c.does(&packets.Connect{ClientID: fmt.Append(nil, i), CleanStart: true}, 1)
				c.does(&packets.Subscribe{PacketID: 1, Filters: []packets.Subscription{{Filter: fmt.Append(nil, "x/", i), QoS: 2}}}, 1)
				for _, n := range []int{0, 100, 300, sendInPlace, 70_000} {
					c.does(&packets.Publish{Topic: fmt.Append(nil, "x/", i), Payload: bytes.Repeat([]byte("p"), n)}, 1)
				}
				c.does(&packets.Publish{Topic: fmt.Append(nil, "x/", i), QoS: 2, PacketID: 7}, 2)
				c.does(&packets.Pubrel{PacketID: 7}, 1)
				c.does(&packets.Pingreq{}, 1)
				c.does(&packets.Disconnect{}, 0)
				c.closed()
				for _, x := range []struct{ sum, of *Traffic }{{&sent, &c.sent}, {&got, &c.got}} {
					x.sum.Bytes += x.of.Bytes
					x.sum.Packets += x.of.Packets
					x.sum.Messages += x.of.Messages
				}
			}
			w.settle()
			if s := w.b.Stats(); s.Received != sent || s.Sent != got {
				t.Errorf("received %+v, want %+v\nsent %+v, want %+v", s.Received, sent, s.Sent, got)
			}
		})
	}
}

// Section 4.7.2: what is below $SYS is not for clients to tell each other.
func TestOnlyTheBrokerPublishesToSys(t *testing.T) {
	run(t, Config{SysInterval: -1}, func(w *world) {
		watcher := w.join(packets.V5, "watcher")
		watcher.subscribe("$SYS/#", 2)
		a := w.join(packets.V5, "a")
		a.send(message("$SYS/broker/uptime", "m", 0, retained), message("$SYS/broker/uptime", "m", 1, retained))
		a.want("PUBACK packet-id=1 reason=0x87")
		a.send(message("$SYS", "m", 2))
		a.want("PUBREC packet-id=1 reason=0x87")
		b := w.join(packets.V311, "b")
		b.send(message("$SYS/a", "m", 1))
		b.want("PUBACK packet-id=1") // [MQTT3-3.3.5-2]
		for _, v := range versions {
			c := w.dial(v)
			c.connect("c", will("$SYS/c", ""))
			if v == packets.V5 {
				c.want("CONNACK reason=0x87")
			} else {
				c.want("CONNACK reason=0x05")
			}
			c.closed()
		}
		if n := w.b.Stats().NotAuthorized; n != 4+uint64(len(versions)) {
			t.Errorf("%d are counted", n)
		}
		if err := w.b.Publish(t.Context(), Message{Topic: "$SYS/mine"}); err != nil {
			t.Error(err)
		}
		watcher.want(`PUBLISH topic=$SYS/mine payload=""`)
		for _, v := range versions { // as many bridges do
			c := w.join(v, "c", will("$SYS/broker/connection/c/state", "0"))
			c.send(message("$SYS/broker/connection/c/state", "1", 0))
			watcher.want(`PUBLISH topic=$SYS/broker/connection/c/state payload="1"`)
			c.send(&packets.Disconnect{})
		}
		a.send(message("$SYSTEM/a", "m", 1))
		a.want("PUBACK packet-id=1 reason=0x10")
		a.send(message("$SYS/broker/connection/state", "1", 1))
		a.want("PUBACK packet-id=1 reason=0x87")
		watcher.quiet()
	})
}
