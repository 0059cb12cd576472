package main

import (
	"slices"

	. "github.com/dave/jennifer/jen"

	"github.com/fletchmq/fletch/spec"
)

// types renders the packet types, the check of a fixed header, and a fresh
// packet of each type.
func types(f *File, s Spec) {
	f.Comment("Type is the type of a control packet, the high half of its first byte, section 2.1.2.")
	f.Type().Id("Type").Uint8()
	f.Comment("The packet types.")
	f.Const().DefsFunc(func(g *Group) {
		for _, p := range s.Packets {
			g.Id("Type" + title(p.Name)).Id("Type").Op("=").Lit(int(p.Type))
		}
	})
	f.Comment("String is the name in the standard.")
	f.Func().Params(Id("t").Id("Type")).Id("String").Params().String().Block(
		Switch(Id("t")).BlockFunc(func(g *Group) {
			for _, p := range s.Packets {
				g.Case(Id("Type" + title(p.Name))).Block(Return(Lit(p.Name)))
			}
		}),
		Return(Lit("reserved type")),
	)
	f.Comment("New is an empty packet of type t, or nil if t is reserved.")
	f.Func().Id("New").Params(Id("t").Id("Type")).Id("Packet").Block(
		Switch(Id("t")).BlockFunc(func(g *Group) {
			for _, p := range s.Packets {
				g.Case(Id("Type" + title(p.Name))).Block(Return(New(Id(title(p.Name)))))
			}
		}),
		Return(Nil()),
	)
	fixedHeader(f, s)
}

// fixedHeader renders CheckFixedHeader, the table behind it, and what it says when
// the table says no.
func fixedHeader(f *File, s Spec) {
	f.Comment("fixedHeaders has for each first byte the versions in which it is right, version v as bit v.")
	f.Comment("Bit 0 is the time before a CONNECT has named one: then what any version allows is right.")
	f.Var().Id("fixedHeaders").Op("=").Index(Lit(256)).Uint8().ValuesFunc(func(g *Group) {
		for first := range 256 {
			if in := rightIn(s, byte(first)); in != 0 {
				g.Line().Add(hex(first)).Op(":").Add(mask(in))
			}
		}
		g.Line()
	})
	f.Comment("CheckFixedHeader reports what is wrong with the first byte of a packet in version v: a")
	f.Comment("*BrokenError, or nil. Version 0 is the time before a CONNECT has named one: then what")
	f.Comment("any version allows is right.")
	f.Func().Id("CheckFixedHeader").Params(Id("first").Byte(), Id("v").Id("Version")).Error().Block(
		If(Id("fixedHeaders").Index(Id("first")).Op(">>").Id("v").Op("&").Lit(1).Op("!=").Lit(0)).Block(Return(Nil())),
		Return(Id("wrongFixedHeader").Call(Id("first"), Id("v"))),
	)
	f.Comment("wrongFixedHeader says what is wrong.")
	f.Func().Id("wrongFixedHeader").Params(Id("first").Byte(), Id("v").Id("Version")).Error().BlockFunc(func(g *Group) {
		g.Id("t").Op(":=").Id("Type").Call(Id("first").Op(">>").Lit(4))
		g.Id("f").Op(":=").Add(fault("UnknownType"))
		g.Switch(Id("t")).BlockFunc(func(g *Group) {
			for i, p := range s.Packets {
				if alike(s.Packets[:i], p) == nil {
					g.Case(alike(s.Packets, p)...).BlockFunc(func(g *Group) { wrongFlags(g, p) })
				}
			}
		})
		g.Return(Id("Broken").Call(Id("v"), Id("t"), Id("f")))
	})
}

// levels is the protocol level of each version.
var levels = map[spec.Version]int{spec.V31: 3, spec.V311: 4, spec.V5: 5}

// rightIn is the versions in which a first byte is right, as fixedHeaders has them.
func rightIn(s Spec, first byte) (in int) {
	for _, p := range s.Packets {
		if p.Type != first>>4 {
			continue
		}
		for v, level := range levels {
			if (p.In == 0 || p.In&v != 0) && rightFlags(p, v, first&15) {
				in |= 1<<level | 1
			}
		}
	}
	return in
}

func rightFlags(p spec.Packet, v spec.Version, flags byte) bool {
	b := byteOfBits{width: 4, fixed: int(p.Fixed), bits: p.Flags, loose: p.Loose}
	for _, x := range p.Flags {
		if x.Max > 0 && int(flags)>>x.At&(1<<x.Width-1) > x.Max {
			return false
		}
	}
	return (int(flags)^b.fixed)&b.nameless(v) == 0
}

// alike is the types of the packets whose flags are wrong in the same way.
func alike(packets []spec.Packet, p spec.Packet) (types []Code) {
	for _, q := range packets {
		if q.In == p.In && q.Wrong == p.Wrong && slices.Equal(q.Flags, p.Flags) {
			types = append(types, Id("Type"+title(q.Name)))
		}
	}
	return types
}

func wrongFlags(g *Group, p spec.Packet) {
	is := Id("f").Op("=").Add(fault(p.Wrong))
	for _, x := range p.Flags {
		if x.Max > 0 { // all that can be wrong with it
			is = Id("f").Op("=").Add(fault(x.Over))
		}
	}
	if p.In == spec.V5 { // in others there is no such type
		g.If(Id("v").Op("==").Lit(0).Op("||").Add(inVersion(p.In))).Block(is)
		return
	}
	g.Add(is)
}

// faults renders a variable of package wire for each Fault.
func faults(f *File, s Spec) {
	codes := map[string]uint8{}
	for _, r := range s.Reasons {
		codes[r.Name] = r.Code
	}
	f.Comment("The faults. They are never changed.")
	f.Var().DefsFunc(func(g *Group) {
		for _, x := range s.Faults {
			g.Id(x.Name).Op("=").Op("&").Id("Fault").Values(hex(int(codes[x.Reason])), Lit(x.V3), Lit(x.V5), Lit(x.Doc))
		}
	})
}
