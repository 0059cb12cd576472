package spec

// Properties is table 2-4, in the order of the identifiers.
var Properties = []Property{
	{ID: 0x01, Name: "PayloadFormatIndicator", Title: "Payload Format Indicator", Kind: U8, In: in("PUBLISH", "WILL"), Doc: "1: the payload is UTF-8 text; 2 and above have no meaning"},
	{ID: 0x02, Name: "MessageExpiryInterval", Title: "Message Expiry Interval", Kind: U32, In: in("PUBLISH", "WILL"), Doc: "seconds; absent: never"},
	{ID: 0x03, Name: "ContentType", Title: "Content Type", Kind: Text, In: in("PUBLISH", "WILL")},                          // [MQTT-3.3.2-19]
	{ID: 0x08, Name: "ResponseTopic", Title: "Response Topic", Kind: Text, In: in("PUBLISH", "WILL"), Doc: "a topic name"}, // [MQTT-3.3.2-13]
	{ID: 0x09, Name: "CorrelationData", Title: "Correlation Data", Kind: Binary, In: in("PUBLISH", "WILL")},
	{ID: 0x0b, Name: "SubscriptionIdentifier", Title: "Subscription Identifier", Kind: VarInt, In: in("SUBSCRIBE"), Many: in("PUBLISH"), NonZero: true},
	{ID: 0x11, Name: "SessionExpiryInterval", Title: "Session Expiry Interval", Kind: U32, In: in("CONNECT", "CONNACK", "DISCONNECT"), Doc: "seconds; 0xFFFFFFFF: never"},
	{ID: 0x12, Name: "AssignedClientIdentifier", Title: "Assigned Client Identifier", Kind: Text, In: in("CONNACK")},
	{ID: 0x13, Name: "ServerKeepAlive", Title: "Server Keep Alive", Kind: U16, In: in("CONNACK"), Doc: "seconds"},
	{ID: 0x15, Name: "AuthenticationMethod", Title: "Authentication Method", Kind: Text, In: in("CONNECT", "CONNACK", "AUTH")},
	{ID: 0x16, Name: "AuthenticationData", Title: "Authentication Data", Kind: Binary, In: in("CONNECT", "CONNACK", "AUTH"), Secret: true},
	{ID: 0x17, Name: "RequestProblemInformation", Title: "Request Problem Information", Kind: Bool, In: in("CONNECT"), Default: 1},
	{ID: 0x18, Name: "WillDelayInterval", Title: "Will Delay Interval", Kind: U32, In: in("WILL"), Doc: "seconds"},
	{ID: 0x19, Name: "RequestResponseInformation", Title: "Request Response Information", Kind: Bool, In: in("CONNECT")},
	{ID: 0x1a, Name: "ResponseInformation", Title: "Response Information", Kind: Text, In: in("CONNACK")},
	{ID: 0x1c, Name: "ServerReference", Title: "Server Reference", Kind: Text, In: in("CONNACK", "DISCONNECT")},
	{ID: 0x1f, Name: "ReasonString", Title: "Reason String", Kind: Text, In: in("CONNACK", "PUBACK", "PUBREC", "PUBREL", "PUBCOMP", "SUBACK", "UNSUBACK", "DISCONNECT", "AUTH"), Doc: "for people"},
	{ID: 0x21, Name: "ReceiveMaximum", Title: "Receive Maximum", Kind: U16, In: in("CONNECT", "CONNACK"), NonZero: true, Default: 65535},
	{ID: 0x22, Name: "TopicAliasMaximum", Title: "Topic Alias Maximum", Kind: U16, In: in("CONNECT", "CONNACK")},
	{ID: 0x23, Name: "TopicAlias", Title: "Topic Alias", Kind: U16, In: in("PUBLISH"), NonZero: true, Range: "TopicAliasZero"},
	{ID: 0x24, Name: "MaximumQoS", Title: "Maximum QoS", Kind: U8, In: in("CONNACK"), As: "QoS", Max: 1, Default: 2},
	{ID: 0x25, Name: "RetainAvailable", Title: "Retain Available", Kind: Bool, In: in("CONNACK"), Default: 1},
	{ID: 0x26, Name: "UserProperty", Title: "User Property", Kind: Pair, Many: everywhere},
	{ID: 0x27, Name: "MaximumPacketSize", Title: "Maximum Packet Size", Kind: U32, In: in("CONNECT", "CONNACK"), NonZero: true, Doc: "bytes, fixed header included; absent: no limit"},
	{ID: 0x28, Name: "WildcardSubscriptionAvailable", Title: "Wildcard Subscription Available", Kind: Bool, In: in("CONNACK"), Default: 1},
	{ID: 0x29, Name: "SubscriptionIdentifierAvailable", Title: "Subscription Identifier Available", Kind: Bool, In: in("CONNACK"), Default: 1},
	{ID: 0x2a, Name: "SharedSubscriptionAvailable", Title: "Shared Subscription Available", Kind: Bool, In: in("CONNACK"), Default: 1},
}

// everywhere is the property blocks that all have user properties.
var everywhere = in("CONNECT", "WILL", "CONNACK", "PUBLISH", "PUBACK", "PUBREC", "PUBREL", "PUBCOMP",
	"SUBSCRIBE", "SUBACK", "UNSUBSCRIBE", "UNSUBACK", "DISCONNECT", "AUTH")

// in makes the columns of the tables readable.
func in(packets ...string) []string { return packets }
