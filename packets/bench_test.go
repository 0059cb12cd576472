package packets

import (
	"fmt"
	"testing"
)

// benchPackets is a packet of each shape.
func benchPackets() []struct {
	name string
	v    Version
	p    Packet
} {
	connect := &Connect{CleanStart: true, KeepAlive: 60, ClientID: []byte("client-1"), HasWill: true, HasUsername: true, HasPassword: true}
	connect.Will = Will{Topic: []byte("clients/client-1"), Payload: []byte("gone")}
	connect.Username, connect.Password = []byte("user"), []byte("password")
	plain := &Publish{Topic: []byte("bench/topic/1"), Payload: make([]byte, 256)}
	large := &Publish{Topic: []byte("bench/topic/1"), Payload: make([]byte, 64<<10)}
	rich := &Publish{QoS: AtLeastOnce, PacketID: 7, Topic: []byte("bench/topic/1"), Payload: make([]byte, 256)}
	for _, k := range []string{"a", "b", "c"} {
		rich.Props.AddUserProperty([]byte("key-"+k), []byte("value-"+k))
	}
	subscribe := &Subscribe{PacketID: 7}
	for _, f := range []string{"a/b/c", "d/+/e", "f/#", "g/h"} {
		subscribe.Filters = append(subscribe.Filters, Subscription{Filter: []byte(f), QoS: AtLeastOnce})
	}
	return []struct {
		name string
		v    Version
		p    Packet
	}{
		{"connect", V311, connect},
		{"publish-256", V311, plain},
		{"publish-64k", V311, large},
		{"publish-user3", V5, rich},
		{"puback", V311, &Puback{PacketID: 7}},
		{"puback", V5, &Puback{PacketID: 7, Reason: NoMatchingSubscribers}},
		{"subscribe-4", V5, subscribe},
		{"suback-4", V5, &Suback{PacketID: 7, Reasons: []ReasonCode{0, 1, 2, 0x80}}},
	}
}

func BenchmarkCodec(b *testing.B) {
	for _, c := range benchPackets() {
		out := c.p.AppendTo(nil, c.v)
		first, body := split(b, out)
		name := fmt.Sprintf("packet=%s/v=%v", c.name, c.v)
		b.Run(name+"/op=append", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				out = c.p.AppendTo(out[:0], c.v)
			}
		})
		fresh := New(c.p.Type())
		b.Run(name+"/op=decode", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := fresh.Decode(first, body, c.v); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
