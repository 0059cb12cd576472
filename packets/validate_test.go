package packets

import (
	"errors"
	"testing"
)

// TestValidate: what AppendTo could not write so that a peer can read it, Validate
// refuses, with the statement.
func TestValidate(t *testing.T) {
	long := make([]byte, 65536)
	for i := range long {
		long[i] = 'a'
	}
	publish := func(change func(*Publish)) *Publish {
		p := &Publish{Topic: []byte("t")}
		change(p)
		return p
	}
	connect := func(change func(*Connect)) *Connect {
		p := &Connect{ClientID: []byte("c"), HasWill: true, Will: Will{Topic: []byte("w")}}
		change(p)
		return p
	}
	for _, c := range []struct {
		name      string
		p         Packet
		v         Version
		statement string
		reason    ReasonCode
	}{
		{"topic too long", publish(func(p *Publish) { p.Topic = long }), V5, "§1.5.4", MalformedPacket},
		{"topic not UTF-8", publish(func(p *Publish) { p.Topic = []byte("\xff") }), V311, "MQTT-1.5.3-1", MalformedPacket},
		{"surrogate", publish(func(p *Publish) { p.Topic = []byte("\xed\xa0\x80") }), V5, "MQTT-1.5.4-1", MalformedPacket},
		{"U+0000", publish(func(p *Publish) { p.Topic = []byte("a\x00") }), V5, "MQTT-1.5.4-2", MalformedPacket},
		{"QoS 3", publish(func(p *Publish) { p.QoS, p.PacketID = 3, 1 }), V5, "MQTT-3.3.1-4", MalformedPacket},
		{"payload too long", publish(func(p *Publish) { p.Payload = make([]byte, MaxRemainingLength) }), V5, "MQTT-3.2.2-15", PacketTooLarge},
		{"no identifier", publish(func(p *Publish) { p.QoS = 1 }), V5, "MQTT-2.2.1-3", ProtocolError},
		{"alias zero", publish(func(p *Publish) { p.Props.SetTopicAlias(0) }), V5, "MQTT-3.3.2-8", TopicAliasInvalid},
		{"subscription identifier 0", publish(func(p *Publish) { p.Props.AddSubscriptionIdentifier(0) }), V5, "§2.2.2.2", ProtocolError},
		{"subscription identifier too large", publish(func(p *Publish) { p.Props.AddSubscriptionIdentifier(1 << 28) }), V5, "§1.5.5", MalformedPacket},
		{"content type too long", publish(func(p *Publish) { p.Props.SetContentType(long) }), V5, "§1.5.4", MalformedPacket},
		{"correlation data too long", publish(func(p *Publish) { p.Props.SetCorrelationData(long) }), V5, "§1.5.4", MalformedPacket},
		{"user property not UTF-8", publish(func(p *Publish) { p.Props.AddUserProperty([]byte("k"), []byte{0xff}) }), V5, "MQTT-1.5.4-1", MalformedPacket},
		{"not user properties", publish(func(p *Publish) { p.Props.SetUserProperties([]byte{1, 2, 3}) }), V5, "§2.2.2.2", MalformedPacket},
		{"will topic too long", connect(func(p *Connect) { p.Will.Topic = long }), V311, "§1.5.3", MalformedPacket},
		{"will payload too long", connect(func(p *Connect) { p.Will.Payload = long }), V311, "§1.5.3", MalformedPacket},
		{"will QoS 3", connect(func(p *Connect) { p.WillQoS = 3 }), V5, "MQTT-3.1.2-12", MalformedPacket},
		{"password too long", connect(func(p *Connect) { p.HasPassword, p.Password = true, long }), V5, "§1.5.4", MalformedPacket},
		{"AUTH before 5.0", &Auth{}, V311, "§2.2.1", MalformedPacket},
		{"retain handling 3", &Subscribe{PacketID: 1, Filters: []Subscription{{Filter: []byte("a"), RetainHandling: 3}}}, V5, "§3.8.3.1", ProtocolError},
		{"failure code in 3.1", &Suback{PacketID: 1, Reasons: []ReasonCode{0x80}}, V31, "MQTT-3.9.3-2", ProtocolError},
	} {
		err := c.p.Validate(c.v)
		var broken *BrokenError
		if !errors.As(err, &broken) || broken.Statement != c.statement || broken.Reason != c.reason || broken.Packet != c.p.Type() {
			t.Errorf("%s: %v, want [%s] and %v", c.name, err, c.statement, c.reason)
		}
	}
}

// TestValidateIgnoresOtherVersions: properties do not count where there are none.
func TestValidateIgnoresOtherVersions(t *testing.T) {
	p := Publish{Topic: []byte("t")}
	p.Props.SetTopicAlias(0)
	if err := p.Validate(V311); err != nil {
		t.Errorf("3.1.1: %v", err)
	}
}
