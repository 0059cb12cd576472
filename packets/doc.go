// Package packets is the MQTT wire format: every control packet of MQTT 3.1,
// 3.1.1 and 5.0, read and written without allocation.
//
// # Reading
//
// A packet is a first byte and a body, as package frame cuts them out of a
// stream. [FromClient] and [FromServer] hold one packet of each type and decode
// into it again and again:
//
//	var in packets.FromClient
//	p, err := in.Decode(first, body, packets.V5)
//	switch p := p.(type) {
//	case *packets.Publish:
//		…
//	}
//
// What a peer does wrong comes back as a [*BrokenError], which names the statement
// of the standard that is broken and the reason code to answer with.
//
// # Writing
//
// Fill in a struct and append it: AppendTo gives the whole packet, in the version
// it is given. It trusts its caller. What comes from a user goes through Validate
// first, which applies the same rules that Decode does.
//
// # Properties
//
// The properties of 5.0 have a getter and a setter each. A getter says whether the
// property is there; where it is not, the value is what the standard takes absence
// to mean. User properties are a run of bytes, see [UserProperties].
//
// # Lifetimes
//
// This is all there is to know about who owns which bytes:
//
//   - What Decode puts into a packet are views into body. They are valid as long
//     as the body is, and until the next Decode into the same packet. Whoever
//     keeps one longer copies it.
//   - A view is capped: an append to it copies, and never runs on into the bytes
//     behind it.
//   - The lists of a packet (Filters, Reasons, SubscriptionIdentifiers) belong to
//     the packet; the next Decode overwrites them, and keeps their capacity.
//   - A setter keeps the slice it is given. AddUserProperty copies.
//   - AppendTo reads the packet and keeps nothing.
//   - A packet must not be copied while both copies are used: they would share
//     their lists.
//
// # Where it comes from
//
// The files that begin with z are written by command gen from package spec, and so
// is [REFERENCE.md], the tables of the standard as they are understood here.
//
// [REFERENCE.md]: https://github.com/fletchmq/fletch/blob/main/packets/REFERENCE.md
package packets
