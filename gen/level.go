package main

import (
	. "github.com/dave/jennifer/jen"

	"github.com/fletchmq/fletch/spec"
)

// level renders what the Level field of a packet needs: how long a protocol name
// and level are, how they are written, and the version they stand for.
func level(f *File, p spec.Packet) {
	for _, x := range p.Fields {
		if x.Kind == spec.Level {
			levelOf(f, x.Names)
		}
	}
}

var versionName = map[spec.Version]string{spec.V31: "V31", spec.V311: "V311", spec.V5: "V5"}

// levelBytes is a protocol name and level as it stands in a packet.
func levelBytes(n spec.Name) string {
	return string(append(value(spec.Text, 0, n.Name), n.Level))
}

func levelOf(f *File, names []spec.Name) {
	f.Comment("sizeLevel is the size of the protocol name and the protocol level of version v.")
	f.Func().Id("sizeLevel").Params(Id("v").Id("Version")).Int().Block(
		Switch(Id("v")).BlockFunc(func(g *Group) {
			for _, n := range names {
				g.Case(Id(versionName[n.In])).Block(Return(Lit(len(levelBytes(n)))))
			}
		}),
		Return(Lit(0)),
	)
	f.Comment("appendLevel appends the protocol name and the protocol level of version v.")
	f.Func().Id("appendLevel").Params(Id("b").Index().Byte(), Id("v").Id("Version")).Index().Byte().Block(
		Switch(Id("v")).BlockFunc(func(g *Group) {
			for _, n := range names {
				g.Case(Id(versionName[n.In])).Block(Return(AppendFunc(func(g *Group) {
					g.Id("b")
					g.Lit(0)
					g.Lit(len(n.Name))
					for _, c := range n.Name {
						g.LitRune(c)
					}
					g.Lit(int(n.Level))
				})))
			}
		}),
		Return(Id("b")),
	)
	f.Comment("readLevel reads a protocol name and a protocol level. A level that there is not comes back as")
	f.Comment("it is, with a fault; behind a name that there is not, it is 0.")
	f.Func().Id("readLevel").Params(Id("r").Qual(pkgWire, "Reader")).Params(Id("Version"), Qual(pkgWire, "Reader")).Block(
		Id("b").Op(":=").Id("r").Dot("Left").Call(),
		Switch().BlockFunc(func(g *Group) {
			for _, n := range names {
				size := len(levelBytes(n))
				g.Case(Len(Id("b")).Op(">=").Lit(size).Op("&&").String().Call(Id("b").Index(Op(":").Lit(size))).Op("==").Lit(levelBytes(n))).Block(
					Return(Id(versionName[n.In]), Id("r").Dot("Skip").Call(Lit(size))),
				)
			}
		}),
		List(Id("name"), Id("r")).Op(":=").Id("r").Dot("Binary").Call(),
		List(Id("level"), Id("r")).Op(":=").Id("r").Dot("U8").Call(),
		If(known(names)).Block(
			Return(Id("Version").Call(Id("level")), Id("r").Dot("Fail").Call(fault("ProtocolLevel"))),
		),
		Return(Lit(0), Id("r").Dot("Fail").Call(fault("ProtocolName"))),
	)
}

// known is the condition for name to be one of a version.
func known(names []spec.Name) (any *Statement) {
	seen := map[string]bool{}
	for _, n := range names {
		if seen[n.Name] {
			continue
		}
		seen[n.Name] = true
		is := String().Call(Id("name")).Op("==").Lit(n.Name)
		if any == nil {
			any = is
		} else {
			any = any.Op("||").Add(is)
		}
	}
	return any
}
