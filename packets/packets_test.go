package packets

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// TestSeeds: what an encoder that knows nothing but the spec writes is read, and
// written again byte for byte.
func TestSeeds(t *testing.T) {
	var d decoder // one for all: nothing of a packet may be left in the next
	for _, l := range lines(t, "testdata/seeds.txt") {
		first, body := split(t, l.packet)
		p, err := d.decode(l.from, first, body, l.v)
		if err != nil {
			t.Errorf("seeds.txt:%d: %v", l.number, err)
			continue
		}
		if err := p.Validate(l.v); err != nil {
			t.Errorf("seeds.txt:%d: Validate: %v", l.number, err)
		}
		if n := p.Size(l.v); n != len(body) {
			t.Errorf("seeds.txt:%d: size %d, want %d", l.number, n, len(body))
		}
		if got := p.AppendTo(nil, l.v); !bytes.Equal(got, l.packet) {
			t.Errorf("seeds.txt:%d: written again as\n%.100x, want\n%.100x", l.number, got, l.packet)
		}
		if err := CheckFixedHeader(first, l.v); err != nil {
			t.Errorf("seeds.txt:%d: %v", l.number, err)
		}
	}
}

// TestBreakers: each packet that breaks one statement is refused for that one,
// with its reason code.
func TestBreakers(t *testing.T) {
	var d decoder
	for _, l := range lines(t, "testdata/breakers.txt") {
		first, body := split(t, l.packet)
		_, err := d.decode(l.from, first, body, l.v)
		var broken *BrokenError
		if !errors.As(err, &broken) {
			t.Errorf("breakers.txt:%d: %v: %v, want a BrokenError", l.number, l.rest, err)
			continue
		}
		doc := strings.Join(l.rest[3:], " ")
		if broken.Statement != l.rest[0] || fmt.Sprintf("0x%02x", uint8(broken.Reason)) != l.rest[1] || broken.Doc != doc {
			t.Errorf("breakers.txt:%d: %v: got %s 0x%02x %v", l.number, l.rest, broken.Statement, uint8(broken.Reason), broken)
		}
		if name := strings.TrimSuffix(l.rest[2], ":"); broken.Packet.String() != name {
			t.Errorf("breakers.txt:%d: the error is about %v, want %s", l.number, broken.Packet, name)
		}
	}
}

// TestNoAllocations: reading and writing allocates nothing, whatever the packet.
func TestNoAllocations(t *testing.T) {
	var d decoder
	out := make([]byte, 0, 1<<20)
	for _, l := range lines(t, "testdata/seeds.txt") {
		first, body := split(t, l.packet)
		p, err := d.decode(l.from, first, body, l.v) // lists grow here, and keep their capacity
		if err != nil {
			t.Fatal(err)
		}
		if n := testing.AllocsPerRun(10, func() { p, _ = d.decode(l.from, first, body, l.v) }); n != 0 {
			t.Errorf("seeds.txt:%d: decode: %v allocations", l.number, n)
		}
		if n := testing.AllocsPerRun(10, func() { out = p.AppendTo(out[:0], l.v) }); n != 0 {
			t.Errorf("seeds.txt:%d: append: %v allocations", l.number, n)
		}
		if n := testing.AllocsPerRun(10, func() { _ = p.Validate(l.v) }); n != 0 {
			t.Errorf("seeds.txt:%d: validate: %v allocations", l.number, n)
		}
	}
}

// TestViewsAreCapped: an append to a field does not run on into the next one.
func TestViewsAreCapped(t *testing.T) {
	var out []byte
	pub := Publish{QoS: 1, PacketID: 7, Topic: []byte("a/b"), Payload: []byte("payload")}
	pub.Props.SetContentType([]byte("text"))
	pub.Props.AddUserProperty([]byte("k"), []byte("v"))
	out = pub.AppendTo(out, V5)
	want := bytes.Clone(out)
	first, body := split(t, out)
	var p Publish
	if err := p.Decode(first, body, V5); err != nil {
		t.Fatal(err)
	}
	contentType, _ := p.Props.ContentType()
	for _, view := range [][]byte{p.Topic, contentType, p.Props.UserProperties(), p.Payload} {
		_ = append(view, "overrun"...)
	}
	for k, v := range p.Props.UserProperties().All() {
		_, _ = append(k, '!'), append(v, '!')
	}
	if !bytes.Equal(out, want) {
		t.Errorf("an append to a view has changed the packet to\n% x, it was\n% x", out, want)
	}
}

// TestDecodeAfterFailure: a packet that was refused leaves nothing behind.
func TestDecodeAfterFailure(t *testing.T) {
	seeds := lines(t, "testdata/seeds.txt")
	var fresh, used decoder
	for i, l := range lines(t, "testdata/breakers.txt") {
		first, body := split(t, l.packet)
		if _, err := used.decode(l.from, first, body, l.v); err == nil {
			t.Fatalf("breakers.txt:%d is accepted", l.number)
		}
		l := seeds[i%len(seeds)]
		first, body = split(t, l.packet)
		got, _ := used.decode(l.from, first, body, l.v)
		want, _ := fresh.decode(l.from, first, body, l.v)
		if got.String() != want.String() {
			t.Errorf("seeds.txt:%d: %v, want %v", l.number, got, want)
		}
	}
}

func TestTypesWithoutAPacket(t *testing.T) {
	var d decoder
	for _, from := range []Side{Client, Server} {
		p, err := d.decode(from, 0x00, nil, V5)
		var broken *BrokenError
		if p != nil || !errors.As(err, &broken) || broken.Reason != MalformedPacket {
			t.Errorf("type 0 gives %v, %v", p, err)
		}
	}
	if New(0) != nil || New(16) != nil {
		t.Error("there is a packet of type 0 or 16")
	}
}
