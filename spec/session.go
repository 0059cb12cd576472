package spec

// Pingreq is section 3.12.
var Pingreq = Packet{
	Name: "PINGREQ", Type: 12, Section: "3.12", From: Client, Wrong: "FixedFlags", Loose: V31,
	Doc: "keeps a connection alive and asks for PINGRESP.",
}

// Pingresp is section 3.13.
var Pingresp = Packet{
	Name: "PINGRESP", Type: 13, Section: "3.13", From: Server, Wrong: "FixedFlags", Loose: V31,
	Doc: "answers PINGREQ.",
}

// Disconnect is section 3.14.
var Disconnect = Packet{
	Name: "DISCONNECT", Type: 14, Section: "3.14", Was: Client, Wrong: "DisconnectFlags", Loose: V31,
	Doc: "is the last packet of a connection. Before 5.0 only clients send it.",

	Fields: []Field{
		{Name: "Reason", Kind: U8, As: "ReasonCode", In: V5, Tail: V5},
		{Name: "Props", Kind: Props, In: V5, Tail: V5, Table: "DISCONNECT"},
	},
	Rules: []Rule{
		{V5: "3.14.2-1", Must: listed("Reason"), Reason: "ProtocolError", Doc: "only reason codes listed for DISCONNECT"},
		{V5: "3.14.2-2", From: Server, Must: lacks("Props", "SessionExpiryInterval"), Reason: "ProtocolError", Doc: "no session expiry interval from a server"},
	},
}

// Auth is section 3.15.
var Auth = Packet{
	Name: "AUTH", Type: 15, Section: "3.15", In: V5, Wrong: "AuthFlags",
	Doc: "is a step of an enhanced authentication.",

	Fields: []Field{
		{Name: "Reason", Kind: U8, As: "ReasonCode", In: V5, Tail: V5},
		{Name: "Props", Kind: Props, In: V5, Table: "AUTH"}, // section 3.15.2.1: both may be left out, not one
	},
	Rules: []Rule{
		{V5: "3.15.2-1", Must: listed("Reason"), Reason: "ProtocolError", Doc: "only reason codes listed for AUTH"},
		{V5: "§3.15.2.2.2", When: over("Reason", 0), Must: has("Props", "AuthenticationMethod"), Reason: "ProtocolError", Doc: "no AUTH without its method, but for a bare success"},
		{V5: "§3.15.2.2.2", When: field("Props", AnyProperty), Must: has("Props", "AuthenticationMethod"), Reason: "ProtocolError", Doc: "no properties without the method"},
	},
}
