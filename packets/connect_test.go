package packets

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"
)

// connectOf is the CONNECT of figure 3-6 with these flags, and the parts of its
// payload as section 3.1.3 puts them.
func connectOf(v Version, flags byte, will, user, password bool) (p *Connect, body []byte) {
	p = &Connect{Version: v, KeepAlive: 10, ClientID: []byte("id"), HasWill: will, HasUsername: user, HasPassword: password}
	body = append(map[Version][]byte{V31: []byte("\x00\x06MQIsdp\x03"), V311: []byte("\x00\x04MQTT\x04"), V5: []byte("\x00\x04MQTT\x05")}[v], flags, 0, 10)
	put := func(b string) { body = append(body, b...) }
	if v == V5 {
		put("\x00") // no properties
	}
	put("\x00\x02id") // [MQTT-3.1.3-3]
	if will {
		p.Will = Will{Topic: []byte("w/t"), Payload: []byte("gone")}
		if v == V5 {
			put("\x00")
		}
		put("\x00\x03w/t\x00\x04gone")
	}
	if user {
		p.Username = []byte("user")
		put("\x00\x04user")
	}
	if password {
		p.Password = []byte("pass")
		put("\x00\x04pass")
	}
	return p, body
}

// TestV5_3_1_3_1_Payload: what the flags announce is in the payload, in the order
// of section 3.1.3, and what they do not announce is not.
// [MQTT-3.1.2-9] [MQTT3-3.1.2-11] [MQTT-3.1.2-16] [MQTT-3.1.2-17] [MQTT-3.1.2-18]
// [MQTT-3.1.2-19] [MQTT-3.1.3-3]
func TestV5_3_1_3_1_Payload(t *testing.T) {
	for _, v := range versions {
		for bits := range byte(8) {
			will, user, password := bits&1 != 0, bits&2 != 0, bits&4 != 0
			if password && !user && v != V5 { // [MQTT3-3.1.2-22]
				continue
			}
			flags := bit(will)<<2 | bit(user)<<7 | bit(password)<<6
			name := fmt.Sprintf("%v, flags %08b", v, flags)
			p, body := connectOf(v, flags, will, user, password)
			written := p.AppendTo(nil, v)
			if first, got := split(t, written); first != 0x10 || !bytes.Equal(got, body) {
				t.Errorf("%s: written as\n% x, want\n% x", name, got, body)
			}
			var read Connect
			if err := read.Decode(0x10, body, v); err != nil || read.String() != p.String() || !bytes.Equal(read.Password, p.Password) {
				t.Errorf("%s: read as %v, %v", name, &read, err)
			}
			if v == V31 {
				continue // it takes a user name and a password that are announced and missing
			}
			for _, flag := range []byte{0x04, 0x80, 0x40} { // one more or less, for the same payload
				wrong := slices.Clone(body)
				wrong[7] ^= flag
				if err := read.Decode(0x10, wrong, v); err == nil {
					t.Errorf("%s: the same payload is read with flags %08b as %v", name, wrong[7], &read)
				}
			}
		}
	}
}

// TestV3_3_1_3_7: before 5.0, who has no client identifier asks for a clean session.
func TestV3_3_1_3_7(t *testing.T) {
	for _, c := range []struct {
		v     Version
		clean bool
		ok    bool
	}{{V311, false, false}, {V311, true, true}, {V5, false, true}, {V5, true, true}} {
		err := (&Connect{CleanStart: c.clean}).Validate(c.v)
		var broken *BrokenError
		if errors.As(err, &broken) == c.ok || !c.ok && broken.Reason != ClientIdentifierNotValid {
			t.Errorf("%v, clean %v: %v", c.v, c.clean, err)
		}
	}
}
