package main

import (
	. "github.com/dave/jennifer/jen"

	"github.com/fletchmq/fletch/spec"
)

// dispatch renders for each direction a struct with one of each packet that goes
// this way, and its Decode:
//
//	type FromClient struct {
//		Connect Connect
//		…
//	}
//
//	func (d *FromClient) Decode(first byte, body []byte, v Version) (Packet, error) {
//		switch Type(first >> 4) {
//		case TypeConnect:
//			return &d.Connect, d.Connect.Decode(first, body, v)
//		…
//		}
//	}
func dispatch(f *File, s Spec) {
	for _, from := range []spec.Side{spec.Client, spec.Server} {
		typ := "From" + sideName[from]
		f.Commentf("%s has one of each packet that a %s sends, to be decoded into again and again.", typ, lower(sideName[from]))
		f.Type().Id(typ).StructFunc(func(g *Group) {
			for _, p := range s.Packets {
				if sends(p, from) {
					g.Id(title(p.Name)).Id(title(p.Name))
				}
			}
		})
		f.Comment("Decode reads a packet into the field of its type, and returns that field. See Packet;")
		f.Commentf("beyond what a packet's own Decode refuses, it refuses what a %s must not send.", lower(sideName[from]))
		f.Func().Params(Id("d").Op("*").Id(typ)).Id("Decode").
			Params(Id("first").Byte(), Id("body").Index().Byte(), Id("v").Id("Version")).
			Params(Id("Packet"), Error()).
			BlockFunc(func(g *Group) {
				g.Switch(Id("Type").Call(Id("first").Op(">>").Lit(4))).BlockFunc(func(g *Group) {
					for _, p := range s.Packets {
						if sends(p, from) {
							g.Case(Id("Type" + title(p.Name))).BlockFunc(func(g *Group) { decodeFrom(g, s, p, from) })
						}
					}
					g.Case(Lit(0)).Block(Return(Nil(), Id("Broken").Call(Id("v"), Lit(0), fault("UnknownType"))))
				})
				g.Return(Nil(), Id("Broken").Call(Id("v"), Id("Type").Call(Id("first").Op(">>").Lit(4)), fault("WrongWay")))
			})
	}
}

// sends reports whether that side sends p in any version.
func sends(p spec.Packet, from spec.Side) bool { return p.From == 0 || p.From == from }

func decodeFrom(g *Group, s Spec, p spec.Packet, from spec.Side) {
	name := title(p.Name)
	if p.Was != 0 && p.Was != from {
		g.If(Id("v").Op("!=").Id("V5")).Block(Break())
	}
	decode := Id("d").Dot(name).Dot("Decode").Call(Id("first"), Id("body"), Id("v"))
	if directed(s, p) {
		decode = Id("d").Dot(name).Dot("DecodeFrom").Call(Id(sideName[from]), Id("first"), Id("body"), Id("v"))
	}
	g.Return(Op("&").Id("d").Dot(name), decode)
}
