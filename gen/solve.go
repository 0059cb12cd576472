package main

import (
	"slices"
	"strings"

	"github.com/fletchmq/fletch/spec"
)

// holds reports whether c is true of s.
func (e encoder) holds(c spec.Cond, s *sample) bool {
	number, text := s.number[c.Field], s.text[c.Field]
	if c.Prop != "" {
		number, text = s.part[c.Field].number[c.Prop], s.part[c.Field].text[c.Prop]
	}
	var yes bool
	switch c.Op &^ 1 {
	case spec.Always:
		yes = true
	case spec.IsSet:
		yes = number != 0
	case spec.Above:
		yes = number > c.Value
	case spec.Equals:
		yes = number == c.Value
	case spec.Nonempty:
		yes = text != "" || len(s.list[c.Field]) > 0
	case spec.HasProperty:
		yes = e.hasProperty(c, s)
	case spec.AnyProperty:
		p := s.part[c.Field]
		yes = len(p.number)+len(p.text)+len(p.list) > 0
	case spec.ReasonOK:
		yes = e.listed(number)
	default:
		yes = holdsOfTopic(c.Op&^1, text)
	}
	return yes == (c.Op&1 == 0)
}

func (e encoder) hasProperty(c spec.Cond, s *sample) bool {
	p := s.part[c.Field]
	_, isNumber := p.number[c.Prop]
	_, isText := p.text[c.Prop]
	return isNumber || isText || len(p.list[c.Prop]) > 0
}

// listed reports whether the packet may carry this code when this side sends it.
func (e encoder) listed(code int) bool {
	if e.v == spec.V5 {
		return slices.ContainsFunc(e.Reasons, func(r spec.Reason) bool {
			return int(r.Code) == code && slices.Contains(r.In, e.p.Name) && senderOf(e.Spec, r, e.p.Name)&e.from != 0
		})
	}
	return slices.ContainsFunc(e.Returns, func(r spec.Return) bool {
		return int(r.Code) == code && r.Packet == e.p.Name && r.In&e.v != 0
	})
}

// holdsOfTopic is the conditions on topic names and filters, level by level as
// sections 4.7 and 4.8 put them.
func holdsOfTopic(op spec.Op, text string) bool {
	levels := strings.Split(text, "/")
	switch op {
	case spec.NoWildcard:
		return !strings.ContainsAny(text, "+#")
	case spec.HashLast:
		for i, l := range levels {
			if strings.Contains(l, "#") && (l != "#" || i != len(levels)-1) {
				return false
			}
		}
		return true
	case spec.PlusAlone:
		return !slices.ContainsFunc(levels, func(l string) bool { return strings.Contains(l, "+") && l != "+" })
	}
	shared := levels[0] == "$share" && len(levels) > 1
	switch op {
	case spec.NotShared:
		return !shared
	case spec.ShareNamed:
		return !shared || levels[1] != ""
	case spec.ShareFilter:
		return !shared || !strings.ContainsAny(levels[1], "+#") && len(levels) > 2 && strings.Join(levels[2:], "/") != ""
	}
	panic(hole("no test for op %d", op))
}

// texts are what makes a condition on a text true.
var texts = map[spec.Op]string{
	spec.Nonempty: "t", spec.IsEmpty: "",
	spec.NoWildcard: "t", spec.Wildcard: "t/+",
	spec.HashLast: "t/#", spec.HashElsewhere: "t#", spec.PlusAlone: "t/+", spec.PlusInside: "t+",
	spec.ShareNamed: "t", spec.ShareNameless: "$share//t", spec.ShareFilter: "t", spec.ShareOpen: "$share/g",
	spec.NotShared: "t", spec.Shared: "$share/g/t",
}

