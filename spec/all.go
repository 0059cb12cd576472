package spec

// Packets is every control packet, in the order of the types.
var Packets = []Packet{
	Connect, Connack, Publish, Puback, Pubrec, Pubrel, Pubcomp,
	Subscribe, Suback, Unsubscribe, Unsuback, Pingreq, Pingresp, Disconnect, Auth,
}
