package main

import (
	"slices"

	. "github.com/dave/jennifer/jen"

	"github.com/fletchmq/fletch/spec"
)

// reasons renders the reason codes of 5.0, who may send them in which packet,
// and the return codes of 3.1 and 3.1.1.
func reasons(f *File, s Spec) {
	f.Comment("ReasonCode is the outcome of something, section 2.4. From 0x80 it is a failure.")
	f.Type().Id("ReasonCode").Uint8()
	f.Comment("The reason codes of table 2-6. Where names share a code, the packet says which is meant.")
	f.Const().DefsFunc(func(g *Group) {
		for _, r := range s.Reasons {
			g.Id(r.Name).Id("ReasonCode").Op("=").Add(hex(int(r.Code)))
		}
	})
	f.Comment("String is the name in the standard.")
	f.Func().Params(Id("r").Id("ReasonCode")).Id("String").Params().String().BlockFunc(func(g *Group) {
		g.Switch(Id("r")).BlockFunc(func(g *Group) {
			seen := map[uint8]bool{}
			for _, r := range s.Reasons {
				if !seen[r.Code] {
					seen[r.Code] = true
					g.Case(Id(r.Name)).Block(Return(Lit(r.Title)))
				}
			}
		})
		g.Return(Lit("unknown reason code"))
	})
	senderTable(f, s)
	f.Comment("ReturnCode is the outcome of CONNECT and SUBSCRIBE in 3.1 and 3.1.1.")
	f.Type().Id("ReturnCode").Uint8()
	f.Comment("The return codes of CONNACK, table 3.1 of the 3.1.1 document, and of SUBACK, section 3.9.3.")
	f.Const().DefsFunc(func(g *Group) {
		for _, r := range s.Returns {
			comment(g.Id(r.Name).Id("ReturnCode").Op("=").Add(hex(int(r.Code))), r.Packet+": "+r.Title)
		}
	})
	codeSets(f, s)
	returnCode(f, s)
}

// senderTable renders the table behind SentBy: for each code a set of packet types
// for the client, and one for the server.
func senderTable(f *File, s Spec) {
	var table [256][2][]string
	for _, r := range s.Reasons {
		for _, name := range r.In {
			from := senderOf(s, r, name)
			for i, side := range []spec.Side{spec.Client, spec.Server} {
				if from&side != 0 {
					table[r.Code][i] = append(table[r.Code][i], name)
				}
			}
		}
	}
	f.Comment("reasonSenders is the packets in which a client, and in which a server, may send a code.")
	f.Var().Id("reasonSenders").Op("=").Index(Lit(256)).Index(Lit(4)).Uint16().ValuesFunc(func(g *Group) {
		for code, row := range table {
			if len(row[0])+len(row[1]) > 0 {
				g.Line().Add(hex(code)).Op(":").ValuesFunc(func(g *Group) {
					for i, side := range []string{"Client", "Server"} {
						if len(row[i]) > 0 {
							g.Id(side).Op(":").Add(typeSet(row[i]))
						}
					}
				})
			}
		}
		g.Line()
	})
}

// typeSet is a set of packet types.
func typeSet(names []string) *Statement {
	if len(names) == 0 {
		return Lit(0)
	}
	var x *Statement
	for _, name := range names {
		bit := Lit(1).Op("<<").Id("Type" + title(name))
		if x == nil {
			x = bit
		} else {
			x = x.Op("|").Add(bit)
		}
	}
	return x
}

// codeSets renders the table behind ValidIn: for each version and code the packets
// that may carry it.
func codeSets(f *File, s Spec) {
	var table [8][256][]string
	for _, r := range s.Returns {
		for v, level := range levels {
			if r.In&v != 0 {
				table[level][r.Code] = append(table[level][r.Code], r.Packet)
			}
		}
	}
	for _, r := range s.Reasons {
		table[levels[spec.V5]][r.Code] = append(table[levels[spec.V5]][r.Code], r.In...)
	}
	f.Comment("codePackets is the packets of each version that may carry a code.")
	f.Var().Id("codePackets").Op("=").Index(Lit(8)).Index(Lit(256)).Uint16().ValuesFunc(func(g *Group) {
		for level, codes := range table {
			if !slices.ContainsFunc(codes[:], func(in []string) bool { return len(in) > 0 }) {
				continue
			}
			g.Line().Lit(level).Op(":").ValuesFunc(func(g *Group) {
				for code, in := range codes {
					if len(in) > 0 {
						g.Line().Add(hex(code)).Op(":").Add(typeSet(in))
					}
				}
				g.Line()
			})
		}
		g.Line()
	})
}

// senderOf is the sides that may send reason r in the packet of that name.
func senderOf(s Spec, r spec.Reason, name string) spec.Side {
	both := spec.Client | spec.Server
	for _, only := range r.Only {
		if only.Packet == name {
			return only.From
		}
	}
	i := slices.IndexFunc(s.Packets, func(p spec.Packet) bool { return p.Name == name })
	if i < 0 {
		panic(hole("reason %s is in %s, which is no packet", r.Name, name))
	}
	if from := s.Packets[i].From; from != 0 {
		return from
	}
	return both
}

func returnCode(f *File, s Spec) {
	f.Comment("ReturnCode is the return code of CONNACK in 3.1 and 3.1.1 that says the same as r, if there is one.")
	f.Func().Params(Id("r").Id("ReasonCode")).Id("ReturnCode").Params().Params(Id("ReturnCode"), Bool()).Block(
		Switch(Id("r")).BlockFunc(func(g *Group) {
			for _, c := range s.Returns {
				if same := sameAs(s, c); len(same) > 0 {
					g.Case(same...).Block(Return(Id(c.Name), True()))
				}
			}
		}),
		Return(Lit(0), False()),
	)
	f.Comment("ReasonCode is the reason code of 5.0 that says the same as c in CONNACK.")
	f.Func().Params(Id("c").Id("ReturnCode")).Id("ReasonCode").Params().Id("ReasonCode").Block(
		Switch(Id("c")).BlockFunc(func(g *Group) {
			for _, c := range s.Returns {
				if same := sameAs(s, c); len(same) > 0 {
					g.Case(Id(c.Name)).Block(Return(same[0]))
				}
			}
		}),
		Return(Id("UnspecifiedError")),
	)
}

// sameAs is the reason codes that say the same as a return code of CONNACK.
func sameAs(s Spec, c spec.Return) (same []Code) {
	if c.Packet != "CONNACK" {
		return nil
	}
	for _, r := range s.Reasons {
		if c.Code != 0 && r.Return == c.Code || c.Code == 0 && r.Code == 0 && len(same) == 0 {
			same = append(same, Id(r.Name))
		}
	}
	return same
}
