package spec

// Connect is section 3.1.
var Connect = Packet{
	Name: "CONNECT", Type: 1, Section: "3.1", From: Client, Wrong: "FixedFlags", Loose: V31,
	Doc: "is the first packet a client sends.",

	Fields: []Field{ // the payload in the order of [MQTT-3.1.3-1]
		{Name: "Version", Kind: Level, Names: []Name{ // [MQTT-3.1.2-1], [MQTT-3.1.2-2]
			{V31, "MQIsdp", 3},
			{V311, "MQTT", 4},
			{V5, "MQTT", 5},
		}, Doc: "set by Decode, also when it is a level that there is not; AppendTo writes the version it is given"},
		{Name: "Flags", Kind: Bits, Wrong: "ConnectFlags", Loose: V31, Bits: []Bit{
			{Name: "CleanStart", At: 1, Doc: "Clean Session in 3.1 and 3.1.1"},
			{Name: "HasWill", At: 2, Doc: "Will is there"},
			{Name: "WillQoS", At: 3, Width: 2, Max: 2, Over: "WillQoS", As: "QoS"},
			{Name: "WillRetain", At: 5},
			{Name: "HasPassword", At: 6, Doc: "Password is there"},
			{Name: "HasUsername", At: 7, Doc: "Username is there"},
		}},
		{Name: "KeepAlive", Kind: U16, Doc: "seconds, 0: none"},
		{Name: "Props", Kind: Props, In: V5, Table: "CONNECT"},
		// No rule keeps it at the 23 characters of 3.1: clients with longer ones are in use, as
		// Mosquitto accepts them, and the later versions allow it.
		{Name: "ClientID", Kind: Text, Doc: "may be longer than the 23 characters that 3.1 has"}, // [MQTT-3.1.3-3] [MQTT-3.1.3-4]
		{Name: "Will", Kind: Group, If: set("HasWill"), Fields: []Field{ // [MQTT-3.1.2-9] [MQTT3-3.1.2-11]
			{Name: "Props", Kind: Props, In: V5, Table: "WILL"},
			{Name: "Topic", Kind: Text}, // [MQTT-3.1.3-11]
			{Name: "Payload", Kind: Binary},
		}, Rules: []Rule{
			{V3: "4.7.1-1", V5: "4.7.0-1", Must: plain("Topic"), Reason: "TopicNameInvalid", Doc: "no wildcard in a will topic"},
			{V3: "4.7.3-1", V5: "4.7.3-1", Must: some("Topic"), Reason: "TopicNameInvalid", Doc: "no empty will topic"},
			{V5: "4.7.3-1", When: has("Props", "ResponseTopic"), Must: Cond{Field: "Props", Prop: "ResponseTopic", Op: Nonempty}, Reason: "ProtocolError", Doc: "no empty response topic"},
			{V5: "3.3.2-14", When: has("Props", "ResponseTopic"), Must: Cond{Field: "Props", Prop: "ResponseTopic", Op: NoWildcard}, Reason: "ProtocolError", Doc: "no wildcard in a response topic"},
		}},
		// [MQTT-3.1.2-16] [MQTT-3.1.2-17] [MQTT-3.1.2-18] [MQTT-3.1.2-19] [MQTT-3.1.3-12]
		{Name: "Username", Kind: Text, If: set("HasUsername"), Tail: V31, Doc: "3.1: may be missing although announced"},
		{Name: "Password", Kind: Binary, If: set("HasPassword"), Tail: V31, Secret: true, Doc: "3.1: may be missing although announced"},
	},
	Rules: []Rule{
		{V3: "3.1.2-13", V5: "3.1.2-11", When: unset("HasWill"), Must: is("WillQoS", 0), Reason: "MalformedPacket", Doc: "no will QoS without a will"},
		{V3: "3.1.2-15", V5: "3.1.2-13", When: unset("HasWill"), Must: unset("WillRetain"), Reason: "MalformedPacket", Doc: "no will retain without a will"},
		{V3: "3.1.2-22", When: unset("HasUsername"), Must: unset("HasPassword"), Reason: "MalformedPacket", Doc: "no password without a user name"},
		{V3: "§3.1", In: V31, Must: some("ClientID"), Reason: "ClientIdentifierNotValid", Doc: "no empty client identifier in 3.1"},
		// who breaks [MQTT3-3.1.3-7] is refused
		{V3: "3.1.3-8", In: V311, When: none("ClientID"), Must: set("CleanStart"), Reason: "ClientIdentifierNotValid", Doc: "no empty client identifier without Clean Session"},
		{V5: "§3.1.2.11.10", When: has("Props", "AuthenticationData"), Must: has("Props", "AuthenticationMethod"), Reason: "ProtocolError", Doc: "no authentication data without a method"},
	},
}

// Connack is section 3.2.
var Connack = Packet{
	Name: "CONNACK", Type: 2, Section: "3.2", From: Server, Wrong: "FixedFlags", Loose: V31,
	Doc: "answers CONNECT.",

	Fields: []Field{
		{Name: "Flags", Kind: Bits, Wrong: "ConnackFlags", Loose: V31, Bits: []Bit{
			{Name: "SessionPresent", At: 0, In: V311 | V5},
		}},
		{Name: "Reason", Kind: U8, As: "ReasonCode", Doc: "in 3.1 and 3.1.1 a ReturnCode"},
		{Name: "Props", Kind: Props, In: V5, Table: "CONNACK"},
	},
	Rules: []Rule{
		{V3: "3.2.2-4", V5: "3.2.2-6", In: V311 | V5, When: over("Reason", 0), Must: unset("SessionPresent"), Reason: "ProtocolError", Doc: "no session present in a refusal"},
		{V3: "§3.2.2.3", V5: "3.2.2-8", Must: listed("Reason"), Reason: "ProtocolError", Doc: "only codes listed for CONNACK"},
	},
}
