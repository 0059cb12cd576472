package main

import (
	"slices"

	. "github.com/dave/jennifer/jen"

	"github.com/fletchmq/fletch/spec"
)

// validate renders Validate, which is about every field, and the rules, which
// are what Decode asks when the fields have been read:
//
//	func (p *Publish) Validate(v Version) error {
//		<if f := check(p.X); f != nil { return Broken(…) }>
//		return p.rules(v)
//	}
//
//	func (p *Publish) rules(v Version) error {
//		switch {
//		case <rule broken>:
//			return broken(v, TypePublish, <reason>, <number in 3.1.1>, <in 5.0>, <doc>)
//		}
//		return nil
//	}
func validate(f *File, s Spec, p spec.Packet) {
	typ := Id("Type" + title(p.Name))
	f.Comment("Validate reports what would keep a peer from accepting p in version v. See Packet.")
	method(f, title(p.Name), "Validate").Params(Id("v").Id("Version")).Error().BlockFunc(func(g *Group) {
		g.Var().Id("c").Id("checker")
		if p.In != 0 {
			g.Id("c").Dot("refuse").Call(Op("!").Parens(inVersion(p.In)), fault("UnknownType"))
		}
		checkBits(g, p.Flags, packet)
		for _, x := range p.Fields {
			check(g, x, p, packet)
		}
		g.If(Id("f").Op(":=").Id("c").Dot("done").Call(Id("p").Dot("Size").Call(Id("v"))), Id("f").Op("!=").Nil()).Block(
			Return(Id("Broken").Call(Id("v"), typ.Clone(), Id("f"))))
		g.Return(ruled(p, func(codes *Statement) *Statement { return Id("carriersOf").Call(codes, Id("v")) }))
	})
	if hasRules(p) {
		f.Comment("rules reports the first rule that p breaks in version v.")
		params := []Code{Id("v").Id("Version")}
		if codes(p) != nil {
			f.Comment("The carriers are the packets that may have all its codes.")
			params = append(params, Id("carriers").Uint16())
		}
		method(f, title(p.Name), "rules").Params(params...).Error().BlockFunc(func(g *Group) {
			rules(g, s, p.Rules, p, packet)
			nestedRules(g, s, p.Fields, p, packet)
			g.Return(Nil())
		})
	}
	if directed(s, p) {
		f.Commentf("DecodeFrom is Decode of a packet that this side has sent: it refuses what only the other may send.")
		method(f, title(p.Name), "DecodeFrom").Params(Id("from").Id("Side"), Id("first").Byte(), Id("body").Index().Byte(), Id("v").Id("Version")).Error().BlockFunc(func(g *Group) {
			g.If(Err().Op(":=").Id("p").Dot("Decode").Call(Id("first"), Id("body"), Id("v")), Err().Op("!=").Nil()).Block(Return(Err()))
			directedRules(g, s, p)
			g.Return(Nil())
		})
	}
}

// check renders what Validate asks of the value of a field.
func check(g *Group, x spec.Field, p spec.Packet, at place) {
	switch x.Kind {
	case spec.Text:
		guarded(g, guard(x, p, at), func(g *Group) { g.Id("c").Dot("text").Call(at(x.Name)) })
	case spec.Binary:
		guarded(g, guard(x, p, at), func(g *Group) { g.Id("c").Dot("binary").Call(at(x.Name)) })
	case spec.Bits:
		checkBits(g, x.Bits, at)
	case spec.Props:
		guarded(g, guard(x, p, at), func(g *Group) { g.Add(at(x.Name)).Dot("check").Call(Op("&").Id("c")) })
	case spec.Group:
		guarded(g, guard(x, p, at), func(g *Group) {
			for _, y := range x.Fields {
				check(g, y, p, at.inside(x))
			}
		})
	case spec.List:
		if isCodes(x) {
			return
		}
		at.elements(g, x, func(g *Group, at place) {
			for _, y := range x.Fields {
				check(g, y, p, at)
			}
		})
	}
}

func checkBits(g *Group, bits []spec.Bit, at place) {
	for _, b := range bits {
		if b.Max > 0 {
			c := both(inVersion(b.In), at(b.Name).Op(">").Lit(b.Max))
			g.Id("c").Dot("refuse").Call(c, fault(b.Over))
		}
	}
}

// codes is where p has its list of reason codes, nil if it has none.
func codes(p spec.Packet) *Statement {
	for _, x := range p.Fields {
		if isCodes(x) {
			return packet(x.Name)
		}
	}
	return nil
}

// isCodes reports whether x is a list of reason codes.
func isCodes(x spec.Field) bool {
	return x.Kind == spec.List && single(x) && x.Fields[0].As == "ReasonCode"
}

func hasRules(p spec.Packet) bool {
	return undirected(p.Rules) || nested(p.Fields)
}

func undirected(rules []spec.Rule) bool {
	for _, r := range rules {
		if r.From == 0 {
			return true
		}
	}
	return false
}

// nested reports whether a field has rules in it.
func nested(fields []spec.Field) bool {
	for _, x := range fields {
		if len(x.Rules) > 0 || nested(x.Fields) {
			return true
		}
	}
	return false
}

