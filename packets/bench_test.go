package packets

import (
	"testing"

	"github.com/fletchmq/fletch/bench/cputime"
)

// specimen is a packet of the shape that its coordinates say.
type specimen struct {
	coordinates string
	v           Version
	p           Packet
}

func specimens() []specimen {
	connect := &Connect{CleanStart: true, KeepAlive: 60, ClientID: []byte("client-1"), HasWill: true, HasUsername: true, HasPassword: true}
	connect.Will = Will{Topic: []byte("clients/client-1"), Payload: []byte("gone")}
	connect.Username, connect.Password = []byte("user"), []byte("password")
	connack := &Connack{SessionPresent: true}
	connack.Props.SetReceiveMaximum(1024)
	connack.Props.SetMaximumPacketSize(1 << 20)
	connack.Props.SetTopicAliasMaximum(16)
	publish := func(qos QoS, size int) *Publish {
		return &Publish{QoS: qos, PacketID: 7, Topic: []byte("bench/topic/1"), Payload: make([]byte, size)}
	}
	rich := publish(AtLeastOnce, 256)
	for _, k := range []string{"a", "b", "c"} {
		rich.Props.AddUserProperty([]byte("key-"+k), []byte("value-"+k))
	}
	subscribe := &Subscribe{PacketID: 7}
	for _, f := range []string{"a/b/c", "d/+/e", "f/#", "g/h"} {
		subscribe.Filters = append(subscribe.Filters, Subscription{Filter: []byte(f), QoS: AtLeastOnce})
	}
	return []specimen{
		{"packet=CONNECT/version=3.1.1", V311, connect},
		{"packet=CONNECT/version=5", V5, connect},
		{"packet=CONNACK/version=5", V5, connack},
		{"packet=PUBLISH/version=3.1.1/qos=0/size=256", V311, publish(AtMostOnce, 256)},
		{"packet=PUBLISH/version=3.1.1/qos=0/size=65536", V311, publish(AtMostOnce, 64<<10)},
		{"packet=PUBLISH/version=3.1.1/qos=1/size=256", V311, publish(AtLeastOnce, 256)},
		{"packet=PUBLISH/version=5/qos=0/size=256", V5, publish(AtMostOnce, 256)},
		{"packet=PUBLISH/version=5/qos=1/size=256/user=3", V5, rich},
		{"packet=PUBACK/version=3.1.1", V311, &Puback{PacketID: 7}},
		{"packet=PUBACK/version=5", V5, &Puback{PacketID: 7, Reason: NoMatchingSubscribers}},
		{"packet=SUBSCRIBE/version=5/filters=4", V5, subscribe},
		{"packet=SUBACK/version=5/filters=4", V5, &Suback{PacketID: 7, Reasons: []ReasonCode{0, 1, 2, 0x80}}},
	}
}

func BenchmarkAppend(b *testing.B) {
	for _, s := range specimens() {
		b.Run(s.coordinates, func(b *testing.B) {
			out := s.p.AppendTo(nil, s.v)
			cputime.Report(b)
			for b.Loop() {
				out = s.p.AppendTo(out[:0], s.v)
			}
		})
	}
}

func BenchmarkDecode(b *testing.B) {
	for _, s := range specimens() {
		b.Run(s.coordinates, func(b *testing.B) {
			first, body := split(b, s.p.AppendTo(nil, s.v))
			p := New(s.p.Type())
			cputime.Report(b)
			for b.Loop() {
				if err := p.Decode(first, body, s.v); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
