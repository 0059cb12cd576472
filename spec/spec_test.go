package spec

import (
	"reflect"
	"slices"
	"strings"
	"testing"
)

// TestSpecIsData: nothing in the types of the spec can run or vary.
func TestSpecIsData(t *testing.T) {
	seen := map[reflect.Type]bool{}
	var walk func(reflect.Type)
	walk = func(x reflect.Type) {
		if seen[x] {
			return
		}
		seen[x] = true
		switch x.Kind() {
		case reflect.Func, reflect.Chan, reflect.Interface, reflect.Map, reflect.Pointer:
			t.Errorf("there is a %v in the spec: only plain values may be", x)
		case reflect.Slice:
			walk(x.Elem())
		case reflect.Struct:
			for i := range x.NumField() {
				walk(x.Field(i).Type)
			}
		}
		if x.PkgPath() != "" && x.NumMethod() > 0 {
			t.Errorf("%v has methods: what is derived belongs into gen", x)
		}
	}
	for _, x := range []any{Packets, Properties, Reasons, Returns, Faults, Statements} {
		walk(reflect.TypeOf(x))
	}
}

func TestPackets(t *testing.T) {
	if len(Packets) != 15 {
		t.Errorf("%d packets, want 15", len(Packets))
	}
	for i, p := range Packets {
		if int(p.Type) != i+1 {
			t.Errorf("%s has type %d at place %d", p.Name, p.Type, i+1)
		}
		if p.Name != strings.ToUpper(p.Name) || p.Section == "" || p.Doc == "" {
			t.Errorf("%s: want a name in capitals, a section and a doc", p.Name)
		}
		if p.Fixed > 15 || faultNamed(p.Wrong) == nil {
			t.Errorf("%s: flags %b, fault %q", p.Name, p.Fixed, p.Wrong)
		}
		checkBits(t, p.Name, 4, p.Fixed, p.Flags)
		checkFields(t, p, p.Fields, append(slices.Clone(p.Flags), bitsOf(p.Fields)...), p.Rules)
		for j, x := range p.Fields {
			if j > 0 && x.Tail == 0 && p.Fields[j-1].Tail != 0 && (x.Kind != Props || x.In != p.Fields[j-1].In || j != len(p.Fields)-1) {
				t.Errorf("%s: %s may not be missing at the end, but %s before it may: only the properties behind it can be bound to a field", p.Name, x.Name, p.Fields[j-1].Name)
			}
			if (x.Kind == Rest || x.Kind == List) && j != len(p.Fields)-1 {
				t.Errorf("%s: %s goes to the end, but is not the last", p.Name, x.Name)
			}
		}
	}
}

// checkBits: bits fit, do not overlap, and have a Fault for what is out of range.
func checkBits(t *testing.T, where string, width int, fixed uint8, bits []Bit) {
	t.Helper()
	taken := int(fixed)
	for _, b := range bits {
		m := (1<<max(b.Width, 1) - 1) << b.At
		if m >= 1<<width || taken&m != 0 {
			t.Errorf("%s: bit %s does not fit", where, b.Name)
		}
		taken |= m
		if (b.Max > 0) != (faultNamed(b.Over) != nil) || b.Max >= 1<<max(b.Width, 1) {
			t.Errorf("%s: bit %s has maximum %d, and fault %q above it", where, b.Name, b.Max, b.Over)
		}
	}
}

func bitsOf(fields []Field) (bits []Bit) {
	for _, x := range fields {
		bits = append(bits, x.Bits...)
	}
	return bits
}

