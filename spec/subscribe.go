package spec

// Subscribe is section 3.8.
var Subscribe = Packet{
	Name: "SUBSCRIBE", Type: 8, Section: "3.8", From: Client, Fixed: 0b0010, Wrong: "SubscribeFlags", Loose: V31,
	Doc: "asks for one or more subscriptions.",

	Flags: []Bit{
		{Name: "Dup", At: 3, In: V31, Doc: "a redelivery; only 3.1 has it"},
	},
	Fields: []Field{
		{Name: "PacketID", Kind: U16},
		{Name: "Props", Kind: Props, In: V5, Table: "SUBSCRIBE"},
		{Name: "Filters", Kind: List, As: "Subscription", Fields: []Field{
			{Name: "Filter", Kind: Text, Rules: topicFilter}, // [MQTT-3.8.3-1]
			{Name: "Options", Kind: Bits, Wrong: "SubscribeOptions", Loose: V31, Bits: []Bit{
				{Name: "QoS", At: 0, Width: 2, Max: 2, Over: "SubscribeQoS", As: "QoS", Doc: "the highest wanted"},
				{Name: "NoLocal", At: 2, In: V5, Doc: "not what this client publishes itself"},
				{Name: "RetainAsPublished", At: 3, In: V5, Doc: "keep the RETAIN flag of the publisher"},
				{Name: "RetainHandling", At: 4, Width: 2, Max: 2, Over: "RetainHandling", As: "RetainHandling", In: V5},
			}},
		}, Rules: []Rule{
			{V5: "3.8.3-4", When: set("NoLocal"), Must: field("Filter", NotShared), Reason: "ProtocolError", Doc: "no No Local on a shared subscription"},
		}},
	},
	Rules: []Rule{
		{V3: "2.3.1-1", V5: "2.2.1-3", Must: over("PacketID", 0), Reason: "ProtocolError", Doc: "no packet identifier zero"},
		{V3: "3.8.3-3", V5: "3.8.3-2", Must: some("Filters"), Reason: "ProtocolError", Doc: "at least one topic filter"},
	},
}

// topicFilter is what every topic filter obeys, sections 4.7 and 4.8.2.
var topicFilter = []Rule{
	{V3: "4.7.3-1", V5: "4.7.3-1", Must: some("Filter"), Reason: "TopicFilterInvalid", Doc: "no empty topic filter"},
	{V3: "4.7.1-2", V5: "4.7.1-1", Must: field("Filter", HashLast), Reason: "TopicFilterInvalid", Doc: "# only alone in the last level of a topic filter"},
	{V3: "4.7.1-3", V5: "4.7.1-2", Must: field("Filter", PlusAlone), Reason: "TopicFilterInvalid", Doc: "+ only alone in a level of a topic filter"},
	{V5: "4.8.2-1", Must: field("Filter", ShareNamed), Reason: "TopicFilterInvalid", Doc: "a share name of at least one character"},
	{V5: "4.8.2-2", Must: field("Filter", ShareFilter), Reason: "TopicFilterInvalid", Doc: "a share name without wildcards, a slash and a topic filter"},
}

// Suback is section 3.9.
var Suback = Packet{
	Name: "SUBACK", Type: 9, Section: "3.9", From: Server, Wrong: "FixedFlags", Loose: V31,
	Doc: "answers SUBSCRIBE.",

	Fields: []Field{
		{Name: "PacketID", Kind: U16},
		{Name: "Props", Kind: Props, In: V5, Table: "SUBACK"},
		{Name: "Reasons", Kind: List, Fields: []Field{
			{Name: "Reason", Kind: U8, As: "ReasonCode"},
		}, Rules: []Rule{
			{V3: "3.9.3-2", V5: "3.9.3-2", Must: listed("Reason"), Reason: "ProtocolError", Doc: "only codes listed for SUBACK"},
		}, Doc: "one for each topic filter, in their order; in 3.1 and 3.1.1 each a ReturnCode"},
	},
	Rules: []Rule{
		{V3: "2.3.1-7", V5: "2.2.1-6", Must: over("PacketID", 0), Reason: "ProtocolError", Doc: "no packet identifier zero"},
		{V3: "3.8.4-5", V5: "3.8.4-6", Must: some("Reasons"), Reason: "ProtocolError", Doc: "a code for each topic filter"},
	},
}

// Unsubscribe is section 3.10.
var Unsubscribe = Packet{
	Name: "UNSUBSCRIBE", Type: 10, Section: "3.10", From: Client, Fixed: 0b0010, Wrong: "UnsubscribeFlags", Loose: V31,
	Doc: "ends one or more subscriptions.",

	Flags: []Bit{
		{Name: "Dup", At: 3, In: V31, Doc: "a redelivery; only 3.1 has it"},
	},
	Fields: []Field{
		{Name: "PacketID", Kind: U16},
		{Name: "Props", Kind: Props, In: V5, Table: "UNSUBSCRIBE"},
		{Name: "Filters", Kind: List, Fields: []Field{
			{Name: "Filter", Kind: Text, Rules: topicFilter}, // [MQTT-3.10.3-1]
		}},
	},
	Rules: []Rule{
		{V3: "2.3.1-1", V5: "2.2.1-3", Must: over("PacketID", 0), Reason: "ProtocolError", Doc: "no packet identifier zero"},
		{V3: "3.10.3-2", V5: "3.10.3-2", Must: some("Filters"), Reason: "ProtocolError", Doc: "at least one topic filter"},
	},
}

// Unsuback is section 3.11.
var Unsuback = Packet{
	Name: "UNSUBACK", Type: 11, Section: "3.11", From: Server, Wrong: "FixedFlags", Loose: V31,
	Doc: "answers UNSUBSCRIBE.",

	Fields: []Field{
		{Name: "PacketID", Kind: U16},
		{Name: "Props", Kind: Props, In: V5, Table: "UNSUBACK"},
		{Name: "Reasons", Kind: List, In: V5, Fields: []Field{
			{Name: "Reason", Kind: U8, As: "ReasonCode"},
		}, Rules: []Rule{
			{V5: "3.11.3-2", Must: listed("Reason"), Reason: "ProtocolError", Doc: "only reason codes listed for UNSUBACK"},
		}, Doc: "one for each topic filter, in their order; none before 5.0"},
	},
	Rules: []Rule{
		{V3: "2.3.1-7", V5: "2.2.1-6", Must: over("PacketID", 0), Reason: "ProtocolError", Doc: "no packet identifier zero"},
		{V5: "3.11.3-1", Must: some("Reasons"), Reason: "ProtocolError", Doc: "a code for each topic filter"},
	},
}
