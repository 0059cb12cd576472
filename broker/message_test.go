package broker

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/fletchmq/fletch/packets"
)

func TestPublish(t *testing.T) {
	run(t, Config{MaximumTopicLevels: 3}, func(w *world) {
		all, old := w.join(packets.V5, "all", keeping(60)), w.join(packets.V311, "old")
		all.subscribe("#", 2)
		old.subscribe("$own/+", 1)
		m := Message{Topic: "x/y", Payload: []byte("payload"), QoS: 1, Retain: true}
		m.Props.SetMessageExpiryInterval(9)
		m.Props.SetContentType([]byte("text"))
		if err := w.b.Publish(w.Context(), m); err != nil {
			t.Error(err)
		}
		copy(m.Payload, "PAYLOAD") // it is the caller's again
		all.want(`PUBLISH qos=1 topic=x/y packet-id=1 message-expiry-interval=9 content-type=text payload="payload"`)
		all.lose()
		for _, m := range []Message{{Topic: "$own/a"}, {Topic: "waits", QoS: 2}, {Topic: "not"}} {
			if err := w.b.Publish(w.Context(), m); err != nil {
				t.Error(err)
			}
		}
		old.want(`PUBLISH topic=$own/a payload=""`)
		w.resume(packets.V5, "all").want(
			`PUBLISH dup qos=1 topic=x/y packet-id=1 message-expiry-interval=9 content-type=text payload="payload"`,
			`PUBLISH qos=2 topic=waits packet-id=2 payload=""`)
		late := w.join(packets.V5, "late")
		late.subscribe("x/+", 0)
		late.want(`PUBLISH retain topic=x/y message-expiry-interval=9 content-type=text payload="payload"`)
		late.quiet()
	})
}

func TestPublishRefuses(t *testing.T) {
	run(t, Config{MaximumTopicLevels: 3}, func(w *world) {
		a := w.join(packets.V5, "a")
		a.subscribe("#", 0)
		aliased := Message{Topic: "x"}
		aliased.Props.SetTopicAlias(1)
		labeled := Message{Topic: "x"}
		labeled.Props.AddSubscriptionIdentifier(1)
		for _, m := range []Message{
			{},
			{Topic: "a/+"},
			{Topic: "a\x00"},
			{Topic: "x", QoS: 3},
			{Topic: "1/2/3/4"},
			{Topic: strings.Repeat("x", 65536)},
			aliased, labeled,
		} {
			if err := w.b.Publish(w.Context(), m); err == nil {
				t.Errorf("published %.50v", m)
			}
		}
		var broken *packets.BrokenError
		if err := w.b.Publish(w.Context(), Message{Topic: "#"}); !errors.As(err, &broken) || broken.Reason != packets.TopicNameInvalid {
			t.Errorf("got %v", err)
		}
		ended, cancel := context.WithCancel(w.Context())
		cancel()
		if err := w.b.Publish(ended, Message{Topic: "x"}); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		a.quiet()
		a.nc.Close()
		w.b.Shutdown(w.Context())
		if err := w.b.Publish(w.Context(), Message{Topic: "x"}); !errors.Is(err, ErrClosed) {
			t.Errorf("got %v", err)
		}
	})
}
