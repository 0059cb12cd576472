package spec

import "testing"

// byShape is the statements that no rule and no fault names, because a packet
// cannot be written or read otherwise, with what keeps them. The keys are numbers
// of 5.0; those that only 3.1.1 has begin with "3.1.1 ".
var byShape = map[string]string{
	"1.5.4-3":  "text is a view, nothing is stripped from it",
	"1.5.7-1":  "kind Pair is two texts",
	"2.2.1-2":  "the condition of the field PacketID",
	"2.2.1-4":  "the rule of 2.2.1-3",
	"2.2.2-1":  "a property block is written with its length",
	"3.1.2-9":  "the condition of the group Will",
	"3.1.2-16": "the condition of the field Username",
	"3.1.2-17": "the condition of the field Username",
	"3.1.2-18": "the condition of the field Password",
	"3.1.2-19": "the condition of the field Password",
	"3.1.3-1":  "the order of the fields",
	"3.1.3-3":  "the order of the fields",
	"3.1.3-4":  "kind Text",
	"3.1.3-11": "kind Text",
	"3.1.3-12": "kind Text",
	"3.1.4-1":  "every rule of CONNECT",
	"3.3.2-1":  "the order of the fields, and kind Text",
	"3.3.2-13": "kind Text",
	"3.3.2-19": "kind Text",
	"3.8.3-1":  "kind Text",
	"3.10.3-1": "kind Text",
	"4.7.3-2":  "kind Text",
	"4.7.3-3":  "the two bytes of a length",

	"3.1.1 3.1.2-11": "the rules of 3.1.2-13 and 3.1.2-15",
	"3.1.1 3.1.3-7":  "the rule of 3.1.3-8",
}

// TestCodecKeepsItsStatements: what the codec is said to keep, a rule or a fault
// names, or the shape of the packet makes it so.
func TestCodecKeepsItsStatements(t *testing.T) {
	named := map[string]bool{} // as "3.1.1 N" and "N"
	name := func(v3, v5 string) { named["3.1.1 "+v3], named[v5] = true, true }
	for _, f := range Faults {
		name(f.V3, f.V5)
	}
	for _, p := range Packets {
		for _, r := range rulesOf(p.Rules, p.Fields) {
			name(r.V3, r.V5)
		}
	}
	for _, s := range Statements {
		key := s.V5
		if key == "" {
			key = "3.1.1 " + s.V3
		}
		switch kept := named[s.V5] && s.V5 != "" || named["3.1.1 "+s.V3] && s.V3 != ""; {
		case s.Keeper&Codec == 0:
			if byShape[key] != "" {
				t.Errorf("%s is kept by shape, but not by the codec", key)
			}
		case kept && byShape[key] != "":
			t.Errorf("%s has a rule or a fault: take it out of byShape", key)
		case !kept && byShape[key] == "":
			t.Errorf("%s (%s) is said to be kept by the codec: write the rule, or say in byShape what keeps it", key, s.Doc)
		}
	}
}

func rulesOf(rules []Rule, fields []Field) []Rule {
	for _, x := range fields {
		rules = append(rules, rulesOf(x.Rules, x.Fields)...)
	}
	return rules
}