// achieve changes s so that c holds.
func (e encoder) achieve(c spec.Cond, s *sample) {
	if e.holds(c, s) {
		return
	}
	name := c.Field
	if c.Prop != "" {
		s, name = s.part[c.Field], c.Prop
	}
	switch c.Op {
	case spec.IsSet:
		s.number[name] = 1
	case spec.IsClear:
		s.number[name] = 0
	case spec.Above, spec.Differs:
		s.number[name] = c.Value + 1
	case spec.AtMost, spec.Equals:
		s.number[name] = c.Value
	case spec.AnyProperty:
		e.setProperty(s.part[name], "UserProperty")
	case spec.NoProperties:
		s.part[name] = newSample()
	case spec.HasProperty:
		e.setProperty(s, name)
	case spec.NoProperty:
		delete(s.number, name)
		delete(s.text, name)
		delete(s.list, name)
	case spec.ReasonOK, spec.ReasonBad:
		for e.listed(s.number[name]) != (c.Op == spec.ReasonOK) {
			s.number[name] = (s.number[name] + 1) % 256
		}
	default:
		if list, ok := s.list[name]; ok {
			s.list[name] = list[:0]
			return
		}
		s.text[name] = texts[c.Op]
	}
}

// setProperty gives s a property with the least value it may have.
func (e encoder) setProperty(s *sample, name string) {
	i := slices.IndexFunc(e.Properties, func(x spec.Property) bool { return x.Name == name })
	x := e.Properties[i]
	one := newSample()
	switch x.Kind {
	case spec.Text, spec.Binary, spec.Pair:
		one.text[name] = "t"
	default:
		one.number[name] = 0
		if x.NonZero {
			one.number[name] = 1
		}
	}
	if len(x.Many) > 0 {
		s.list[name] = append(s.list[name], one)
		return
	}
	for k, v := range one.number {
		s.number[k] = v
	}
	for k, v := range one.text {
		s.text[k] = v
	}
}

// scope is a set of rules, and the sample they are about.
type scope struct {
	rules []spec.Rule
	of    *sample
}

// scopes is all the rules of the packet that hold in this version, with what they
// are about.
func (e encoder) scopes(s *sample) []scope {
	all := []scope{{e.inForce(e.p.Rules), s}}
	for _, x := range e.p.Fields {
		if !e.present(x, s) {
			continue
		}
		switch x.Kind {
		case spec.Group:
			all = append(all, scope{e.inForce(x.Rules), s.part[x.Name]})
		case spec.List:
			for _, one := range s.list[x.Name] {
				for _, y := range x.Fields {
					all = append(all, scope{e.inForce(y.Rules), one})
				}
				all = append(all, scope{e.inForce(x.Rules), one})
			}
		}
	}
	return all
}

func (e encoder) inForce(rules []spec.Rule) (in []spec.Rule) {
	for _, r := range rules {
		if ruledBy(r)&e.v != 0 && (r.From == 0 || r.From == e.from) {
			in = append(in, r)
		}
	}
	return in
}

// repair changes s until it keeps all rules but the one that is let be, which is
// named by its Doc and may be "".
func (e encoder) repair(s *sample, let string) {
	if !e.repairBy(s, let, func(r spec.Rule) spec.Cond { return r.Must }) {
		panic(hole("%s keeps breaking its rules, but for %q", e.p.Name, let))
	}
}

// adapt is repair that keeps a rule by making it not apply, where it can. It gives
// false when this leads nowhere.
func (e encoder) adapt(s *sample) bool {
	return e.repairBy(s, "", func(r spec.Rule) spec.Cond {
		if r.When.Op == spec.Always {
			return r.Must
		}
		return opposite(r.When)
	})
}

func (e encoder) repairBy(s *sample, let string, cure func(spec.Rule) spec.Cond) bool {
	for range 10 {
		done := true
		for _, x := range e.scopes(s) {
			for _, r := range x.rules {
				if r.Doc != let && e.holds(r.When, x.of) && !e.holds(r.Must, x.of) {
					e.achieve(cure(r), x.of)
					done = false
				}
			}
		}
		if done {
			return true
		}
	}
	return false
}

// valid is the smallest packet that breaks no rule.
func (e encoder) valid() *sample {
	s := empty(e.p.Fields)
	e.repair(s, "")
	return s
}
