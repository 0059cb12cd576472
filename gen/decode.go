package main

import (
	. "github.com/dave/jennifer/jen"

	"github.com/fletchmq/fletch/spec"
)

// decode renders:
//
//	func (p *Publish) Decode(first byte, body []byte, v Version) error {
//		r := wire.NewReader(body)
//		<p.Flag = first&mask != 0>
//		<p.X, r = r.X()>
//		if f := r.Done(); f != nil {
//			return Broken(v, TypePublish, f)
//		}
//		return p.rules(v)
//	}
func decode(f *File, p spec.Packet) {
	f.Comment("Decode reads the packet with this first byte and this body. See Packet.")
	hasLevel := len(p.Fields) > 0 && p.Fields[0].Kind == spec.Level
	param := "v"
	if hasLevel {
		param = "_" // the packet itself says it
	}
	method(f, title(p.Name), "Decode").Params(Id("first").Byte(), Id("body").Index().Byte(), Id(param).Id("Version")).Error().BlockFunc(func(g *Group) {
		if short(p) {
			decodeShort(g, p)
		}
		if codes(p) != nil {
			g.Var().Id("carriers").Uint16()
		}
		g.Id("r").Op(":=").Qual(pkgWire, "NewReader").Call(Id("body"))
		if p.In != 0 {
			refuseIf(g, "r", Op("!").Parens(inVersion(p.In)), fault("UnknownType"))
		}
		fields := p.Fields
		if hasLevel { // first, so that all that follows is of a version
			g.List(Id("v"), Id("r")).Op(":=").Id("readLevel").Call(Id("r"))
			g.Add(packet(fields[0].Name)).Op("=").Id("v")
			fields = fields[1:]
		}
		reserved(g, "first", byteOfBits{width: 4, fixed: int(p.Fixed), bits: p.Flags, wrong: p.Wrong, loose: p.Loose})
		unpack(g, "first", p.Flags, packet)
		for len(fields) > 0 {
			n := 1
			if bound(fields, n) {
				n++
			}
			getOrZero(g, fields[:n], p, packet)
			fields = fields[n:]
		}
		g.If(Id("f").Op(":=").Id("r").Dot("Done").Call(), Id("f").Op("!=").Nil()).Block(
			Return(Id("Broken").Call(Id("v"), Id("Type"+title(p.Name)), Id("f"))))
		g.Return(ruled(p, func(*Statement) *Statement { return Id("carriers") }))
	})
}

// ruled is what a packet that has been read is worth: what its rules say, if it
// has any, which are told what may carry its codes.
func ruled(p spec.Packet, carriers func(codes *Statement) *Statement) *Statement {
	if !hasRules(p) {
		return Nil()
	}
	rules := []Code{Id("v")}
	if at := codes(p); at != nil {
		rules = append(rules, carriers(at))
	}
	return Id("p").Dot("rules").Call(rules...)
}

// getOrZero reads a field if it is there, and makes it zero if it is not, with the
// one that is bound to it.
func getOrZero(g *Group, fields []spec.Field, p spec.Packet, at place) {
	x := fields[0]
	c := both(guard(x, p, at), more(x))
	if c == nil {
		get(g, x, p, at)
		return
	}
	g.If(c).BlockFunc(func(g *Group) {
		for _, y := range fields {
			get(g, y, p, at)
		}
	}).Else().BlockFunc(func(g *Group) {
		for _, y := range fields {
			zero(g, y, at)
		}
		if x.Tail != 0 && x.If.Op == spec.IsSet {
			g.Add(at(x.If.Field)).Op("=").False() // announced, and missing
		}
	})
}

// more is the condition for a field that the packet may end before.
func more(x spec.Field) *Statement {
	left := func() *Statement { return Id("r").Dot("Len").Call().Op(">").Lit(0) }
	switch x.Tail {
	case 0:
		return nil
	case x.In:
		return left()
	}
	return Parens(inVersion(spec.All &^ x.Tail).Op("||").Add(left()))
}

func get(g *Group, x spec.Field, p spec.Packet, at place) {
	switch x.Kind {
	case spec.Bits:
		local := lower(x.Name)
		g.Var().Id(local).Byte()
		g.List(Id(local), Id("r")).Op("=").Id("r").Dot("U8").Call()
		reserved(g, local, byteOfBits{width: 8, bits: x.Bits, wrong: x.Wrong, loose: x.Loose})
		unpack(g, local, x.Bits, at)
	case spec.Props:
		g.Id("r").Op("=").Add(at(x.Name)).Dot("decode").Call(Id("r"))
	case spec.Group:
		for _, y := range x.Fields {
			getOrZero(g, []spec.Field{y}, p, at.inside(x))
		}
	case spec.List:
		getList(g, x, p, at)
	default:
		read(g, "r", x, at(x.Name))
	}
}