// checkFields: names are unique, conditions are about fields that are there, rules
// have numbers and known reasons. The bits are those that stand beside fields.
func checkFields(t *testing.T, p Packet, fields []Field, bits []Bit, rules []Rule) {
	t.Helper()
	kinds := map[string]Kind{}
	add := func(name string, k Kind) {
		if _, ok := kinds[name]; ok || name == "" {
			t.Errorf("%s: %q is not a name of its own", p.Name, name)
		}
		kinds[name] = k
	}
	for _, b := range bits {
		add(b.Name, Bits)
	}
	for _, x := range fields {
		add(x.Name, x.Kind)
		if x.Kind == Bits {
			checkBits(t, p.Name+" "+x.Name, 8, 0, x.Bits)
			if faultNamed(x.Wrong) == nil {
				t.Errorf("%s: %s has no fault for reserved bits", p.Name, x.Name)
			}
		}
		if (x.Kind == Props) != (x.Table != "") || (x.Kind == Group || x.Kind == List) != (len(x.Fields) > 0) {
			t.Errorf("%s: %s has what its kind does not need, or lacks what it needs", p.Name, x.Name)
		}
		if len(x.Fields) > 0 {
			checkFields(t, p, x.Fields, bitsOf(x.Fields), x.Rules)
		}
	}
	for _, x := range fields {
		checkCond(t, p, kinds, fields, x.If)
		if len(x.Fields) == 0 {
			checkRules(t, p, kinds, fields, x.Rules)
		}
	}
	checkRules(t, p, kinds, fields, rules)
}

func checkRules(t *testing.T, p Packet, kinds map[string]Kind, fields []Field, rules []Rule) {
	t.Helper()
	for _, r := range rules {
		checkCond(t, p, kinds, fields, r.When)
		checkCond(t, p, kinds, fields, r.Must)
		if r.Must.Op == Always || r.Doc == "" || r.V3+r.V5 == "" || !hasReason(r.Reason) {
			t.Errorf("%s: rule %q wants a condition, a statement and a known reason", p.Name, r.Doc)
		}
		checkNumbers(t, p.Name+": "+r.Doc, r.V3, r.V5)
	}
}

// allowed is the kinds of field that a comparison, and its opposite, is made for.
var allowed = map[Op][]Kind{
	IsSet:       {Bits, Bool},
	Above:       {Bits, U8, U16, U32, VarInt},
	Equals:      {Bits, U8, U16, U32, VarInt},
	Nonempty:    {Text, Binary, List, Rest},
	NoWildcard:  {Text},
	HashLast:    {Text},
	PlusAlone:   {Text},
	ShareNamed:  {Text},
	ShareFilter: {Text},
	NotShared:   {Text},
	HasProperty: {Props},
	AnyProperty: {Props},
	ReasonOK:    {U8},
}

func checkCond(t *testing.T, p Packet, kinds map[string]Kind, fields []Field, c Cond) {
	t.Helper()
	if c.Op == Always {
		return
	}
	k, ok := kinds[c.Field]
	if !ok {
		t.Errorf("%s: a condition is about %q, which is not there", p.Name, c.Field)
		return
	}
	if c.Prop != "" {
		i := slices.IndexFunc(fields, func(x Field) bool { return x.Name == c.Field })
		j := slices.IndexFunc(Properties, func(x Property) bool { return x.Name == c.Prop })
		if k != Props || j < 0 || !slices.Contains(append(Properties[j].In, Properties[j].Many...), fields[i].Table) {
			t.Errorf("%s: a condition is about %s of %s, which it cannot have", p.Name, c.Prop, c.Field)
			return
		}
		if c.Op&^1 != HasProperty {
			k = Properties[j].Kind
		}
	}
	if !slices.Contains(allowed[c.Op&^1], k) {
		t.Errorf("%s: comparison %d is not for %s", p.Name, c.Op, c.Field)
	}
}

func hasReason(name string) bool {
	return slices.ContainsFunc(Reasons, func(r Reason) bool { return r.Name == name })
}

func faultNamed(name string) *Fault {
	for i := range Faults {
		if Faults[i].Name == name {
			return &Faults[i]
		}
	}
	return nil
}

// checkNumbers: a number is of a statement that the codec keeps.
func checkNumbers(t *testing.T, what, v3, v5 string) {
	t.Helper()
	for _, s := range Statements {
		if (s.V3 == v3 && v3 != "" || s.V5 == v5 && v5 != "") && s.Keeper&Codec == 0 {
			t.Errorf("%s: statement %s %s is not kept by the codec", what, s.V3, s.V5)
		}
	}
	for _, n := range []struct {
		number string
		of     func(Statement) string
	}{{v3, func(s Statement) string { return s.V3 }}, {v5, func(s Statement) string { return s.V5 }}} {
		known := slices.ContainsFunc(Statements, func(s Statement) bool { return n.of(s) == n.number })
		if n.number != "" && !strings.HasPrefix(n.number, "§") && !known {
			t.Errorf("%s: there is no statement %s", what, n.number)
		}
	}
}
