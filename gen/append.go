package main

import (
	. "github.com/dave/jennifer/jen"

	"github.com/fletchmq/fletch/spec"
)

// appendTo renders:
//
//	func (p *Publish) AppendTo(b []byte, v Version) []byte {
//		b = appendHeader(b, <type and flags>, p.Size(v))
//		<b = wire.AppendX(b, p.X)>
//		return b
//	}
//
// and for a packet that ends in a Rest the same without it, AppendHead.
func appendTo(f *File, p spec.Packet) {
	head, rest := p.Fields, ""
	if n := len(p.Fields); n > 0 && p.Fields[n-1].Kind == spec.Rest {
		head, rest = p.Fields[:n-1], p.Fields[n-1].Name
	}
	name := "AppendTo"
	if rest != "" {
		f.Comment("AppendTo appends p, fixed header and all, in version v. See Packet.")
		method(f, title(p.Name), name).Params(Id("b").Index().Byte(), Id("v").Id("Version")).Index().Byte().Block(
			Return(Append(Id("p").Dot("AppendHead").Call(Id("b"), Id("v")), packet(rest).Op("..."))))
		name = "AppendHead"
		f.Commentf("AppendHead appends all of p that stands before the %s, for who writes that from", lower(rest))
		f.Comment("where it is, and saves a copy.")
	} else {
		f.Comment("AppendTo appends p, fixed header and all, in version v. See Packet.")
	}
	method(f, title(p.Name), name).Params(Id("b").Index().Byte(), Id("v").Id("Version")).Index().Byte().BlockFunc(func(g *Group) {
		always, later := byVersion(p.Flags)
		first := packed(int(p.Type)<<4|int(p.Fixed), always, packet)
		if len(later) > 0 {
			g.Id("first").Op(":=").Byte().Call(first)
			g.If(inVersion(later[0].In)).Block(Id("first").Op("|=").Add(packed(0, later, packet)))
			first = Id("first")
		}
		if short(p) {
			id := func() *Statement { return packet(p.Fields[0].Name) }
			g.If(bare(p)).Block(Return(Append(Id("b"), first.Clone(), Lit(2), Byte().Call(id().Op(">>").Lit(8)), Byte().Call(id()))))
		}
		room := Id("n")
		if rest != "" {
			room = room.Clone().Op("-").Len(packet(rest))
		}
		g.Id("n").Op(":=").Id("p").Dot("Size").Call(Id("v"))
		g.Id("b").Op("=").Id("appendHeader").Call(Id("b"), first, Id("n"), room)
		for len(head) > 0 {
			if bytes, n := run(head); n > 1 { // one append for all of them
				g.Id("b").Op("=").Append(append([]Code{Id("b")}, bytes...)...)
				head = head[n:]
				continue
			}
			x := head[0]
			guarded(g, both(guard(x, p, packet), tail(x, p)), func(g *Group) { add(g, x, p, packet) })
			head = head[1:]
		}
		g.Return(Id("b"))
	})
}

// run is the bytes of the first n of fields, as long as they are always there and
// their bytes are expressions.
func run(fields []spec.Field) (bytes []Code, n int) {
	for _, x := range fields {
		if x.In != 0 || x.If.Op != spec.Always || x.Tail != 0 {
			break
		}
		_, later := byVersion(x.Bits)
		switch {
		case x.Kind == spec.Bits && len(later) == 0:
			bytes = append(bytes, packed(0, x.Bits, packet))
		case x.Kind == spec.U8:
			bytes = append(bytes, byteOf(x.As, packet(x.Name)))
		case x.Kind == spec.U16:
			bytes = append(bytes, Byte().Call(packet(x.Name).Op(">>").Lit(8)), Byte().Call(packet(x.Name)))
		default:
			return bytes, n
		}
		n++
	}
	return bytes, n
}

func add(g *Group, x spec.Field, p spec.Packet, at place) {
	set := func(s *Statement) { g.Id("b").Op("=").Add(s) }
	switch x.Kind {
	case spec.U8:
		set(Append(Id("b"), byteOf(x.As, at(x.Name))))
	case spec.Bits:
		always, later := byVersion(x.Bits)
		set(Append(Id("b"), packed(0, always, at)))
		if len(later) > 0 {
			g.If(inVersion(later[0].In)).Block(Id("b").Index(Len(Id("b")).Op("-").Lit(1)).Op("|=").Add(packed(0, later, at)))
		}
	case spec.Level:
		set(Id("appendLevel").Call(Id("b"), Id("v")))
	case spec.Rest:
		set(Append(Id("b"), at(x.Name).Op("...")))
	case spec.Props:
		set(at(x.Name).Dot("appendTo").Call(Id("b")))
	case spec.Group:
		for _, y := range x.Fields {
			guarded(g, guard(y, p, at.inside(x)), func(g *Group) { add(g, y, p, at.inside(x)) })
		}
	case spec.List:
		at.elements(g, x, func(g *Group, at place) {
			for _, y := range x.Fields {
				add(g, y, p, at)
			}
		})
	default:
		set(Qual(pkgWire, appender[x.Kind]).Call(Id("b"), at(x.Name)))
	}
}

var appender = map[spec.Kind]string{
	spec.U16: "AppendU16", spec.U32: "AppendU32", spec.VarInt: "AppendVarInt",
	spec.Text: "AppendBinary", spec.Binary: "AppendBinary",
}

// byteOf converts a value of Go type as, when it has one of its own.
func byteOf(as string, v *Statement) *Statement {
	if as == "" {
		return v
	}
	return Byte().Call(v)
}

// packed is one byte: a constant and bit ranges.
func packed(c int, bits []spec.Bit, at place) (s *Statement) {
	if c != 0 || len(bits) == 0 {
		s = hex(c)
	}
	for _, b := range bits {
		v := byteOf(b.As, at(b.Name))
		if b.Width <= 1 {
			v = Id("bit").Call(at(b.Name))
		}
		if b.At > 0 {
			v = v.Op("<<").Lit(b.At)
		}
		if s == nil {
			s = v
		} else {
			s = s.Op("|").Add(v)
		}
	}
	return s
}

// byVersion parts the bits of every version from those of some, which must be
// the same versions for all of them.
func byVersion(bits []spec.Bit) (always, some []spec.Bit) {
	for _, b := range bits {
		switch {
		case b.In == 0:
			always = append(always, b)
		case len(some) > 0 && some[0].In != b.In:
			panic(hole("bits %s and %s are in different versions", some[0].Name, b.Name))
		default:
			some = append(some, b)
		}
	}
	return always, some
}
