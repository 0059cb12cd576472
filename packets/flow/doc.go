// Package flow is the delivery of QoS 1 and 2 as a state machine: packet
// identifiers, the exchanges of section 4.3, the flow control of section 4.9
// and the topic aliases of section 3.3.2.3.4. It has no clock, goroutine, lock
// or socket. Client and broker use the same code, each both ways:
//
//   - [Sender] is the side that sends PUBLISH and gets PUBACK, PUBREC, PUBCOMP.
//     It also hands out the identifiers of SUBSCRIBE and UNSUBSCRIBE.
//   - [Receiver] is the side that gets PUBLISH and PUBREL. It says what is to
//     be delivered, and which acknowledgements may go out.
//   - [AliasOut] and [AliasIn] are the topic aliases of one connection.
//
// The zero value of each is ready, holds no memory beyond its own few bytes,
// and accepts nothing until it is told of a connection. None is safe for
// concurrent use: the one who owns the session calls them.
//
// # Life of a session
//
// Sender and Receiver belong to the session and outlive connections; aliases
// do not. At the beginning of each connection, once CONNACK is sent or read:
//
//	if !sessionPresent {
//		for e := range out.Reset() { … } // messages that come back
//		in.Reset()
//	}
//	out.Resume(peersReceiveMaximum)        // 65535 before 5.0
//	in.Resume(ourReceiveMaximum)
//	for id := range out.Releases() { … }   // send PUBREL
//	for {
//		e, ok := out.Resend()              // send PUBLISH with DUP 1
//		if !ok { break }
//		…
//	}
//
// Then, for each acknowledgement of the peer, the method of its name; after
// it, as quota may have come back, Resend until it says no, then Begin. On the
// other side [Receiver.Publish] for each PUBLISH, [Receiver.Done] whenever its
// message is taken over (stored, handled), in any order, and after either
// [Receiver.Next] until it says no, for what may be acknowledged.
//
// # Where the standard leaves room
//
//   - The identifiers of the two directions are two types, [OutID] and [InID].
//   - A PUBREL sent again on a new connection counts against the quota until
//     its PUBCOMP. Section 4.9 alone would let the sender go past the peer's
//     Receive Maximum then, which section 3.3.4 forbids. Towards a peer that
//     does as 4.9 says the Receiver is patient by as much.
//   - What a peer may not say (a PUBACK for QoS 2, a PUBCOMP before PUBREC) is
//     [Misplaced] and changes nothing. What it may say twice or late has an
//     answer: see [Outcome].
//   - Each QoS 1 PUBLISH is a message of its own with a PUBACK of its own,
//     whatever its DUP and identifier: DUP promises nothing, section 3.3.1.1.
//     A QoS 1 PUBLISH and a QoS 2 exchange with one identifier, which only a
//     confused peer has, do not touch each other, so no message is lost.
//   - Several copies of a QoS 2 PUBLISH that wait for the same PUBREC get one.
package flow
