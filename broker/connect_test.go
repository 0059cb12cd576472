package broker

import (
	"context"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fletchmq/fletch/packets"
)

func TestConfigErrorsNameTheKey(t *testing.T) {
	for want, config := range map[string]Config{
		"broker: Config.ReceiveMaximum is 65536: expected 1 to 65535, or 0 for 1024":                                         {ReceiveMaximum: 65536},
		"broker: Config.MaximumPacketSize is 268435456: expected 64 to 268435455, or 0 for 1048576":                          {MaximumPacketSize: 1 << 28},
		"broker: Config.MaximumConnections is -1: expected 1 to 2147483647, or 0 for 100000":                                 {MaximumConnections: -1},
		"broker: Config.MaximumInFlight is 32769: expected 1 to 32768, or 0 for 1024":                                        {MaximumInFlight: 32769},
		"broker: Config.MaximumQueuedTotal is -1: expected 1 to " + strconv.Itoa(math.MaxInt) + ", or 0 for 1073741824":      {MaximumQueuedTotal: -1},
		"broker: Config.MaximumSubscriptionsTotal is -5: expected 1 to 2147483647, or 0 for 2000000":                         {MaximumSubscriptionsTotal: -5},
		"broker: Config.ConnectRate is 1000001: expected 1 to 1000000, or 0 for no limit":                                    {ConnectRate: 1000001},
		"broker: Config.PushBackTimeout is -1s: expected more than 0s, or 0 for 5s":                                          {PushBackTimeout: -time.Second},
		"broker: Config.Overflow is Overflow(5): expected DisconnectSlow, DropNewest, DropOldest, PushBack or RefusePublish": {Overflow: endOfOverflow},
		"broker: Config.ConnectTimeout is -1s: expected more than 0s, or 0 for 10s":                                          {ConnectTimeout: -time.Second},
	} {
		if _, err := New(config); err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}

func TestConnack(t *testing.T) {
	run(t, Config{}, func(w *world) {
		a := w.dial(packets.V5)
		a.connect("a")
		// [MQTT-3.1.4-5] [MQTT3-3.1.4-4] [MQTT-4.12.0-6]
		a.want("CONNACK receive-maximum=1024 topic-alias-maximum=16 maximum-packet-size=1048576")
		old := w.dial(packets.V311)
		old.connect("c")
		old.want("CONNACK")
	})
	run(t, Config{ReceiveMaximum: 65535, TopicAliasMaximum: -1, MaximumPacketSize: 268435455}, func(w *world) {
		a := w.dial(packets.V5)
		a.connect("a")
		a.want("CONNACK maximum-packet-size=268435455")
	})
}

func TestV5_3_1_3_6_AssignedClientIdentifier(t *testing.T) {
	run(t, Config{}, func(w *world) {
		seen := map[string]bool{}
		for range 3 {
			a := w.dial(packets.V5)
			a.connect("", func(c *packets.Connect) { c.CleanStart = len(seen) > 1 })
			id, _ := a.next().(*packets.Connack).Props.AssignedClientIdentifier()
			if len(id) == 0 || seen[string(id)] { // [MQTT-3.1.3-7] [MQTT-3.2.2-16]
				t.Errorf("assigned %q", id)
			}
			seen[string(id)] = true
		}
		w.join(packets.V311, "") // [MQTT3-3.1.3-6]
		a := w.dial(packets.V311)
		a.connect("", func(c *packets.Connect) { c.CleanStart = false })
		a.want("CONNACK reason=0x02") // [MQTT3-3.1.3-8]
		a.closed()                    // [MQTT3-3.1.3-9]
	})
}

func TestV5_3_1_4_3_Takeover(t *testing.T) {
	for _, v := range versions {
		run(t, Config{}, func(w *world) {
			watcher := w.join(packets.V5, "watcher")
			watcher.subscribe("will", 0)
			old := w.join(v, "a", will("will", "taken over"))
			old.subscribe("x", 0)
			young := w.join(v, "a")
			old.ended(packets.SessionTakenOver)
			watcher.want(`PUBLISH topic=will payload="taken over"`)
			young.subscribe("x", 0)
			watcher.send(message("x", "1", 0))
			young.want(`PUBLISH topic=x payload="1"`)
			w.settle()
			w.join(v, "a")
			young.ended(packets.SessionTakenOver)
		})
	}
}

func TestFirstPacketIsConnect(t *testing.T) { // [MQTT-3.1.0-1]
	for _, v := range versions {
		run(t, Config{}, func(w *world) {
			a := w.dial(v)
			a.send(&packets.Pingreq{})
			a.closed()
		})
	}
}

func TestV5_3_1_0_2_SecondConnect(t *testing.T) {
	for _, v := range versions {
		run(t, Config{}, func(w *world) {
			a := w.join(v, "a")
			a.connect("a")
			a.ended(packets.ProtocolError) // [MQTT3-4.8.0-2]
		})
	}
	run(t, Config{}, func(w *world) { // of an unknown level, which DISCONNECT cannot say
		a := w.join(packets.V5, "a")
		a.hex("10 0d 0004 4d515454 09 02 003c 0001 61")
		a.ended(packets.ProtocolError)
	})
}

func TestUnsupportedProtocolLevel(t *testing.T) {
	run(t, Config{}, func(w *world) {
		for _, c := range []struct{ hex, want string }{
			{"10 0d 0004 4d515454 02 02 003c 0001 61", "20 02 00 01"},          // [MQTT3-3.1.2-2]
			{"10 0d 0004 4d515454 00 02 003c 0001 61", "20 02 00 01"},          // [MQTT3-3.1.2-2]
			{"10 0d 0004 4d515454 06 02 003c 0001 61", "20 .. 00 84 .*"},       // [MQTT-3.1.2-2]
			{"10 0f 0006 4d5149736470 02 02 003c 0001 61", "20 02 00 01"},      // 3.1
			{"10 0d 0004 4d515458 05 02 003c 0001 61", ""},                     // [MQTT-3.1.2-1]
			{"10 8e00 0004 4d515454 05 02 003c 00 0001 61", ""},                // [MQTT-1.5.5-1]
			{"10 0d 0004 4d515454 04 03 003c 0001 61", ""},                     // [MQTT3-3.1.4-1]
			{"10 0e 0004 4d515454 05 03 003c 00 0001 61", "20 .. 00 81 .*"},    // [MQTT-3.1.2-3]
			{"10 0e 0006 4d5149736470 03 02 003c 0000", "20 02 00 02"},         // empty client identifier
			{"10 0d 0004 4d515454 05 02 003c 05 1100000000", "20 .. 00 81 .*"}, // cut off
		} {
			a := w.dial(0)
			a.hex(c.hex)
			got := fmt.Sprintf("% x", a.rest())
			if ok, err := regexp.MatchString("^"+c.want+"$", got); !ok || err != nil {
				t.Errorf("%s: got %s, want %s", c.hex, got, c.want)
			}
		}
	})
}

func TestAuthenticate(t *testing.T) {
	logins := make(chan Login, 20)
	config := Config{ConnectTimeout: 5 * time.Second, Authenticate: func(ctx context.Context, l *Login) error {
		logins <- *l
		switch l.Username {
		case "good":
			return nil
		case "banned":
			return Refuse(packets.Banned)
		case "strange":
			return Refuse(packets.GrantedQoS1)
		case "panic":
			panic("hook")
		case "slow":
			<-ctx.Done()
			return nil
		}
		return errors.New("who?")
	}}
	run(t, config, func(w *world) {
		user := func(name string) func(*packets.Connect) {
			return func(c *packets.Connect) {
				c.HasUsername, c.Username = true, []byte(name)
				c.HasPassword, c.Password = true, []byte("secret")
			}
		}
		for len(logins) > 0 {
			<-logins
		}
		w.join(packets.V5, "id", user("good"))
		if l := <-logins; l.ClientID != "id" || string(l.Password) != "secret" || !l.HasPassword || l.Version != packets.V5 || l.RemoteAddr == nil {
			t.Errorf("login %+v", l)
		}
		for _, c := range []struct{ name, v5, v3 string }{
			{"bad", "0x86", "0x04"},
			{"banned", "0x8a", "0x05"},
			{"strange", "0x86", "0x04"},
			{"panic", "0x80", ""},
			{"slow", "0x89", "0x03"},
		} {
			a := w.dial(packets.V5)
			a.connect("x", user(c.name), will("w", "never"))
			a.want("CONNACK reason=" + c.v5)
			a.closed() // without DISCONNECT [MQTT-3.1.4-2] [MQTT-3.2.2-7] [MQTT-3.14.0-1]
			b := w.dial(packets.V311)
			b.connect("x", user(c.name))
			if c.v3 != "" {
				b.want("CONNACK reason=" + c.v3) // [MQTT3-3.2.2-4]
			}
			b.closed() // [MQTT3-3.2.2-5] [MQTT3-3.2.2-6]
		}
		w.settle()
		if !strings.Contains(w.log.String(), "who?") || strings.Contains(w.log.String(), "secret") {
			t.Errorf("log:\n%s", w.log)
		}
	})
}
