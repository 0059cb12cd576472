package spec

// Puback is section 3.4.
var Puback = Packet{
	Name: "PUBACK", Type: 4, Section: "3.4", Wrong: "FixedFlags", Loose: V31,
	Doc: "answers a PUBLISH at QoS 1.",

	Fields: []Field{
		{Name: "PacketID", Kind: U16},
		{Name: "Reason", Kind: U8, As: "ReasonCode", In: V5, Tail: V5},
		{Name: "Props", Kind: Props, In: V5, Tail: V5, Table: "PUBACK"},
	},
	Rules: []Rule{
		{V3: "2.3.1-6", V5: "2.2.1-5", Must: over("PacketID", 0), Reason: "ProtocolError", Doc: "no packet identifier zero"},
		{V5: "3.4.2-1", Must: listed("Reason"), Reason: "ProtocolError", Doc: "only reason codes listed for PUBACK"},
	},
}

// Pubrec is section 3.5.
var Pubrec = Packet{
	Name: "PUBREC", Type: 5, Section: "3.5", Wrong: "FixedFlags", Loose: V31,
	Doc: "answers a PUBLISH at QoS 2.",

	Fields: []Field{
		{Name: "PacketID", Kind: U16},
		{Name: "Reason", Kind: U8, As: "ReasonCode", In: V5, Tail: V5},
		{Name: "Props", Kind: Props, In: V5, Tail: V5, Table: "PUBREC"},
	},
	Rules: []Rule{
		{V3: "2.3.1-6", V5: "2.2.1-5", Must: over("PacketID", 0), Reason: "ProtocolError", Doc: "no packet identifier zero"},
		{V5: "3.5.2-1", Must: listed("Reason"), Reason: "ProtocolError", Doc: "only reason codes listed for PUBREC"},
	},
}

// Pubrel is section 3.6.
var Pubrel = Packet{
	Name: "PUBREL", Type: 6, Section: "3.6", Fixed: 0b0010, Wrong: "PubrelFlags", Loose: V31,
	Doc: "answers PUBREC: the message is released.",

	Flags: []Bit{
		{Name: "Dup", At: 3, In: V31, Doc: "a redelivery; only 3.1 has it"},
	},
	Fields: []Field{
		{Name: "PacketID", Kind: U16},
		{Name: "Reason", Kind: U8, As: "ReasonCode", In: V5, Tail: V5},
		{Name: "Props", Kind: Props, In: V5, Tail: V5, Table: "PUBREL"},
	},
	Rules: []Rule{
		{V3: "2.3.1-6", V5: "2.2.1-5", Must: over("PacketID", 0), Reason: "ProtocolError", Doc: "no packet identifier zero"},
		{V5: "3.6.2-1", Must: listed("Reason"), Reason: "ProtocolError", Doc: "only reason codes listed for PUBREL"},
	},
}

// Pubcomp is section 3.7.
var Pubcomp = Packet{
	Name: "PUBCOMP", Type: 7, Section: "3.7", Wrong: "FixedFlags", Loose: V31,
	Doc: "answers PUBREL: the exchange is complete.",

	Fields: []Field{
		{Name: "PacketID", Kind: U16},
		{Name: "Reason", Kind: U8, As: "ReasonCode", In: V5, Tail: V5},
		{Name: "Props", Kind: Props, In: V5, Tail: V5, Table: "PUBCOMP"},
	},
	Rules: []Rule{
		{V3: "2.3.1-6", V5: "2.2.1-5", Must: over("PacketID", 0), Reason: "ProtocolError", Doc: "no packet identifier zero"},
		{V5: "3.7.2-1", Must: listed("Reason"), Reason: "ProtocolError", Doc: "only reason codes listed for PUBCOMP"},
	},
}
