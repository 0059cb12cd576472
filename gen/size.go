package main

import (
	"slices"

	. "github.com/dave/jennifer/jen"

	"github.com/fletchmq/fletch/spec"
)

// size renders:
//
//	func (p *Publish) Size(v Version) int {
//		n := <what is always there>
//		<n += what may be there>
//		return n
//	}
func size(f *File, p spec.Packet) {
	f.Comment("Size is the Remaining Length of p in version v.")
	if len(p.Fields) == 0 {
		f.Func().Params(Op("*").Id(title(p.Name))).Id("Size").Params(Id("Version")).Int().Block(Return(Lit(0)))
		return
	}
	method(f, title(p.Name), "Size").Params(Id("v").Id("Version")).Int().BlockFunc(func(g *Group) {
		always, rest := split(p.Fields)
		g.Id("n").Op(":=").Add(sum(always, packet))
		for _, x := range rest {
			guarded(g, both(guard(x, p, packet), tail(x, p)), func(g *Group) { addSize(g, x, p, packet) })
		}
		g.Return(Id("n"))
	})
}

// split parts the fields that are always there, and whose size is an
// expression, from the others.
func split(fields []spec.Field) (always, rest []spec.Field) {
	for _, x := range fields {
		shape := x.Kind == spec.Group || x.Kind == spec.List || x.Kind == spec.Props || x.Kind == spec.Level
		if x.In == 0 && x.If.Op == spec.Always && x.Tail == 0 && !shape {
			always = append(always, x)
		} else {
			rest = append(rest, x)
		}
	}
	return always, rest
}

// sum is the size of fields: one number, and the lengths of those that vary.
func sum(fields []spec.Field, at place) *Statement {
	n := 0
	var vary []*Statement
	for _, x := range fields {
		n += width(x.Kind)
		switch x.Kind {
		case spec.Text, spec.Binary, spec.Rest:
			vary = append(vary, Len(at(x.Name)))
		}
	}
	s := Lit(n)
	for _, v := range vary {
		s = s.Op("+").Add(v)
	}
	return s
}

func addSize(g *Group, x spec.Field, p spec.Packet, at place) {
	switch x.Kind {
	case spec.Level:
		g.Id("n").Op("+=").Id("sizeLevel").Call(Id("v"))
	case spec.Props:
		g.Id("n").Op("+=").Id("sizeBlock").Call(at(x.Name).Dot("size").Call())
	case spec.Group:
		always, rest := split(x.Fields)
		g.Id("n").Op("+=").Add(sum(always, at.inside(x)))
		for _, y := range rest {
			guarded(g, guard(y, p, at.inside(x)), func(g *Group) { addSize(g, y, p, at.inside(x)) })
		}
	case spec.List:
		if isCodes(x) {
			g.Id("n").Op("+=").Len(at(x.Name))
			return
		}
		at.elements(g, x, func(g *Group, at place) { g.Id("n").Op("+=").Add(sum(x.Fields, at)) })
	default:
		g.Id("n").Op("+=").Add(sum([]spec.Field{x}, at))
	}
}

// tail is the condition for x to be written although the packet could end before
// it: it or one after it is not zero, or the one that it is bound to is written. A
// field with a condition of its own needs no other.
func tail(x spec.Field, p spec.Packet) (any *Statement) {
	i := slices.IndexFunc(p.Fields, func(y spec.Field) bool { return y.Name == x.Name })
	if bound(p.Fields, i) {
		i--
	}
	if p.Fields[i].Tail == 0 || x.If.Op != spec.Always {
		return nil
	}
	left := p.Fields[i:]
	for _, y := range left {
		c := packet(y.Name).Op("!=").Lit(0)
		if y.Kind == spec.Props {
			c = packet(y.Name).Dot("has").Op("!=").Lit(0)
		}
		if any == nil {
			any = c
		} else {
			any = any.Op("||").Add(c)
		}
	}
	if len(left) > 1 {
		any = Parens(any)
	}
	return any
}
