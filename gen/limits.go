package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/fletchmq/fletch/spec"
)

// change sets something in a packet. It gives false where the packet has no such
// thing. Of the changes of one field the last is the one to have when all fields
// are set at once.
type change struct {
	what  string
	apply func(*sample) bool
	last  bool
}

// at is the same change to the part of a packet that path leads to.
func (c change) at(path []string) change {
	apply := c.apply
	c.what = strings.Join(append(slices.Clone(path), c.what), ".")
	c.apply = func(s *sample) bool {
		for _, name := range path {
			if s = s.part[name]; s == nil {
				return false
			}
		}
		return apply(s)
	}
	return c
}

// changes is every change of the packet.
func (e encoder) changes() (all []change) {
	return append(e.bitChanges(e.p.Flags), e.fieldChanges(e.p.Fields)...)
}

func (e encoder) fieldChanges(fields []spec.Field) (all []change) {
	for _, x := range fields {
		if x.In != 0 && x.In&e.v == 0 {
			continue
		}
		var some []change
		switch x.Kind {
		case spec.Bits:
			some = e.bitChanges(x.Bits)
		case spec.Group:
			some = within(x.Name, e.fieldChanges(x.Fields))
		case spec.Props:
			some = within(x.Name, e.propChanges(x.Table))
		case spec.List:
			some = e.listChanges(x)
		case spec.Level:
		case spec.U8:
			some = e.codes(x)
		default:
			some = limits(x.Name, x.Kind, 0, false)
		}
		for _, c := range some {
			apply := c.apply
			c.apply = func(s *sample) bool { e.achieve(x.If, s); return apply(s) }
			all = append(all, c)
		}
	}
	return all
}

// codes is every reason code that there is.
func (e encoder) codes(x spec.Field) (all []change) {
	for n := range 256 {
		if e.listed(n) {
			all = append(all, setNumber(x.Name, n))
		}
	}
	return all
}

func within(name string, some []change) (all []change) {
	for _, c := range some {
		all = append(all, c.at([]string{name}))
	}
	return all
}

// listChanges is a list of three, and each change of its first element.
func (e encoder) listChanges(x spec.Field) (all []change) {
	all = append(all, change{x.Name + "=3", func(s *sample) bool {
		for len(s.list[x.Name]) < 3 {
			s.list[x.Name] = append(s.list[x.Name], empty(x.Fields))
		}
		return true
	}, true})
	for _, c := range e.fieldChanges(x.Fields) {
		all = append(all, change{x.Name + "[0]." + c.what, func(s *sample) bool { return c.apply(s.list[x.Name][0]) }, false})
	}
	return all
}

func (e encoder) bitChanges(bits []spec.Bit) (all []change) {
	for _, b := range bits {
		if b.In != 0 && b.In&e.v == 0 {
			continue
		}
		most := 1<<max(b.Width, 1) - 1
		if b.Max > 0 {
			most = b.Max
		}
		for n := 1; n <= most; n++ {
			all = append(all, setNumber(b.Name, n))
		}
	}
	return all
}

// propChanges is each property alone, and those that may be there many times with
// one value more at each change.
func (e encoder) propChanges(table string) (all []change) {
	for _, x := range column(e.Properties, table) {
		for _, c := range limits(x.Name, x.Kind, x.Max, x.NonZero) {
			apply := c.apply
			if x.many {
				c.apply = func(s *sample) bool {
					e.setProperty(s, x.Name)
					one := newSample()
					s.list[x.Name] = append(s.list[x.Name], one)
					return apply(one)
				}
			}
			all = append(all, c)
		}
	}
	return all
}

// limits is a value at its limits.
func limits(name string, k spec.Kind, most int, nonZero bool) (all []change) {
	switch k {
	case spec.Text, spec.Binary, spec.Pair, spec.Rest:
		for _, t := range []string{"", "é\U0001F3F9", strings.Repeat("a", 65535), "t/1"} {
			all = append(all, setText(name, t))
		}
		return all
	}
	if most == 0 {
		most = map[spec.Kind]int{spec.U8: 255, spec.Bool: 1, spec.U16: 65535, spec.U32: 1<<32 - 1, spec.VarInt: 1<<28 - 1}[k]
	}
	values := []int{0, 1, most}
	if k == spec.VarInt {
		values = []int{0, 1, 127, 128, 16383, 16384, 2097151, 2097152, most}
	}
	for _, n := range values {
		if n > 0 || !nonZero {
			all = append(all, setNumber(name, n))
		}
	}
	return all
}

func setNumber(name string, n int) change {
	return change{fmt.Sprintf("%s=%d", name, n), func(s *sample) bool { s.number[name] = n; return true }, n == 1}
}

func setText(name, t string) change {
	return change{fmt.Sprintf("%s=%dB", name, len(t)), func(s *sample) bool { s.text[name] = t; return true }, t == "t/1"}
}
