package main

import (
	"slices"

	. "github.com/dave/jennifer/jen"

	"github.com/fletchmq/fletch/spec"
)

// row is a property in one packet.
type row struct {
	spec.Property
	many bool
}

// columns is the property blocks, in the order of the packets, WILL behind
// CONNECT.
func columns(packets []spec.Packet) (names []string) {
	for _, p := range packets {
		for _, x := range p.Fields {
			if x.Kind == spec.Props {
				names = append(names, x.Table)
			}
			for _, y := range x.Fields {
				if y.Kind == spec.Props {
					names = append(names, y.Table)
				}
			}
		}
	}
	return names
}

// column is the properties of one block.
func column(props []spec.Property, name string) (rows []row) {
	for _, x := range props {
		switch {
		case slices.Contains(x.In, name):
			rows = append(rows, row{Property: x})
		case slices.Contains(x.Many, name):
			rows = append(rows, row{Property: x, many: true})
		}
	}
	return rows
}

func (x row) user() bool          { return x.Kind == spec.Pair }
func (x row) id() *Statement      { return Id("Prop" + x.Name) }
func (x row) field() string       { return lower(x.Name) }
func (x row) at() *Statement      { return Id("p").Dot(x.field()) }
func (x row) has() *Statement     { return Id("p").Dot("has").Dot("Has").Call(x.id()) }
func (x row) asField() spec.Field { return spec.Field{Name: x.Name, Kind: x.Kind, As: x.As} }

// properties renders the identifiers of table 2-4.
func properties(f *File, s Spec) {
	f.Comment("The property identifiers, table 2-4.")
	f.Const().DefsFunc(func(g *Group) {
		for _, x := range s.Properties {
			comment(g.Id("Prop"+x.Name).Id("Property").Op("=").Add(hex(int(x.ID))), x.Doc)
		}
	})
	f.Var().Id("propertyNames").Op("=").Map(Id("Property")).String().Values(DictFunc(func(d Dict) {
		for _, x := range s.Properties {
			d[Id("Prop"+x.Name)] = Lit(x.Title)
		}
	}))
	f.Comment("String is the name in the standard.")
	f.Func().Params(Id("id").Id("Property")).Id("String").Params().String().Block(
		If(List(Id("s"), Id("ok")).Op(":=").Id("propertyNames").Index(Id("id")), Id("ok")).Block(Return(Id("s"))),
		Return(Lit("unknown property")),
	)
}

// block renders the struct of a property block with its accessors:
//
//	type PublishProps struct {
//		has PropertySet
//		<a field for each property>
//	}
//	<Has, Reset, Unset, and X and SetX for each property X>
func block(f *File, name string, rows []row) {
	typ := propsType(name)
	f.Commentf("%s is the properties of %s. The zero value has none.", typ, name)
	f.Type().Id(typ).StructFunc(func(g *Group) {
		g.Id("has").Id("PropertySet")
		for _, x := range rows {
			switch {
			case x.user():
				g.Id("user").Id("userBlock")
			case x.many:
				g.Id(x.field()).Index().Add(goType(x.asField()))
			default:
				g.Id(x.field()).Add(goType(x.asField()))
			}
		}
	})
	f.Comment("Has is the set of the properties that are there.")
	method(f, typ, "Has").Params().Id("PropertySet").Block(Return(Id("p").Dot("has")))
	f.Comment("Reset removes all properties.")
	method(f, typ, "Reset").Params().BlockFunc(func(g *Group) {
		g.If(Id("p").Dot("has").Op("==").Lit(0)).Block(Return())
		g.Id("p").Dot("has").Op("=").Lit(0)
		for _, x := range rows {
			forget(g, x)
		}
	})
	f.Comment("Unset removes property id.")
	method(f, typ, "Unset").Params(Id("id").Id("Property")).BlockFunc(func(g *Group) {
		g.Id("p").Dot("has").Dot("drop").Call(Id("id"))
		for _, x := range rows {
			if x.many {
				g.If(Id("id").Op("==").Add(x.id())).BlockFunc(func(g *Group) { forget(g, x) })
			}
		}
	})
	for _, x := range rows {
		switch {
		case x.user():
			userAccessors(f, typ)
		case x.many:
			listAccessors(f, typ, x)
		default:
			accessors(f, typ, x)
		}
	}
}

// forget empties a list, and keeps its capacity.
func forget(g *Group, x row) {
	switch {
	case x.user():
		g.Id("p").Dot("user").Dot("reset").Call()
	case x.many:
		g.Add(x.at()).Op("=").Add(x.at()).Index(Op(":").Lit(0))
	}
}

// accessors renders:
//
//	func (p *ConnectProps) ReceiveMaximum() (v uint16, ok bool)
//	func (p *ConnectProps) SetReceiveMaximum(v uint16)
func accessors(f *File, typ string, x row) {
	doc := "is " + x.Title + ", and whether it is there"
	if x.Doc != "" {
		doc += ": " + x.Doc
	}
	f.Comment(x.Name + " " + doc + ".")
	var absent *Statement
	switch {
	case x.Kind == spec.Bool:
		absent = Lit(x.Default != 0)
	case x.Kind == spec.Text || x.Kind == spec.Binary:
		absent = Nil()
	default:
		absent = Lit(x.Default)
	}
	if x.Default != 0 {
		f.Commentf("Absence means %#v.", absent)
	}
	method(f, typ, x.Name).Params().Params(goType(x.asField()), Bool()).Block(
		If(Op("!").Add(x.has())).Block(Return(absent, False())),
		Return(x.at(), True()),
	)
	f.Commentf("Set%s sets %s.", x.Name, x.Title)
	method(f, typ, "Set"+x.Name).Params(Id("v").Add(goType(x.asField()))).Block(
		Id("p").Dot("has").Dot("add").Call(x.id()),
		x.at().Op("=").Id("v"),
	)
}

func listAccessors(f *File, typ string, x row) {
	f.Commentf("%ss is all of %s, in their order. It is valid until p changes.", x.Name, x.Title)
	method(f, typ, x.Name+"s").Params().Index().Add(goType(x.asField())).Block(Return(x.at()))
	f.Commentf("Add%s adds a %s.", x.Name, x.Title)
	method(f, typ, "Add"+x.Name).Params(Id("v").Add(goType(x.asField()))).Block(
		Id("p").Dot("has").Dot("add").Call(x.id()),
		x.at().Op("=").Append(x.at(), Id("v")),
	)
}

func userAccessors(f *File, typ string) {
	f.Comment("UserProperties is the user properties in their order. It is valid until p changes.")
	method(f, typ, "UserProperties").Params().Id("UserProperties").Block(Return(Id("p").Dot("user").Dot("get").Call()))
	f.Comment("SetUserProperties makes all the user properties of p, without copying them.")
	method(f, typ, "SetUserProperties").Params(Id("all").Id("UserProperties")).Block(
		If(Len(Id("all")).Op("==").Lit(0)).Block(Id("p").Dot("Unset").Call(Id("PropUserProperty")), Return()),
		Id("p").Dot("has").Dot("add").Call(Id("PropUserProperty")),
		Id("p").Dot("user").Dot("set").Call(Id("all")),
	)
	f.Comment("AddUserProperty adds a user property behind the others.")
	method(f, typ, "AddUserProperty").Params(List(Id("key"), Id("value")).Index().Byte()).Block(
		Id("p").Dot("has").Dot("add").Call(Id("PropUserProperty")),
		Id("p").Dot("user").Dot("add").Call(Id("key"), Id("value")),
	)
}