// rules renders those that hold whoever sends the packet.
func rules(g *Group, s Spec, all []spec.Rule, p spec.Packet, at place) {
	var cases []brokenCase
	for _, r := range all {
		if r.From == 0 {
			cases = append(cases, brokenCase{r, both(inVersion(ruledBy(r)), unusual(s, p, r, at), holds(r.When, p, at), holds(opposite(r.Must), p, at))})
		}
	}
	refuse(g, p, cases)
}

// brokenCase is a rule, and the condition for it to be broken.
type brokenCase struct {
	spec.Rule
	broken *Statement
}

// refuse renders the return of the first rule that is broken.
func refuse(g *Group, p spec.Packet, cases []brokenCase) {
	if len(cases) == 1 {
		g.If(cases[0].broken).Block(breaks(cases[0].Rule, p))
	}
	if len(cases) > 1 {
		g.Switch().BlockFunc(func(g *Group) {
			for _, c := range cases {
				g.Case(c.broken).Block(breaks(c.Rule, p))
			}
		})
	}
}

// nestedRules renders the rules of groups, of the elements of lists, and of
// single fields.
func nestedRules(g *Group, s Spec, fields []spec.Field, p spec.Packet, at place) {
	for _, x := range fields {
		if len(x.Rules) == 0 && !nested(x.Fields) {
			continue
		}
		switch x.Kind {
		case spec.Group:
			guarded(g, guard(x, p, at), func(g *Group) {
				rules(g, s, x.Rules, p, at.inside(x))
				nestedRules(g, s, x.Fields, p, at.inside(x))
			})
		case spec.List:
			if isCodes(x) { // all of them at once
				invalid := Id("carriers").Op(">>").Id("Type" + title(p.Name)).Op("&").Lit(1).Op("==").Lit(0)
				refuse(g, p, []brokenCase{{x.Rules[0], both(inVersion(ruledBy(x.Rules[0])), invalid)}})
				continue
			}
			at.elements(g, x, func(g *Group, at place) {
				nestedRules(g, s, x.Fields, p, at)
				rules(g, s, x.Rules, p, at)
			})
		default:
			if isFilter(x) { // most are: one look instead of one for each rule
				g.If(Op("!").Id("simpleFilter").Call(at(x.Name))).BlockFunc(func(g *Group) { rules(g, s, x.Rules, p, at) })
				continue
			}
			rules(g, s, x.Rules, p, at)
		}
	}
}

// isFilter reports whether the rules of x are those of a topic filter.
func isFilter(x spec.Field) bool {
	return slices.ContainsFunc(x.Rules, func(r spec.Rule) bool { return r.Must.Op == spec.HashLast })
}

// directed reports whether p has rules for one side only.
func directed(s Spec, p spec.Packet) bool {
	for _, r := range p.Rules {
		if r.From != 0 {
			return true
		}
	}
	return oneSided(s, p)
}

// oneSided reports whether there is a reason code that only one side may send in p.
func oneSided(s Spec, p spec.Packet) bool {
	return slices.ContainsFunc(s.Reasons, func(r spec.Reason) bool {
		return slices.ContainsFunc(r.Only, func(o spec.Sender) bool { return o.Packet == p.Name })
	})
}

// unusual is the condition for a reason code to be worth looking up: it is not 0,
// where every version of the rule allows that, and both sides.
func unusual(s Spec, p spec.Packet, r spec.Rule, at place) *Statement {
	if r.Must.Op != spec.ReasonOK {
		return nil
	}
	for _, v := range versions {
		for _, from := range senders(p, v) {
			if ruledBy(r)&v != 0 && !(encoder{Spec: s, p: p, v: v, from: from}).listed(0) {
				return nil
			}
		}
	}
	return at(r.Must.Field).Op("!=").Lit(0)
}

func directedRules(g *Group, s Spec, p spec.Packet) {
	var cases []brokenCase
	for _, r := range p.Rules {
		switch {
		case r.From != 0:
			from := Id("from").Op("==").Id(sideName[r.From])
			cases = append(cases, brokenCase{r, both(from, inVersion(ruledBy(r)), holds(r.When, p, packet), holds(opposite(r.Must), p, packet))})
		case r.Must.Op == spec.ReasonOK && oneSided(s, p):
			sent := packet(r.Must.Field).Dot("SentBy").Call(Id("Type"+title(p.Name)), Id("from"))
			cases = append(cases, brokenCase{r, both(inVersion(ruledBy(r)), unusual(s, p, r, packet), Op("!").Add(sent))})
		}
	}
	refuse(g, p, cases)
}

var sideName = map[spec.Side]string{spec.Client: "Client", spec.Server: "Server"}

// breaks renders the return of a broken rule.
func breaks(r spec.Rule, p spec.Packet) *Statement {
	return Return(Id("broken").Call(Id("v"), Id("Type"+title(p.Name)), Id(r.Reason), Lit(r.V3), Lit(r.V5), Lit(r.Doc)))
}

// ruledBy is the versions that a rule holds in.
func ruledBy(r spec.Rule) (set spec.Version) {
	if r.V3 != "" {
		set |= spec.V3
	}
	if r.V5 != "" {
		set |= spec.V5
	}
	if r.In != 0 {
		set &= r.In
	}
	return set
}
