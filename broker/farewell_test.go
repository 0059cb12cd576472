package broker

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/fletchmq/fletch/packets"
)

func terse(c *packets.Connect) { c.Props.SetRequestProblemInformation(false) }

func small(bytes uint32) func(*packets.Connect) {
	return func(c *packets.Connect) { c.Props.SetMaximumPacketSize(bytes) }
}

// What ends a connection is said in words, to who wants them and has room.
// [MQTT-3.1.2-29] [MQTT-3.2.2-19] [MQTT-3.9.2-1] [MQTT-3.14.2-3]
func TestV5_3_14_2_3_ReasonString(t *testing.T) {
	text := "PUBLISH breaks [MQTT-3.3.2-2] of MQTT 5.0: no wildcard in a topic name"
	for _, c := range []struct {
		name       string
		more       func(*packets.Connect)
		disconnect string
		suback     string
	}{
		{"plain", keeping(0), text, "refused: MaximumSubscriptions"},
		{"terse", terse, "", ""},
		{"small", small(40), "", "refused: MaximumSubscriptions"},
		{"smaller", small(30), "", ""},
	} {
		run(t, Config{MaximumSubscriptions: 1}, func(w *world) {
			a := w.join(packets.V5, "a", c.more)
			a.subscribe("x", 0)
			if a.text != "" {
				t.Errorf("%s: SUBACK without a failure says %q", c.name, a.text)
			}
			a.send(&packets.Subscribe{PacketID: 1, Filters: []packets.Subscription{{Filter: []byte("y")}}})
			a.want("SUBACK packet-id=1 reason=0x97")
			if a.text != c.suback {
				t.Errorf("%s: SUBACK says %q", c.name, a.text)
			}
			a.subscribe("x", 0)
			if a.text != "" {
				t.Errorf("%s: the next SUBACK says %q", c.name, a.text)
			}
			a.send(message("+", "", 0))
			a.ended(packets.TopicNameInvalid)
			if a.text != c.disconnect {
				t.Errorf("%s: DISCONNECT says %q", c.name, a.text)
			}
		})
	}
	for _, c := range []struct {
		name string
		more func(*packets.Connect)
		text string
	}{
		{"plain", keeping(0), "MaximumTopicLevels: a topic name with more levels"},
		{"terse", terse, ""},
		{"small", small(30), ""},
	} {
		run(t, Config{MaximumTopicLevels: 1}, func(w *world) {
			a := w.dial(packets.V5)
			a.connect("a", will("x/y", ""), c.more)
			a.want("CONNACK reason=0x90")
			if a.text != c.text {
				t.Errorf("%s: CONNACK says %q", c.name, a.text)
			}
		})
	}
}

// What the program says about a client is not for that client.
func TestErrorsOfTheProgramAreNotTold(t *testing.T) {
	run(t, Config{Authenticate: func(context.Context, *Login) error { return errors.New("secret") }}, func(w *world) {
		a := w.dial(packets.V5)
		a.connect("a")
		a.want("CONNACK reason=0x86")
		if a.text != "" {
			t.Errorf("CONNACK says %q", a.text)
		}
	})
}

// Section 4.11. [MQTT3-3.2.2-5]
func TestUseServer(t *testing.T) {
	config := Config{Authenticate: func(_ context.Context, l *Login) error {
		return UseServer{Reference: l.Username, Moved: l.HasPassword}
	}}
	as := func(name string) func(*packets.Connect) {
		return func(c *packets.Connect) { c.HasUsername, c.Username = true, []byte(name) }
	}
	password := func(c *packets.Connect) { c.HasPassword = true }
	long := strings.Repeat("x", 70_000)
	run(t, config, func(w *world) {
		for _, c := range []struct {
			v    packets.Version
			more []func(*packets.Connect)
			want string
		}{
			{packets.V5, []func(*packets.Connect){as("other.example:1883")}, `CONNACK reason=0x9c server-reference="other.example:1883"`},
			{packets.V5, []func(*packets.Connect){as("other.example"), password}, "CONNACK reason=0x9d server-reference=other.example"},
			{packets.V5, []func(*packets.Connect){as("other.example"), small(20)}, "CONNACK reason=0x9c"},
			{packets.V5, nil, "CONNACK reason=0x9c"},
			{packets.V311, []func(*packets.Connect){as("other.example")}, "CONNACK reason=0x03"},
			{packets.V31, []func(*packets.Connect){as("other.example")}, "CONNACK reason=0x03"},
		} {
			a := w.dial(c.v)
			a.connect("a", c.more...)
			a.want(c.want)
			a.closed()
		}
	})
	config.Authenticate = func(context.Context, *Login) error { return UseServer{Reference: long} }
	run(t, config, func(w *world) {
		a := w.dial(packets.V5)
		a.connect("a")
		a.want("CONNACK reason=0x9c")
	})
}

// Who looks whether the port is open, and the end of the broker, are not worth a
// line at the level info.
func TestEndsThatAreNotLogged(t *testing.T) {
	run(t, Config{}, func(w *world) {
		w.dial(packets.V311).lose()
		a := w.dial(packets.V311)
		a.connect("a")
		a.want("CONNACK")
		if err := w.b.Shutdown(context.Background()); err != nil {
			t.Fatal(err)
		}
		if log := w.log.String(); strings.Count(log, `level=DEBUG msg="connection ended"`) != 2 || strings.Contains(log, "level=INFO") {
			t.Errorf("log: %s", log)
		}
	})
}
