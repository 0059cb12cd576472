package broker

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fletchmq/fletch/packets"
)

func TestV5_3_1_2_22_KeepAlive(t *testing.T) {
	for _, v := range versions {
		run(t, Config{}, func(w *world) {
			watcher := w.join(packets.V5, "watcher")
			watcher.subscribe("will", 0)
			a := w.join(v, "a", will("will", "silent"), func(c *packets.Connect) { c.KeepAlive = 10 })
			for range 3 {
				time.Sleep(14900 * time.Millisecond)
				a.send(&packets.Pingreq{})
				a.want("PINGRESP") // [MQTT-3.12.4-1] [MQTT3-3.12.4-1]
			}
			begin := time.Now()
			time.Sleep(10 * time.Second)
			a.write([]byte{0x30}) // the beginning of a packet is no packet
			a.ended(packets.KeepAliveTimeout)
			if d := time.Since(begin); d != 15*time.Second { // [MQTT-3.2.2-22]
				t.Errorf("ended after %s", d)
			}
			watcher.want(`PUBLISH topic=will payload="silent"`)
		})
	}
}

func TestNoKeepAlive(t *testing.T) {
	run(t, Config{}, func(w *world) {
		a := w.join(packets.V5, "a")
		time.Sleep(1000 * time.Hour)
		a.send(&packets.Pingreq{})
		a.want("PINGRESP")
	})
}

func TestConnectTimeout(t *testing.T) {
	run(t, Config{ConnectTimeout: 3 * time.Second}, func(w *world) {
		begin := time.Now()
		silent, slow := w.dial(packets.V5), w.dial(packets.V5)
		slow.write([]byte{0x10})
		time.Sleep(2 * time.Second)
		slow.write([]byte{0x20})
		silent.closed()
		slow.closed()
		if d := time.Since(begin); d != 3*time.Second {
			t.Errorf("closed after %s", d)
		}
	})
}

func TestMaximumConnections(t *testing.T) {
	run(t, Config{MaximumConnections: 2}, func(w *world) {
		a, _ := w.join(packets.V5, "a"), w.join(packets.V5, "b")
		if _, err := w.b.Dial(context.Background()); err == nil {
			t.Error("a third connection")
		}
		if !strings.Contains(w.log.String(), "MaximumConnections") {
			t.Error("not logged")
		}
		a.send(&packets.Disconnect{})
		a.closed()
		w.settle()
		w.join(packets.V5, "c")
	})
}

func TestDisconnect(t *testing.T) {
	for _, c := range []struct {
		v      packets.Version
		reason packets.ReasonCode
		will   bool
	}{
		{packets.V31, 0, false},
		{packets.V311, 0, false},                         // [MQTT3-3.14.4-3]
		{packets.V5, packets.NormalDisconnection, false}, // [MQTT-3.14.4-3]
		{packets.V5, packets.DisconnectWithWillMessage, true},
		{packets.V5, packets.ProtocolError, true},
	} {
		run(t, Config{}, func(w *world) {
			watcher := w.join(packets.V5, "watcher")
			watcher.subscribe("will", 0)
			a := w.join(c.v, "a", will("will", "x"), func(p *packets.Connect) { p.Will.Props.SetWillDelayInterval(1000) })
			a.send(&packets.Disconnect{Reason: c.reason})
			a.closed()
			if c.will {
				watcher.want(`PUBLISH topic=will payload="x"`)
			}
			watcher.quiet()
		})
	}
}

// A will has all that CONNECT gives it, and is published when the connection is
// lost. [MQTT-3.1.2-8] [MQTT-3.1.2-15] [MQTT-3.1.3-10]
func TestWill(t *testing.T) {
	run(t, Config{}, func(w *world) {
		watcher := w.join(packets.V5, "watcher")
		watcher.subscribe("#", 2, func(s *packets.Subscription) { s.RetainAsPublished = true })
		a := w.join(packets.V5, "a", will("w", "p"), func(c *packets.Connect) {
			c.WillQoS, c.WillRetain = 1, true
			c.Will.Props.SetPayloadFormatIndicator(1)
			c.Will.Props.SetContentType([]byte("text"))
			c.Will.Props.SetResponseTopic([]byte("back"))
			c.Will.Props.SetCorrelationData([]byte("c"))
			c.Will.Props.SetMessageExpiryInterval(5)
			c.Will.Props.AddUserProperty([]byte("k"), []byte("2"))
			c.Will.Props.AddUserProperty([]byte("k"), []byte("1"))
		})
		time.Sleep(time.Minute) // no time goes by for the will
		a.nc.Close()
		watcher.want(`PUBLISH qos=1 retain topic=w packet-id=1 payload-format-indicator=1 message-expiry-interval=5 content-type=text response-topic=back correlation-data="c" user:k=2 user:k=1 payload="p"`)
		late := w.join(packets.V311, "late")
		late.subscribe("w", 0)
		late.want(`PUBLISH retain topic=w payload="p"`)
	})
}

func TestTopicLevels(t *testing.T) {
	run(t, Config{MaximumTopicLevels: 3}, func(w *world) {
		a := w.join(packets.V5, "a")
		a.subscribe("1/2/3", 0)
		a.send(&packets.Subscribe{PacketID: 2, Filters: []packets.Subscription{{Filter: []byte("1/2/3/#")}}})
		a.want("SUBACK packet-id=2 reason=0x8f")
		a.send(message("1/2/3/4", "", 0))
		a.ended(packets.TopicNameInvalid)
		b := w.dial(packets.V5)
		b.connect("b", will("1/2/3/4", ""))
		b.want("CONNACK reason=0x90")
		b.closed()
		w.settle()
		if n := strings.Count(w.log.String(), "MaximumTopicLevels"); n != 3 {
			t.Errorf("%d lines:\n%s", n, w.log)
		}
	})
}

func TestLogNamesWhoBrokeWhat(t *testing.T) {
	run(t, Config{}, func(w *world) {
		a := w.join(packets.V5, "culprit")
		a.hex("82 02 0001")
		a.ended(packets.MalformedPacket)
		w.settle()
		line := w.log.String()
		for _, want := range []string{"level=WARN", "client=culprit", "remote=pipe", "version=5.0", "packet=SUBSCRIBE", "statement="} {
			if !strings.Contains(line, want) {
				t.Errorf("no %s in %s", want, line)
			}
		}
		if lines := strings.Split(strings.TrimSpace(line), "\n"); len(slices.DeleteFunc(lines, func(l string) bool { return !strings.Contains(l, "culprit") })) != 1 {
			t.Errorf("more than a line:\n%s", line)
		}
	})
}
