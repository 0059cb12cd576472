package main

import (
	"strings"
	"unicode"

	. "github.com/dave/jennifer/jen"

	"github.com/fletchmq/fletch/spec"
)

// describe renders String, LogValue, and what both are made from:
//
//	func (p *Publish) describe(w *printer) {
//		w.flag("dup", p.Dup)
//		…
//	}
func describe(f *File, p spec.Packet) {
	typ := title(p.Name)
	f.Comment("String is p in one line, without secrets.")
	method(f, typ, "String").Params().String().Block(Return(Id("printLine").Call(Lit(p.Name), Id("p").Dot("describe"))))
	f.Comment("LogValue is p as attributes for package slog, without secrets.")
	method(f, typ, "LogValue").Params().Qual("log/slog", "Value").Block(Return(Id("printAttrs").Call(Lit(p.Name), Id("p").Dot("describe"))))
	f.Comment("describe tells w what p holds.")
	if len(p.Fields)+len(p.Flags) == 0 {
		f.Func().Params(Op("*").Id(typ)).Id("describe").Params(Op("*").Id("printer")).Block()
		return
	}
	method(f, typ, "describe").Params(Id("w").Op("*").Id("printer")).BlockFunc(func(g *Group) {
		describeBits(g, p.Flags, packet)
		describeFields(g, p.Fields, p, packet)
	})
}

func describeFields(g *Group, fields []spec.Field, p spec.Packet, at place) {
	for _, x := range fields {
		guarded(g, holds(x.If, p, at), func(g *Group) { describeField(g, x, p, at) })
	}
}

func describeField(g *Group, x spec.Field, p spec.Packet, at place) {
	show := func(how string, v ...Code) { g.Id("w").Dot(how).Call(append([]Code{Lit(kebab(x.Name))}, v...)...) }
	switch {
	case x.Secret:
		show("secret")
	case x.Kind == spec.Bits:
		describeBits(g, x.Bits, at)
	case x.As == "ReasonCode":
		show("code", at(x.Name))
	case x.Kind == spec.Level:
		show("text", Index().Byte().Call(at(x.Name).Dot("String").Call()))
	case x.Kind == spec.Text:
		show("text", at(x.Name))
	case x.Kind == spec.Binary, x.Kind == spec.Rest:
		show("data", at(x.Name))
	case x.Kind == spec.Props:
		g.Add(at(x.Name)).Dot("describe").Call(Id("w"))
	case x.Kind == spec.Group:
		g.Id("w").Dot("prefix").Op("=").Lit(kebab(x.Name) + "-")
		describeFields(g, x.Fields, p, at.inside(x))
		g.Id("w").Dot("prefix").Op("=").Lit("")
	case single(x) && x.Fields[0].As == "ReasonCode":
		g.Id("w").Dot("codes").Call(Lit(kebab(x.Fields[0].Name)), at(x.Name))
	case x.Kind == spec.List:
		at.elements(g, x, func(g *Group, at place) { describeFields(g, x.Fields, p, at) })
	default:
		show("number", Uint32().Call(at(x.Name)))
	}
}

// describeBits shows flags that are set, and numbers that are not zero.
func describeBits(g *Group, bits []spec.Bit, at place) {
	for _, b := range bits {
		switch {
		case strings.HasPrefix(b.Name, "Has"): // what it announces is shown itself
		case b.Width <= 1:
			g.Id("w").Dot("flag").Call(Lit(kebab(b.Name)), at(b.Name))
		default:
			g.If(at(b.Name).Op(">").Lit(0)).Block(Id("w").Dot("number").Call(Lit(kebab(b.Name)), Uint32().Call(at(b.Name))))
		}
	}
}

// describeBlock renders the same for a property block.
func describeBlock(f *File, name string, rows []row) {
	f.Comment("describe tells w which properties are there.")
	method(f, propsType(name), "describe").Params(Id("w").Op("*").Id("printer")).BlockFunc(func(g *Group) {
		for _, x := range rows {
			if x.user() {
				g.Id("w").Dot("users").Call(Id("p").Dot("user").Dot("all"))
				continue
			}
			each(g, x, func(g *Group, v *Statement) {
				key := Lit(strings.TrimPrefix(kebab(x.Name), strings.ToLower(name)+"-")) // not will-will-delay-interval
				switch {
				case x.Secret:
					g.Id("w").Dot("secret").Call(key)
				case x.Kind == spec.Text:
					g.Id("w").Dot("text").Call(key, v)
				case x.Kind == spec.Binary:
					g.Id("w").Dot("data").Call(key, v)
				case x.Kind == spec.Bool:
					g.Id("w").Dot("number").Call(key, Uint32().Call(Id("bit").Call(v)))
				default:
					g.Id("w").Dot("number").Call(key, Uint32().Call(v))
				}
			})
		}
	})
}

// kebab is a Go name as a key in a log: PacketID is packet-id.
func kebab(name string) string {
	var b strings.Builder
	rs := []rune(strings.ReplaceAll(name, "QoS", "Qos"))
	for i, r := range rs {
		if unicode.IsUpper(r) && i > 0 && (unicode.IsLower(rs[i-1]) || i+1 < len(rs) && unicode.IsLower(rs[i+1])) {
			b.WriteByte('-')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}
