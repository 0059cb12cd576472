package packets

import (
	"bytes"
	"errors"
	"testing"
)

// TestText: each field that the standard calls a UTF-8 encoded string is one. What
// is not is refused by who reads it, and by Validate of who would write it.
func TestText(t *testing.T) {
	for _, c := range []struct {
		field string
		with  func(text []byte) Packet
		v     []Version
	}{
		// [MQTT-3.1.3-4]
		{"client identifier", func(b []byte) Packet { return &Connect{ClientID: b, CleanStart: true} }, versions},
		// [MQTT-3.1.3-11] [MQTT-4.7.3-2]
		{"will topic", func(b []byte) Packet {
			return &Connect{ClientID: []byte("c"), HasWill: true, Will: Will{Topic: b}}
		}, versions},
		// [MQTT-3.1.3-12]
		{"user name", func(b []byte) Packet { return &Connect{ClientID: []byte("c"), HasUsername: true, Username: b} }, versions},
		// [MQTT-3.3.2-1] [MQTT-4.7.3-2]
		{"topic name", func(b []byte) Packet { return &Publish{Topic: b} }, versions},
		// [MQTT-3.3.2-13]
		{"response topic", func(b []byte) Packet {
			p := &Publish{Topic: []byte("t")}
			p.Props.SetResponseTopic(b)
			return p
		}, []Version{V5}},
		// [MQTT-3.3.2-19]
		{"content type", func(b []byte) Packet {
			p := &Publish{Topic: []byte("t")}
			p.Props.SetContentType(b)
			return p
		}, []Version{V5}},
		// [MQTT-1.5.7-1]
		{"key of a user property", func(b []byte) Packet {
			p := &Publish{Topic: []byte("t")}
			p.Props.AddUserProperty(b, []byte("v"))
			return p
		}, []Version{V5}},
		// [MQTT-1.5.7-1]
		{"value of a user property", func(b []byte) Packet {
			p := &Publish{Topic: []byte("t")}
			p.Props.AddUserProperty([]byte("k"), b)
			return p
		}, []Version{V5}},
		// [MQTT-3.8.3-1] [MQTT-4.7.3-2]
		{"filter of SUBSCRIBE", func(b []byte) Packet {
			return &Subscribe{PacketID: 1, Filters: []Subscription{{Filter: b}}}
		}, versions},
		// [MQTT-3.10.3-1] [MQTT-4.7.3-2]
		{"filter of UNSUBSCRIBE", func(b []byte) Packet { return &Unsubscribe{PacketID: 1, Filters: [][]byte{b}} }, versions},
	} {
		for _, v := range c.v {
			for _, text := range []struct{ bytes, v3, v5 string }{
				{"größe", "", ""},
				{"\xff", "MQTT-1.5.3-1", "MQTT-1.5.4-1"},
				{"a\xed\xa0\x80", "MQTT-1.5.3-1", "MQTT-1.5.4-1"}, // a surrogate
				{"a\x00b", "MQTT-1.5.3-2", "MQTT-1.5.4-2"},
			} {
				want := text.v3
				if v == V5 {
					want = text.v5
				}
				p := c.with([]byte(text.bytes))
				first, body := split(t, p.AppendTo(nil, v))
				for who, err := range map[string]error{"Validate": p.Validate(v), "Decode": New(p.Type()).Decode(first, body, v)} {
					var broken *BrokenError
					if errors.As(err, &broken) != (want != "") || broken != nil && (broken.Statement != want || broken.Reason != MalformedPacket) {
						t.Errorf("%s of %v, %s %q: %v, want [%s]", who, v, c.field, text.bytes, err, want)
					}
				}
			}
		}
	}
}

// TestV5_3_3_2_1: the topic name is the first field, and text.
func TestV5_3_3_2_1(t *testing.T) {
	var p Publish
	if err := p.Decode(0x32, []byte("\x00\x01t\x00\x07\x00payload"), V5); err != nil || string(p.Topic) != "t" || p.PacketID != 7 || string(p.Payload) != "payload" {
		t.Errorf("%v, %v", &p, err)
	}
	if err := p.Decode(0x32, []byte("\x00\x01\xff\x00\x07\x00payload"), V5); err == nil {
		t.Errorf("read as %v", &p)
	}
}

// TestV5_2_2_1_2: at QoS 0 there is no packet identifier, not even one that is set.
func TestV5_2_2_1_2(t *testing.T) {
	for v, want := range map[Version]string{V31: "\x30\x05\x00\x01tOK", V311: "\x30\x05\x00\x01tOK", V5: "\x30\x06\x00\x01t\x00OK"} {
		p := Publish{Topic: []byte("t"), PacketID: 7, Payload: []byte("OK")}
		got := p.AppendTo(nil, v)
		if string(got) != want {
			t.Errorf("%v: % x, want % x", v, got, want)
		}
		first, body := split(t, got)
		if err := p.Decode(first, body, v); err != nil || p.PacketID != 0 || string(p.Payload) != "OK" {
			t.Errorf("%v: read as %v, %v", v, &p, err)
		}
	}
}

// TestV5_2_2_2_1: where there may be properties, their length is there, zero if
// there are none. Only what a packet may end before is left out.
func TestV5_2_2_2_1(t *testing.T) {
	for _, c := range []struct {
		p       Packet
		want    string
		missing string // the same without the length
	}{
		{&Connect{ClientID: []byte("c")}, "\x10\x0e\x00\x04MQTT\x05\x00\x00\x00\x00\x00\x01c", "\x00\x04MQTT\x05\x00\x00\x00\x00\x01c"},
		{
			&Connect{ClientID: []byte("c"), HasWill: true, Will: Will{Topic: []byte("w")}},
			"\x10\x14\x00\x04MQTT\x05\x04\x00\x00\x00\x00\x01c\x00\x00\x01w\x00\x00", "\x00\x04MQTT\x05\x04\x00\x00\x00\x00\x01c\x00\x01w\x00\x00",
		},
		{&Connack{}, "\x20\x03\x00\x00\x00", "\x00\x00"},
		{&Publish{Topic: []byte("t")}, "\x30\x04\x00\x01t\x00", "\x00\x01t"},
		{&Subscribe{PacketID: 1, Filters: []Subscription{{Filter: []byte("f")}}}, "\x82\x07\x00\x01\x00\x00\x01f\x00", "\x00\x01\x00\x01f\x00"},
		{&Suback{PacketID: 1, Reasons: []ReasonCode{1}}, "\x90\x04\x00\x01\x00\x01", "\x00\x01\x01"},
		{&Unsubscribe{PacketID: 1, Filters: [][]byte{[]byte("f")}}, "\xa2\x06\x00\x01\x00\x00\x01f", "\x00\x01\x00\x01f"},
		{&Unsuback{PacketID: 1, Reasons: []ReasonCode{0x11}}, "\xb0\x04\x00\x01\x00\x11", "\x00\x01\x11"},
		{&Puback{PacketID: 1}, "\x40\x02\x00\x01", ""},
		{&Disconnect{}, "\xe0\x00", ""},
		{&Auth{}, "\xf0\x00", ""},
	} {
		if got := c.p.AppendTo(nil, V5); !bytes.Equal(got, []byte(c.want)) {
			t.Errorf("%v: % x, want % x", c.p, got, c.want)
		}
		if p := New(c.p.Type()); c.missing != "" && p.Decode(c.want[0], []byte(c.missing), V5) == nil {
			t.Errorf("without a property length it is read as %v", p)
		}
	}
}
