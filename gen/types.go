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

// fixedHeader renders CheckFixedHeader:
//
//	func CheckFixedHeader(first byte, v Version) error {
//		bad := wire.UnknownType
//		switch t := Type(first >> 4); t {
//		case <types with the same flags>:
//			<return if the flags are right; bad = the fault if not>
//		}
//		return Broken(v, Type(first>>4), bad)
//	}
func fixedHeader(f *File, s Spec) {
	f.Comment("CheckFixedHeader reports what is wrong with the first byte of a packet in version v: a")
	f.Comment("*BrokenError, or nil. Version 0 is the time before a CONNECT has named one: then what")
	f.Comment("any version allows is right.")
	f.Func().Id("CheckFixedHeader").Params(Id("first").Byte(), Id("v").Id("Version")).Error().BlockFunc(func(g *Group) {
		g.Id("bad").Op(":=").Add(fault("UnknownType"))
		g.Switch(Id("Type").Call(Id("first").Op(">>").Lit(4))).BlockFunc(func(g *Group) {
			for i, p := range s.Packets {
				if alike(s.Packets[:i], p) != nil {
					continue
				}
				g.Case(alike(s.Packets, p)...).BlockFunc(func(g *Group) { flagsOf(g, p) })
			}
		})
		g.Return(Id("Broken").Call(Id("v"), Id("Type").Call(Id("first").Op(">>").Lit(4)), Id("bad")))
	})
}

// alike is the types of the packets whose fixed header is checked as that of p is.
func alike(packets []spec.Packet, p spec.Packet) (types []Code) {
	for _, q := range packets {
		if q.In == p.In && q.Fixed == p.Fixed && q.Wrong == p.Wrong && slices.Equal(q.Flags, p.Flags) {
			types = append(types, Id("Type"+title(q.Name)))
		}
	}
	return types
}

func flagsOf(g *Group, p spec.Packet) {
	b := byteOfBits{width: 4, fixed: int(p.Fixed), bits: p.Flags}
	always := b.nameless(spec.V31) & b.nameless(spec.V311) & b.nameless(spec.V5)
	later := b.nameless(spec.V5) &^ always
	for _, x := range p.Flags {
		if x.Max > 0 {
			g.If(Id("first").Op(">>").Lit(x.At).Op("&").Add(mask(1<<x.Width - 1)).Op(">").Lit(x.Max)).Block(
				Return(Id("Broken").Call(Id("v"), Id("Type"+title(p.Name)), fault(x.Over))))
		}
	}
	if p.In == spec.V5 {
		g.If(Id("v").Op("!=").Lit(0).Op("&&").Id("v").Op("!=").Id("V5")).Block(Break())
	}
	if always == 0 {
		g.Return(Nil())
		return
	}
	right := func(m int) *Statement { return Id("first").Op("&").Add(mask(m)).Op("==").Add(mask(b.fixed & m)) }
	c := right(always)
	if later != 0 { // the bits that only 3.1 has a name for
		c = c.Op("&&").Parens(Id("v").Op("==").Lit(0).Op("||").Id("v").Op("==").Id("V31").Op("||").Add(right(later)))
	}
	g.If(c).Block(Return(Nil()))
	g.Id("bad").Op("=").Add(fault(p.Wrong))
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
