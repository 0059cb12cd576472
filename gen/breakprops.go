package main

import (
	"slices"

	"github.com/fletchmq/fletch/spec"
)

// texts puts into each text what is not UTF-8, and U+0000.
func (w *breakerWriter) texts(e encoder) {
	for _, bad := range []struct{ text, fault string }{{"t\xff", "NotUTF8"}, {"t\xed\xa0\x80", "NotUTF8"}, {"t\x00", "NUL"}} {
		for _, x := range e.p.Fields {
			w.textOf(e, x, bad.text, bad.fault, func(s *sample) *sample { return s })
			for _, y := range x.Fields {
				w.textOf(e, y, bad.text, bad.fault, func(s *sample) *sample {
					e.achieve(x.If, s)
					if x.Kind == spec.List {
						return s.list[x.Name][0]
					}
					return s.part[x.Name]
				})
			}
		}
	}
}

func (w *breakerWriter) textOf(e encoder, x spec.Field, text, fault string, at func(*sample) *sample) {
	if x.Kind != spec.Text {
		return
	}
	s := e.valid()
	e.achieve(x.If, s)
	of := at(s)
	e.repair(s, "")
	of.text[x.Name] = text
	w.fault(e, fault, e.packet(s))
}

// properties breaks what holds of each property block.
func (w *breakerWriter) properties(e encoder) {
	for _, x := range e.p.Fields {
		if x.In != 0 && x.In&e.v == 0 {
			continue
		}
		if x.Kind == spec.Props {
			w.block(e, x.Table, func(s *sample) *sample { return s.part[x.Name] })
		}
		for _, y := range x.Fields {
			if y.Kind == spec.Props && y.In&e.v != 0 {
				w.block(e, y.Table, func(s *sample) *sample {
					e.achieve(x.If, s)
					return s.part[x.Name].part[y.Name]
				})
			}
		}
	}
}

// block puts each property there that does not belong, twice that which may be
// there once, and each with values that it cannot have.
func (w *breakerWriter) block(e encoder, table string, at func(*sample) *sample) {
	rows := column(e.Properties, table)
	props := map[uint8]row{}
	for _, x := range rows {
		props[x.ID] = x
	}
	with := func(name string, extra []byte, fault string) {
		s := e.valid()
		of := at(s)
		if name != "" {
			e.setProperty(of, name)
		}
		e.repair(s, "")
		if name == "" { // alone, even where the packet needs a right one
			delete(of.number, props[extra[0]].Name)
			delete(of.text, props[extra[0]].Name)
		}
		of.extra = extra
		w.fault(e, fault, e.packet(s))
	}
	for _, x := range e.Properties {
		i := slices.IndexFunc(rows, func(r row) bool { return r.ID == x.ID })
		one := append([]byte{x.ID}, value(x.Kind, 1, "t")...)
		if i < 0 {
			with("", one, "PropertyUnknown")
			continue
		}
		if !rows[i].many {
			with(x.Name, one, "PropertyTwice")
		}
		w.values(rows[i], with)
	}
	with("", []byte{0x7e, 0}, "PropertyUnknown")
}

func (w *breakerWriter) values(x row, with func(string, []byte, string)) {
	rangeFault := "PropertyRange"
	if x.Range != "" {
		rangeFault = x.Range
	}
	put := func(b []byte, fault string) { with("", append([]byte{x.ID}, b...), fault) }
	if x.NonZero {
		put(value(x.Kind, 0, ""), rangeFault)
	}
	if x.Max > 0 {
		put(value(x.Kind, x.Max+1, ""), rangeFault)
	}
	switch x.Kind {
	case spec.Bool:
		put([]byte{2}, rangeFault)
	case spec.VarInt:
		put([]byte{0x81, 0}, "VarIntPadded")
		put([]byte{0xff, 0xff, 0xff, 0xff, 1}, "VarIntLong")
	case spec.Text:
		put(value(x.Kind, 0, "t\xff"), "NotUTF8")
		put(value(x.Kind, 0, "t\x00"), "NUL")
	case spec.Pair:
		put(append(value(spec.Text, 0, "t"), value(spec.Text, 0, "\xff")...), "NotUTF8")
		put(append(value(spec.Text, 0, "t\x00"), value(spec.Text, 0, "t")...), "NUL")
	}
	if n := len(value(x.Kind, 1, "t")); n > 1 {
		put(value(x.Kind, 1, "t")[:n-1], "Short")
	}
}
