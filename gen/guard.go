package main

import (
	. "github.com/dave/jennifer/jen"

	"github.com/fletchmq/fletch/spec"
)

// inVersion renders "v is in set", or nil when every version is.
func inVersion(set spec.Version) *Statement {
	switch set {
	case 0, spec.All:
		return nil
	case spec.V5:
		return Id("v").Op("==").Id("V5")
	case spec.V3:
		return Id("v").Op("!=").Id("V5")
	case spec.V31:
		return Id("v").Op("==").Id("V31")
	case spec.V311:
		return Id("v").Op("==").Id("V311")
	case spec.V311 | spec.V5:
		return Id("v").Op("!=").Id("V31")
	}
	panic(hole("no test for version set %03b", set))
}

// predicates are the Ops that are more than a comparison; the other of the pair
// is their negation.
var predicates = map[spec.Op]string{
	spec.NoWildcard:  "noWildcard",
	spec.HashLast:    "hashLast",
	spec.PlusAlone:   "plusAlone",
	spec.ShareNamed:  "shareNamed",
	spec.ShareFilter: "shareFilter",
	spec.NotShared:   "notShared",
}

// holds renders c about the fields at a place of packet p, or nil when it always
// holds.
func holds(c spec.Cond, p spec.Packet, at place) *Statement {
	x := func() *Statement { return at(c.Field) }
	if c.Prop != "" && c.Op != spec.HasProperty && c.Op != spec.NoProperty {
		x = func() *Statement { return at(c.Field).Dot(lower(c.Prop)) }
	}
	switch c.Op {
	case spec.Always:
		return nil
	case spec.IsSet:
		return x()
	case spec.IsClear:
		return Op("!").Add(x())
	case spec.Above:
		return x().Op(">").Lit(c.Value)
	case spec.AtMost:
		if c.Value == 0 {
			return x().Op("==").Lit(0)
		}
		return x().Op("<=").Lit(c.Value)
	case spec.Equals:
		return x().Op("==").Lit(c.Value)
	case spec.Differs:
		return x().Op("!=").Lit(c.Value)
	case spec.Nonempty:
		return Len(x()).Op(">").Lit(0)
	case spec.IsEmpty:
		return Len(x()).Op("==").Lit(0)
	case spec.AnyProperty:
		return x().Dot("has").Op("!=").Lit(0)
	case spec.NoProperties:
		return x().Dot("has").Op("==").Lit(0)
	case spec.HasProperty, spec.NoProperty:
		return negated(c.Op, x().Dot("has").Dot("Has").Call(Id("Prop"+c.Prop)))
	case spec.ReasonOK, spec.ReasonBad:
		return negated(c.Op, x().Dot("ValidIn").Call(Id("Type"+title(p.Name)), Id("v")))
	}
	if name, ok := predicates[c.Op&^1]; ok {
		return negated(c.Op, Id(name).Call(x()))
	}
	panic(hole("no test for %+v", c))
}

// negated renders x, or its negation for the second Op of a pair.
func negated(op spec.Op, x *Statement) *Statement {
	if op&1 != 0 {
		return Op("!").Add(x)
	}
	return x
}

// opposite is the condition that holds when c does not.
func opposite(c spec.Cond) spec.Cond {
	c.Op ^= 1
	return c
}

// both joins conditions with &&; nil stands for true.
func both(conds ...*Statement) (all *Statement) {
	for _, c := range conds {
		switch {
		case c == nil:
		case all == nil:
			all = c
		default:
			all = all.Op("&&").Add(c)
		}
	}
	return all
}

// guard is the condition for x to be in the packet, nil for always.
func guard(x spec.Field, p spec.Packet, at place) *Statement {
	return both(inVersion(x.In), holds(x.If, p, at))
}

// bound reports whether field i is there whenever the one before it is: before that
// the packet may end, between the two it may not.
func bound(fields []spec.Field, i int) bool {
	return 0 < i && i < len(fields) && fields[i].Tail == 0 && fields[i-1].Tail != 0
}

// guarded adds body to g, inside an if when there is a condition.
func guarded(g *Group, c *Statement, body func(*Group)) {
	if c == nil {
		body(g)
		return
	}
	g.If(c).BlockFunc(body)
}
