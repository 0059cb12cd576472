package main

import (
	. "github.com/dave/jennifer/jen"

	"github.com/fletchmq/fletch/spec"
)

// structs renders the struct of a packet and those of its groups and lists:
//
//	// Publish <doc>
//	type Publish struct {
//		<one field for each flag>
//		<one field for each field>
//	}
func structs(f *File, p spec.Packet) {
	f.Commentf("%s %s Section %s.", title(p.Name), p.Doc, p.Section)
	f.Type().Id(title(p.Name)).StructFunc(func(g *Group) {
		declareBits(g, p.Flags)
		declare(g, p.Fields)
	})
	for _, x := range p.Fields {
		switch {
		case x.Kind == spec.Group:
			f.Commentf("%s is the %s of %s.", x.Name, lower(x.Name), title(p.Name))
			f.Type().Id(x.Name).StructFunc(func(g *Group) { declare(g, x.Fields) })
		case x.Kind == spec.List && !single(x):
			f.Commentf("%s is one of the %s of %s.", x.As, x.Name, title(p.Name))
			f.Type().Id(x.As).StructFunc(func(g *Group) { declare(g, x.Fields) })
		}
	}
	f.Comment("Type is Type" + title(p.Name) + ".")
	f.Func().Params(Op("*").Id(title(p.Name))).Id("Type").Params().Id("Type").Block(Return(Id("Type" + title(p.Name))))
}

func declare(g *Group, fields []spec.Field) {
	for _, x := range fields {
		if x.Kind == spec.Bits {
			declareBits(g, x.Bits)
			continue
		}
		comment(g.Id(x.Name).Add(goType(x)), x.Doc)
	}
}

func declareBits(g *Group, bits []spec.Bit) {
	for _, b := range bits {
		comment(g.Id(b.Name).Add(bitType(b)), b.Doc)
	}
}

func comment(s *Statement, doc string) {
	if doc != "" {
		s.Comment(doc)
	}
}
