package main

import (
	"fmt"
	"strings"

	. "github.com/dave/jennifer/jen"

	"github.com/fletchmq/fletch/spec"
)

const (
	pkgPackets = "github.com/fletchmq/fletch/packets"
	pkgWire    = pkgPackets + "/wire"
)

// title is the Go name of a packet: PUBLISH is Publish.
func title(name string) string { return name[:1] + strings.ToLower(name[1:]) }

// propsType is the Go type of a property block.
func propsType(table string) string { return title(table) + "Props" }

// lower is a name as the name of a variable or an unexported field.
func lower(name string) string { return strings.ToLower(name[:1]) + name[1:] }

// method starts "func (p *T) name".
func method(f *File, typ, name string) *Statement {
	return f.Func().Params(Id("p").Op("*").Id(typ)).Id(name)
}

// goType is the Go type of a field.
func goType(x spec.Field) *Statement {
	switch {
	case x.Kind == spec.List:
		return Index().Add(elementType(x))
	case x.As != "":
		return Id(x.As)
	}
	switch x.Kind {
	case spec.U8:
		return Uint8()
	case spec.Bool:
		return Bool()
	case spec.U16:
		return Uint16()
	case spec.U32, spec.VarInt:
		return Uint32()
	case spec.Text, spec.Binary, spec.Rest:
		return Index().Byte()
	case spec.Level:
		return Id("Version")
	case spec.Props:
		return Id(propsType(x.Table))
	case spec.Group:
		return Id(x.Name)
	}
	panic(hole("no Go type for kind %d of %s", x.Kind, x.Name))
}

// single reports whether x is a list of values, not of structs.
func single(x spec.Field) bool { return x.Kind == spec.List && len(x.Fields) == 1 }

func elementType(x spec.Field) *Statement {
	if single(x) {
		return goType(x.Fields[0])
	}
	return Id(x.As)
}

func bitType(b spec.Bit) *Statement {
	switch {
	case b.As != "":
		return Id(b.As)
	case b.Width > 1:
		return Uint8()
	}
	return Bool()
}

// width is the fixed size of a kind on the wire, or of its length prefix.
func width(k spec.Kind) int {
	switch k {
	case spec.U8, spec.Bool, spec.Bits:
		return 1
	case spec.U16, spec.Text, spec.Binary:
		return 2
	case spec.U32:
		return 4
	}
	return 0
}

// place renders the field of that name of the packet, group or element at hand.
type place func(field string) *Statement

// members is the place whose fields belong to the expression made by of.
func members(of func() *Statement) place {
	return func(field string) *Statement { return of().Dot(field) }
}

// packet is the place of the fields of p, the receiver.
var packet = members(func() *Statement { return Id("p") })

// inside is the place of the fields of group x.
func (at place) inside(x spec.Field) place {
	return members(func() *Statement { return at(x.Name) })
}

// elements adds a loop over list x, with the place of the fields of one element.
func (at place) elements(g *Group, x spec.Field, body func(*Group, place)) {
	if single(x) {
		g.For(List(Id("_"), Id("x")).Op(":=").Range().Add(at(x.Name))).BlockFunc(func(g *Group) {
			body(g, func(string) *Statement { return Id("x") })
		})
		return
	}
	g.For(Id("i").Op(":=").Range().Add(at(x.Name))).BlockFunc(func(g *Group) {
		g.Id("x").Op(":=").Op("&").Add(at(x.Name)).Index(Id("i"))
		body(g, members(func() *Statement { return Id("x") }))
	})
}

// fault is the variable of a Fault of the spec.
func fault(name string) *Statement { return Qual(pkgWire, name) }

// hole is a gap between spec and generator, found while generating.
func hole(format string, a ...any) string { return "gen: " + fmt.Sprintf(format, a...) }

// mask and hex print a number the way the standard does.
func mask(n int) *Statement { return Op(fmt.Sprintf("0b%08b", n)) }
func hex(n int) *Statement  { return Op(fmt.Sprintf("0x%02x", n)) }
