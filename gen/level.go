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

func levelOf(f *File, names []spec.Name) {
	f.Comment("protocolName is the protocol name of version v, section 3.1.2.1.")
	f.Func().Id("protocolName").Params(Id("v").Id("Version")).String().Block(
		Switch(Id("v")).BlockFunc(func(g *Group) {
			for i, n := range names {
				if !sameName(names[:i], n.Name) {
					g.Case(versionsOf(names, n.Name)...).Block(Return(Lit(n.Name)))
				}
			}
		}),
		Return(Lit("")),
	)
	f.Comment("sizeLevel is the size of a protocol name and a protocol level.")
	f.Func().Id("sizeLevel").Params(Id("v").Id("Version")).Int().Block(
		Return(Lit(3).Op("+").Len(Id("protocolName").Call(Id("v")))))
	f.Comment("appendLevel appends the protocol name and the protocol level of version v.")
	f.Func().Id("appendLevel").Params(Id("b").Index().Byte(), Id("v").Id("Version")).Index().Byte().Block(
		Id("name").Op(":=").Id("protocolName").Call(Id("v")),
		Id("b").Op("=").Append(Id("b"), Lit(0), Byte().Call(Len(Id("name")))),
		Return(Append(Append(Id("b"), Id("name").Op("...")), Byte().Call(Id("v")))),
	)
	f.Comment("readLevel reads a protocol name and a protocol level. It gives 0 for those it does not know.")
	f.Func().Id("readLevel").Params(Id("r").Op("*").Qual(pkgWire, "Reader")).Id("Version").Block(
		Id("name").Op(":=").Id("r").Dot("Binary").Call(),
		Id("v").Op(":=").Id("Version").Call(Id("r").Dot("U8").Call()),
		Switch(String().Call(Id("name"))).BlockFunc(func(g *Group) {
			for i, n := range names {
				if sameName(names[:i], n.Name) {
					continue
				}
				var known *Statement
				for _, v := range versionsOf(names, n.Name) {
					is := Id("v").Op("==").Add(v)
					if known == nil {
						known = is
					} else {
						known = known.Op("||").Add(is)
					}
				}
				g.Case(Lit(n.Name)).Block(
					If(known).Block(Return(Id("v"))),
					Id("r").Dot("Fail").Call(fault("ProtocolLevel")),
				)
			}
			g.Default().Block(Id("r").Dot("Fail").Call(fault("ProtocolName")))
		}),
		Return(Lit(0)),
	)
}

func sameName(names []spec.Name, name string) bool { return len(versionsOf(names, name)) > 0 }

// versionsOf is the versions with this protocol name.
func versionsOf(names []spec.Name, name string) (versions []Code) {
	for _, n := range names {
		if n.Name == name {
			versions = append(versions, Id(versionName[n.In]))
		}
	}
	return versions
}
