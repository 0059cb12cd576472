package spec

import (
	"slices"
	"testing"
)

func TestProperties(t *testing.T) {
	if len(Properties) != 27 {
		t.Errorf("%d properties, want 27", len(Properties))
	}
	tables := []string{}
	for _, p := range Packets {
		for _, x := range append(p.Fields, partsOf(p.Fields)...) {
			if x.Kind == Props {
				tables = append(tables, x.Table)
			}
		}
	}
	for i, x := range Properties {
		if i > 0 && x.ID <= Properties[i-1].ID || x.ID == 0 || x.ID > 63 {
			t.Errorf("%s is out of order, or does not fit into a set", x.Name)
		}
		if x.Title == "" || len(x.In)+len(x.Many) == 0 {
			t.Errorf("%s wants a title and packets", x.Name)
		}
		for j, name := range append(slices.Clone(x.In), x.Many...) {
			if !slices.Contains(tables, name) || slices.Contains(x.In, name) != (j < len(x.In)) {
				t.Errorf("%s is in %s, which has no properties, or twice", x.Name, name)
			}
		}
		if x.Max > 0 && x.Kind != U8 || x.NonZero && x.Kind != U16 && x.Kind != U32 && x.Kind != VarInt {
			t.Errorf("%s has a range that its kind cannot have", x.Name)
		}
		if x.Range != "" && faultNamed(x.Range) == nil {
			t.Errorf("%s: there is no fault %s", x.Name, x.Range)
		}
	}
}

func partsOf(fields []Field) (parts []Field) {
	for _, x := range fields {
		parts = append(parts, x.Fields...)
	}
	return parts
}

func TestReasons(t *testing.T) {
	names := map[string]bool{}
	codes := map[uint8]bool{}
	for i, r := range Reasons {
		if i > 0 && r.Code < Reasons[i-1].Code || names[r.Name] || r.Title == "" {
			t.Errorf("%s is out of order, there twice, or has no title", r.Name)
		}
		names[r.Name], codes[r.Code] = true, true
		if len(r.In) == 0 {
			t.Errorf("%s is in no packet", r.Name)
		}
		for _, name := range r.In {
			if !isPacket(name) {
				t.Errorf("%s is in %s, which is no packet", r.Name, name)
			}
		}
		for _, o := range r.Only {
			if !slices.Contains(r.In, o.Packet) || o.From == 0 {
				t.Errorf("%s: only one side sends it in %s, which does not carry it", r.Name, o.Packet)
			}
		}
		if r.Return != 0 && !slices.ContainsFunc(Returns, func(x Return) bool { return x.Code == r.Return && x.Packet == "CONNACK" }) {
			t.Errorf("%s: there is no return code %#x", r.Name, r.Return)
		}
	}
	if len(codes) != 43 {
		t.Errorf("%d reason codes, table 2-6 has 43", len(codes))
	}
}

func isPacket(name string) bool {
	return slices.ContainsFunc(Packets, func(p Packet) bool { return p.Name == name })
}

func TestFaults(t *testing.T) {
	names := map[string]bool{}
	for _, f := range Faults {
		if names[f.Name] || f.Doc == "" || f.V5 == "" || !hasReason(f.Reason) {
			t.Errorf("%s is there twice, or lacks a doc, a statement or a known reason", f.Name)
		}
		names[f.Name] = true
		checkNumbers(t, f.Name, f.V3, f.V5)
	}
}
