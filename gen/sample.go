package main

import (
	"encoding/binary"

	"github.com/fletchmq/fletch/spec"
)

// sample is the values of a packet, a group, an element of a list or a property
// block, by the names of the fields. It is encoded straight from the spec, by
// none of the code that this command writes: what the two disagree on is a
// mistake in one of them.
type sample struct {
	number map[string]int
	text   map[string]string
	part   map[string]*sample   // groups and property blocks
	list   map[string][]*sample // lists
	extra  []byte               // of a property block: what comes behind the properties
}

func newSample() *sample {
	return &sample{map[string]int{}, map[string]string{}, map[string]*sample{}, map[string][]*sample{}, nil}
}

// empty is a sample with all parts of fields, one element in each list and one
// character in each text.
func empty(fields []spec.Field) *sample {
	s := newSample()
	for _, x := range fields {
		switch x.Kind {
		case spec.Text:
			s.text[x.Name] = "t"
		case spec.Props:
			s.part[x.Name] = newSample()
		case spec.Group:
			s.part[x.Name] = empty(x.Fields)
		case spec.List:
			s.list[x.Name] = []*sample{empty(x.Fields)}
		}
	}
	return s
}

// encoder writes samples of one packet, in one version, from one side.
type encoder struct {
	Spec
	p    spec.Packet
	v    spec.Version
	from spec.Side
	full bool // write what the packet could end before, too
}

// packet is the whole packet.
func (e encoder) packet(s *sample) []byte {
	first := e.p.Type<<4 | e.p.Fixed | packBits(e.p.Flags, e.v, s)
	return prefixed([]byte{first}, e.body(s))
}

// prefixed appends body to b behind its length.
func prefixed(b, body []byte) []byte {
	return append(appendVarInt(b, len(body)), body...)
}

func appendVarInt(b []byte, n int) []byte {
	for ; n > 127; n /= 128 {
		b = append(b, byte(n%128+128))
	}
	return append(b, byte(n))
}

func (e encoder) body(s *sample) (b []byte) {
	last := 0
	for i, x := range e.p.Fields {
		optional := x.Tail != 0 && x.If.Op == spec.Always || bound(e.p.Fields, i)
		if e.present(x, s) && (!optional || e.full || !s.zero(x)) {
			last = i + 1
		}
	}
	if bound(e.p.Fields, last) {
		last++
	}
	for _, x := range e.p.Fields[:last] {
		if e.present(x, s) {
			b = append(b, e.field(x, s)...)
		}
	}
	return b
}

func (e encoder) present(x spec.Field, s *sample) bool {
	return (x.In == 0 || x.In&e.v != 0) && e.holds(x.If, s)
}

// zero reports whether x may be left out at the end of a packet.
func (s *sample) zero(x spec.Field) bool {
	if x.Kind == spec.Props {
		p := s.part[x.Name]
		return len(p.number)+len(p.text)+len(p.list)+len(p.extra) == 0
	}
	return s.number[x.Name] == 0
}

func (e encoder) field(x spec.Field, s *sample) (b []byte) {
	switch x.Kind {
	case spec.Bits:
		return []byte{packBits(x.Bits, e.v, s)}
	case spec.Level:
		for _, n := range x.Names {
			if n.In == e.v {
				return append(value(spec.Text, 0, n.Name), n.Level)
			}
		}
	case spec.Props:
		return prefixed(nil, e.block(x.Table, s.part[x.Name]))
	case spec.Group:
		for _, y := range x.Fields {
			if e.present(y, s.part[x.Name]) {
				b = append(b, e.field(y, s.part[x.Name])...)
			}
		}
	case spec.List:
		for _, one := range s.list[x.Name] {
			for _, y := range x.Fields {
				b = append(b, e.field(y, one)...)
			}
		}
	default:
		return value(x.Kind, s.number[x.Name], s.text[x.Name])
	}
	return b
}

// block is the properties that s has, without their length.
func (e encoder) block(table string, s *sample) (b []byte) {
	for _, x := range column(e.Properties, table) {
		n, isNumber := s.number[x.Name]
		t, isText := s.text[x.Name]
		if isNumber || isText {
			b = append(append(b, x.ID), value(x.Kind, n, t)...)
		}
		for _, one := range s.list[x.Name] {
			b = append(append(b, x.ID), value(x.Kind, one.number[x.Name], one.text[x.Name])...)
		}
	}
	return append(b, s.extra...)
}

func packBits(bits []spec.Bit, v spec.Version, s *sample) (b byte) {
	for _, x := range bits {
		if x.In == 0 || x.In&v != 0 {
			b |= byte(s.number[x.Name] << x.At)
		}
	}
	return b
}

func value(k spec.Kind, n int, t string) []byte {
	switch k {
	case spec.U8, spec.Bool:
		return []byte{byte(n)}
	case spec.U16:
		return binary.BigEndian.AppendUint16(nil, uint16(n))
	case spec.U32:
		return binary.BigEndian.AppendUint32(nil, uint32(n))
	case spec.VarInt:
		return appendVarInt(nil, n)
	case spec.Text, spec.Binary:
		return append(binary.BigEndian.AppendUint16(nil, uint16(len(t))), t...)
	case spec.Pair:
		return append(value(spec.Text, 0, t), value(spec.Text, 0, t)...)
	case spec.Rest:
		return []byte(t)
	}
	panic(hole("no sample for kind %d", k))
}
