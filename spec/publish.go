package spec

// Publish is section 3.3.
var Publish = Packet{
	Name: "PUBLISH", Type: 3, Section: "3.3", Wrong: "FixedFlags",
	Doc: "transports an application message.",

	Flags: []Bit{
		{Name: "Dup", At: 3, Doc: "a redelivery, perhaps"},
		{Name: "QoS", At: 1, Width: 2, Max: 2, Over: "PublishQoS", As: "QoS"},
		{Name: "Retain", At: 0},
	},
	Fields: []Field{
		{Name: "Topic", Kind: Text, Doc: "empty when a topic alias stands in for it"}, // [MQTT-3.3.2-1]
		{Name: "PacketID", Kind: U16, If: over("QoS", 0)},                             // [MQTT-2.2.1-2]
		{Name: "Props", Kind: Props, In: V5, Table: "PUBLISH"},
		{Name: "Payload", Kind: Rest},
	},
	Rules: []Rule{
		// and so [MQTT-4.3.1-1]
		{V3: "3.3.1-2", V5: "3.3.1-2", In: V311 | V5, When: is("QoS", 0), Must: unset("Dup"), Reason: "MalformedPacket", Doc: "no DUP at QoS 0"},
		{V3: "3.3.2-2", V5: "3.3.2-2", Must: plain("Topic"), Reason: "TopicNameInvalid", Doc: "no wildcard in a topic name"},
		{V3: "2.3.1-1", V5: "2.2.1-3", When: over("QoS", 0), Must: over("PacketID", 0), Reason: "ProtocolError", Doc: "no packet identifier zero"},
		{V3: "4.7.3-1", Must: some("Topic"), Reason: "TopicNameInvalid", Doc: "no empty topic name"},
		{V5: "§3.3.2.1", When: none("Topic"), Must: has("Props", "TopicAlias"), Reason: "ProtocolError", Doc: "a topic name or a topic alias"},
		{V5: "4.7.3-1", When: has("Props", "ResponseTopic"), Must: Cond{Field: "Props", Prop: "ResponseTopic", Op: Nonempty}, Reason: "ProtocolError", Doc: "no empty response topic"},
		{V5: "3.3.2-14", When: has("Props", "ResponseTopic"), Must: Cond{Field: "Props", Prop: "ResponseTopic", Op: NoWildcard}, Reason: "ProtocolError", Doc: "no wildcard in a response topic"},
		{V5: "3.3.4-6", From: Client, Must: lacks("Props", "SubscriptionIdentifier"), Reason: "ProtocolError", Doc: "no subscription identifier from a client"},
	},
}
