package main

import (
	. "github.com/dave/jennifer/jen"

	"github.com/fletchmq/fletch/spec"
)

// blockCodec renders size, appendTo, decode and check of a property block.
func blockCodec(f *File, name string, rows []row) {
	typ := propsType(name)

	f.Comment("size is the length of the block without its length prefix.")
	method(f, typ, "size").Params().Params(Id("n").Int()).BlockFunc(func(g *Group) {
		g.If(Id("p").Dot("has").Op("==").Lit(0)).Block(Return(Lit(0)))
		for _, x := range rows {
			each(g, x, func(g *Group, v *Statement) { g.Id("n").Op("+=").Add(propSize(x, v)) })
		}
		g.Return(Id("n"))
	})

	f.Comment("appendTo appends the block in the order of the identifiers.")
	method(f, typ, "appendTo").Params(Id("b").Index().Byte()).Index().Byte().BlockFunc(func(g *Group) {
		g.If(Id("p").Dot("has").Op("==").Lit(0)).Block(Return(Append(Id("b"), Lit(0)))) // [MQTT-2.2.2-1]
		g.Id("b").Op("=").Qual(pkgWire, "AppendVarInt").Call(Id("b"), Uint32().Call(Id("p").Dot("size").Call()))
		for _, x := range rows {
			each(g, x, func(g *Group, v *Statement) { g.Id("b").Op("=").Add(propAppend(x, v)) })
		}
		g.Return(Id("b"))
	})

	f.Comment("decode reads the block with its length prefix.")
	method(f, typ, "decode").Params(Id("r").Qual(pkgWire, "Reader")).Qual(pkgWire, "Reader").BlockFunc(func(g *Group) {
		g.Id("p").Dot("Reset").Call()
		g.List(Id("b"), Id("r")).Op(":=").Id("r").Dot("Block").Call()
		g.For(Id("b").Dot("Len").Call().Op(">").Lit(0)).BlockFunc(func(g *Group) {
			g.Id("at").Op(":=").Id("b").Dot("Left").Call()
			g.Var().Id("first").Byte()
			g.List(Id("first"), Id("b")).Op("=").Id("b").Dot("U8").Call()
			g.Id("id").Op(":=").Id("Property").Call(Id("first"))
			again := Id("p").Dot("has").Dot("Has").Call(Id("id"))
			for _, x := range rows {
				if x.many {
					again = again.Op("&&").Id("id").Op("!=").Add(x.id())
				}
			}
			refuseIf(g, "b", again, fault("PropertyTwice"))
			g.Switch(Id("id")).BlockFunc(func(g *Group) {
				for _, x := range rows {
					g.Case(x.id()).BlockFunc(func(g *Group) { propGet(g, x) })
				}
				g.Default().Block(Id("b").Op("=").Id("b").Dot("Fail").Call(fault("PropertyUnknown")))
			})
			g.Id("p").Dot("has").Dot("add").Call(Id("id"))
		})
		g.Return(Id("r").Dot("Join").Call(Id("b")))
	})

	f.Comment("check tells c what would keep a peer from accepting the block.")
	method(f, typ, "check").Params(Id("c").Op("*").Id("checker")).BlockFunc(func(g *Group) {
		for _, x := range rows {
			if !checked(x) {
				continue
			}
			each(g, x, func(g *Group, v *Statement) { propCheck(g, x, v) })
		}
	})
}

// each adds body on the value of row x, if it is there, and once for each value
// of a list. The block of user properties is one value.
func each(g *Group, x row, body func(*Group, *Statement)) {
	switch {
	case x.user():
		g.If(x.has()).BlockFunc(func(g *Group) { body(g, Id("p").Dot("user").Dot("all")) })
	case x.many:
		g.For(List(Id("_"), Id("x")).Op(":=").Range().Add(x.at())).BlockFunc(func(g *Group) { body(g, Id("x")) })
	default:
		g.If(x.has()).BlockFunc(func(g *Group) { body(g, x.at()) })
	}
}

// propSize is the length of one property, identifier included.
func propSize(x row, v *Statement) *Statement {
	n := Lit(1 + width(x.Kind))
	switch x.Kind {
	case spec.VarInt:
		return n.Op("+").Qual(pkgWire, "SizeVarInt").Call(v)
	case spec.Text, spec.Binary:
		return n.Op("+").Len(v)
	case spec.Pair:
		return Len(v)
	}
	return n
}

func propAppend(x row, v *Statement) *Statement {
	id := func() *Statement { return Byte().Call(x.id()) }
	switch x.Kind {
	case spec.U8:
		return Append(Id("b"), id(), byteOf(x.As, v))
	case spec.Bool:
		return Append(Id("b"), id(), Id("bit").Call(v))
	case spec.Pair:
		return Append(Id("b"), v.Op("..."))
	}
	return Qual(pkgWire, appender[x.Kind]).Call(Append(Id("b"), id()), v)
}

func propGet(g *Group, x row) {
	switch {
	case x.user():
		g.Id("b").Op("=").Id("p").Dot("user").Dot("read").Call(Id("at"), Id("b"))
		return
	case x.Kind == spec.Bool:
		g.Var().Id("v").Byte()
		g.List(Id("v"), Id("b")).Op("=").Id("b").Dot("U8").Call()
		refuseIf(g, "b", Id("v").Op(">").Lit(1), outOfRange(x))
		g.Add(x.at()).Op("=").Id("v").Op("==").Lit(1)
		return
	}
	v := x.at()
	if x.many {
		v = Id("v")
		g.Var().Add(v.Clone()).Add(goType(x.asField()))
	}
	read(g, "b", x.asField(), v.Clone())
	if c := bad(x, v.Clone()); c != nil {
		refuseIf(g, "b", c, outOfRange(x))
	}
	if x.many {
		g.Add(x.at()).Op("=").Append(x.at(), v)
	}
}

// bad is the condition for a value to be out of range, nil if there is none.
func bad(x row, v *Statement) *Statement {
	switch {
	case x.NonZero:
		return v.Op("==").Lit(0)
	case x.Max > 0:
		return v.Op(">").Lit(x.Max)
	}
	return nil
}

func outOfRange(x row) *Statement {
	if x.Range != "" {
		return fault(x.Range)
	}
	return fault("PropertyRange")
}

// checked reports whether there is anything to check in a value.
func checked(x row) bool {
	return x.NonZero || x.Max > 0 || x.Kind == spec.VarInt || x.Kind == spec.Text || x.Kind == spec.Binary || x.Kind == spec.Pair
}

func propCheck(g *Group, x row, v *Statement) {
	switch x.Kind {
	case spec.Text:
		g.Id("c").Dot("text").Call(v)
	case spec.Binary:
		g.Id("c").Dot("binary").Call(v)
	case spec.Pair:
		g.Id("c").Dot("add").Call(v.Dot("check").Call())
	case spec.VarInt:
		g.Id("c").Dot("refuse").Call(v.Clone().Op(">").Qual(pkgWire, "MaxVarInt"), fault("VarIntLong"))
	}
	if c := bad(x, v.Clone()); c != nil {
		g.Id("c").Dot("refuse").Call(c, outOfRange(x))
	}
}