// getList reads the elements in place, behind each other. Codes are what is left, and
// are looked up on the way.
func getList(g *Group, x spec.Field, p spec.Packet, at place) {
	all := lower(x.Name) // a variable, which the compiler need not load again for each of them
	if isCodes(x) {
		g.Var().Id("left").Index().Byte()
		g.List(Id("left"), Id("r")).Op("=").Id("r").Dot("Rest").Call()
		g.Id(all).Op(":=").Qual("slices", "Grow").Call(at(x.Name).Index(Op(":").Lit(0)), Len(Id("left"))).Index(Op(":").Len(Id("left")))
		g.Id("carriers").Op("=").Id("copyCodes").Call(Id(all), Id("left"), Id("v"))
		g.Add(at(x.Name)).Op("=").Id(all)
		return
	}
	g.Id(all).Op(":=").Add(at(x.Name)).Index(Op(":").Lit(0))
	g.For(Id("r").Dot("Len").Call().Op(">").Lit(0)).BlockFunc(func(g *Group) {
		if single(x) {
			g.Var().Id("x").Add(goType(x.Fields[0]))
			read(g, "r", x.Fields[0], Id("x"))
			g.Id(all).Op("=").Append(Id(all), Id("x"))
			return
		}
		g.Id(all).Op("=").Append(Id(all), Id(x.As).Values())
		g.Id("x").Op(":=").Op("&").Id(all).Index(Len(Id(all)).Op("-").Lit(1))
		for _, y := range x.Fields {
			get(g, y, p, members(func() *Statement { return Id("x") }))
		}
	})
	g.Add(at(x.Name)).Op("=").Id(all)
}

var readers = map[spec.Kind]string{
	spec.U8: "U8", spec.U16: "U16", spec.U32: "U32", spec.VarInt: "VarInt",
	spec.Text: "Text", spec.Binary: "Binary", spec.Rest: "Rest",
}

// read renders the assignment of a field off a Reader.
func read(g *Group, from string, x spec.Field, to *Statement) {
	next := Id(from).Dot(readers[x.Kind]).Call()
	if x.As == "" {
		g.List(to, Id(from)).Op("=").Add(next)
		return
	}
	local := lower(x.Name)
	g.Var().Id(local).Add(goType(spec.Field{Kind: x.Kind}))
	g.List(Id(local), Id(from)).Op("=").Add(next)
	g.Add(to).Op("=").Add(conv(x.As, Id(local)))
}

// refuseIf renders the fault of a Reader under a condition.
func refuseIf(g *Group, from string, bad, fault *Statement) {
	g.Id(from).Op("=").Id(from).Dot("Refuse").Call(bad, fault)
}

// conv converts v to Go type as, when it has one of its own.
func conv(as string, v *Statement) *Statement {
	if as == "" {
		return v
	}
	return Id(as).Call(v)
}

// byteOfBits is a byte, or the low nibble of one, made of named bits.
type byteOfBits struct {
	width int
	fixed int // what the bits without a name must be
	bits  []spec.Bit
	wrong string
	loose spec.Version
}

// nameless is the mask of the bits that have no name in version v.
func (b byteOfBits) nameless(v spec.Version) int {
	m := 1<<b.width - 1
	if b.loose&v != 0 {
		return 0
	}
	for _, x := range b.bits {
		if x.In == 0 || x.In&v != 0 {
			m &^= (1<<max(x.Width, 1) - 1) << x.At
		}
	}
	return m
}

// reserved renders a check of the bits without a name for each set of versions
// in which the same bits have none.
func reserved(g *Group, from string, b byteOfBits) {
	masks := map[spec.Version]int{}
	for i := range b.width {
		var in spec.Version
		for _, v := range []spec.Version{spec.V31, spec.V311, spec.V5} {
			if b.nameless(v)&(1<<i) != 0 {
				in |= v
			}
		}
		masks[in] |= 1 << i
	}
	for in := spec.All; in > 0; in-- {
		if m := masks[in]; m != 0 {
			want := Lit(0)
			if b.fixed&m != 0 {
				want = mask(b.fixed & m)
			}
			refuseIf(g, "r", both(inVersion(in), Id(from).Op("&").Add(mask(m)).Op("!=").Add(want)), fault(b.wrong))
		}
	}
}

// unpack renders the assignments of named bits.
func unpack(g *Group, from string, bits []spec.Bit, at place) {
	for _, b := range bits {
		c := inVersion(b.In)
		if b.Width <= 1 {
			g.Add(at(b.Name)).Op("=").Add(both(c, Id(from).Op("&").Add(mask(1<<b.At)).Op("!=").Lit(0)))
			continue
		}
		take := func(g *Group) {
			v := Id(from)
			if b.At > 0 {
				v = v.Op(">>").Lit(b.At)
			}
			v = v.Op("&").Add(mask(1<<b.Width - 1))
			g.Add(at(b.Name)).Op("=").Add(conv(b.As, v))
			if b.Max > 0 {
				refuseIf(g, "r", at(b.Name).Op(">").Lit(b.Max), fault(b.Over))
			}
		}
		if c == nil {
			take(g)
			continue
		}
		g.If(c).BlockFunc(take).Else().Block(at(b.Name).Op("=").Lit(0))
	}
}

// zero renders what a field is that is not in the packet.
func zero(g *Group, x spec.Field, at place) {
	switch x.Kind {
	case spec.Props:
		g.Add(at(x.Name)).Dot("Reset").Call()
	case spec.Group:
		for _, y := range x.Fields {
			zero(g, y, at.inside(x))
		}
	case spec.List:
		g.Add(at(x.Name)).Op("=").Add(at(x.Name)).Index(Op(":").Lit(0))
	case spec.Text, spec.Binary, spec.Rest:
		g.Add(at(x.Name)).Op("=").Nil()
	default:
		g.Add(at(x.Name)).Op("=").Lit(0)
	}
}
