package packets

import (
	"bytes"
	"testing"
)

// userBlocks decodes a PUBLISH with these property bytes.
func decodeProps(t *testing.T, p *Publish, props string) {
	t.Helper()
	body := append([]byte{0, 1, 't', byte(len(props))}, props...)
	if err := p.Decode(0x30, body, V5); err != nil {
		t.Fatal(err)
	}
}

func pairs(u UserProperties) (s string) {
	for k, v := range u.All() {
		s += string(k) + "=" + string(v) + " "
	}
	return s
}

// TestUserPropertiesInPieces: user properties keep their order although others
// stand between them, and nothing of a packet is left in the next.
func TestUserPropertiesInPieces(t *testing.T) {
	const a, b, c = "\x26\x00\x01a\x00\x011", "\x26\x00\x01b\x00\x012", "\x26\x00\x01a\x00\x013"
	const expiry, format = "\x02\x00\x00\x00\x3c", "\x01\x01"
	var p Publish
	for _, x := range []struct{ props, want string }{
		{a + b + c, "a=1 b=2 a=3 "},
		{a + expiry + b + c, "a=1 b=2 a=3 "},
		{a + b + expiry + c + format, "a=1 b=2 a=3 "},
		{expiry + a + format + b, "a=1 b=2 "},
		{expiry, ""},
		{c, "a=3 "},
	} {
		decodeProps(t, &p, x.props)
		if got := pairs(p.Props.UserProperties()); got != x.want {
			t.Errorf("% x: %q, want %q", x.props, got, x.want)
		}
	}
	value, ok := p.Props.UserProperties().Get("a")
	if !ok || string(value) != "3" {
		t.Errorf("Get(a) is %q, %v", value, ok)
	}
	if value, ok := p.Props.UserProperties().Get("z"); ok {
		t.Errorf("Get(z) is %q", value)
	}
}

// TestUserPropertiesSetAreAlone: properties that were copied, and set anew, share no
// memory with the others that is written to.
func TestUserPropertiesSetAreAlone(t *testing.T) {
	var p Publish
	for range 5 { // and there is room for more
		p.Props.AddUserProperty([]byte("a"), []byte("1"))
	}
	other := p
	other.Props.SetUserProperties(p.Props.UserProperties())
	p.Props.AddUserProperty([]byte("b"), []byte("2"))
	other.Props.AddUserProperty([]byte("c"), []byte("3"))
	const five = "a=1 a=1 a=1 a=1 a=1 "
	if got := pairs(p.Props.UserProperties()); got != five+"b=2 " {
		t.Errorf("the one: %q", got)
	}
	if got := pairs(other.Props.UserProperties()); got != five+"c=3 " {
		t.Errorf("the other: %q", got)
	}
}

// TestUserPropertyAddedToReceived: adding to what was received does not write into
// the received bytes.
func TestUserPropertyAddedToReceived(t *testing.T) {
	body := []byte("\x00\x01t\x07\x26\x00\x01a\x00\x011payload")
	want := bytes.Clone(body)
	var p Publish
	if err := p.Decode(0x30, body, V5); err != nil {
		t.Fatal(err)
	}
	p.Props.AddUserProperty([]byte("b"), []byte("2"))
	if got := pairs(p.Props.UserProperties()); got != "a=1 b=2 " {
		t.Errorf("got %q", got)
	}
	if !bytes.Equal(body, want) {
		t.Errorf("the packet is now % x", body)
	}
}

// TestForwardedInOnePiece: what one packet was received with, another is sent with.
func TestForwardedInOnePiece(t *testing.T) {
	var in, out Publish
	decodeProps(t, &in, "\x26\x00\x01a\x00\x011\x02\x00\x00\x00\x3c\x26\x00\x01b\x00\x012")
	out.Topic = []byte("t")
	out.Props.SetUserProperties(in.Props.UserProperties())
	if n := testing.AllocsPerRun(10, func() { out.Props.SetUserProperties(in.Props.UserProperties()) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	want := "30 12 0001 74 0e 26 0001 61 0001 31 26 0001 62 0001 32"
	if got := out.AppendTo(nil, V5); !bytes.Equal(got, expand(t, compactHex(want))) {
		t.Errorf("% x, want %s", got, want)
	}
	out.Props.SetUserProperties(nil)
	if out.Props.Has() != 0 {
		t.Errorf("none set, but Has is %b", out.Props.Has())
	}
}

func compactHex(s string) string { return string(bytes.ReplaceAll([]byte(s), []byte(" "), nil)) }

// TestUserPropertiesDoNotAllocate: a range over them is free.
func TestUserPropertiesDoNotAllocate(t *testing.T) {
	var p Publish
	decodeProps(t, &p, "\x26\x00\x01a\x00\x011\x26\x00\x01b\x00\x012\x26\x00\x01c\x00\x013")
	sum := 0
	if n := testing.AllocsPerRun(100, func() {
		for k, v := range p.Props.UserProperties().All() {
			sum += len(k) + len(v)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if sum == 0 {
		t.Error("nothing was iterated")
	}
}

// TestBrokenRunEndsIteration: bytes that are no user properties end a range, and
// do no harm.
func TestBrokenRunEndsIteration(t *testing.T) {
	for _, u := range []string{"\x26", "\x26\x00", "\x26\x00\x05a", "\x26\x00\x01a\x00", "\x27\x00\x01a\x00\x01b"} {
		if got := pairs(UserProperties(u)); got != "" {
			t.Errorf("% x gives %q", u, got)
		}
	}
}

// TestPropertiesByPresence: a property is there when it was set, whatever its value.
func TestPropertiesByPresence(t *testing.T) {
	var p Connack
	if v, ok := p.Props.RetainAvailable(); !v || ok {
		t.Errorf("absent: %v, %v, want what absence means", v, ok)
	}
	p.Props.SetRetainAvailable(false)
	p.Props.SetMaximumQoS(AtMostOnce)
	if got := p.AppendTo(nil, V5); !bytes.Equal(got, []byte{0x20, 7, 0, 0, 4, 0x24, 0, 0x25, 0}) {
		t.Errorf("% x", got)
	}
	if v, ok := p.Props.RetainAvailable(); v || !ok {
		t.Errorf("set to false: %v, %v", v, ok)
	}
	p.Props.Unset(PropRetainAvailable)
	if !p.Props.Has().Has(PropMaximumQoS) || p.Props.Has().Has(PropRetainAvailable) {
		t.Errorf("after Unset: %b", p.Props.Has())
	}
}
