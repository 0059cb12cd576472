package main

import (
	. "github.com/dave/jennifer/jen"

	"github.com/fletchmq/fletch/spec"
)

// short reports whether p may end behind a first field of two bytes, and then has
// no rule but that this is not zero. Most such packets do, and are written and read
// without looking further.
func short(p spec.Packet) bool {
	if len(p.Fields) < 2 || p.Fields[0].Kind != spec.U16 || p.Fields[1].Tail == 0 {
		return false
	}
	for _, r := range p.Rules {
		if m := r.Must; m.Op != spec.ReasonOK && (m.Op != spec.Above || m.Value != 0 || m.Field != p.Fields[0].Name) {
			return false
		}
	}
	return true
}

// bare is the condition for a short packet to end there.
func bare(p spec.Packet) *Statement {
	c := inVersion(spec.All &^ p.Fields[1].Tail)
	var zero *Statement
	for _, x := range p.Fields[1:] {
		is := packet(x.Name).Op("==").Lit(0)
		if x.Kind == spec.Props {
			is = packet(x.Name).Dot("has").Op("==").Lit(0)
		}
		zero = both(zero, is)
	}
	return c.Op("||").Add(zero)
}

// decodeShort renders Decode of a short packet. It breaks no rule if its field is
// not zero; else what is behind it says so.
func decodeShort(g *Group, p spec.Packet) {
	g.If(Id("first").Op("==").Add(hex(int(p.Type)<<4 | int(p.Fixed))).Op("&&").Len(Id("body")).Op("==").Lit(2)).Block(
		If(Id("id").Op(":=").Qual("encoding/binary", "BigEndian").Dot("Uint16").Call(Id("body")), Id("id").Op(">").Lit(0)).BlockFunc(func(g *Group) {
			for _, b := range p.Flags {
				g.Add(packet(b.Name)).Op("=").False()
			}
			g.Add(packet(p.Fields[0].Name)).Op("=").Id("id")
			for _, x := range p.Fields[1:] {
				zero(g, x, packet)
			}
			g.Return(Nil())
		}),
	)
}
