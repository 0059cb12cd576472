// Package broker is an MQTT broker for versions 3.1, 3.1.1 and 5.0, to be part of
// another program:
//
//	b, err := broker.New(broker.Config{})
//	…
//	err = b.Serve(ctx, listener)
//
// Serve any number of listeners at once. [Broker.Dial] connects within the
// process, without a socket. [Broker.Shutdown] ends it all.
//
// # What it does
//
// QoS 0, 1 and 2 both ways, retained messages, wills, subscription options, the
// peer's Receive Maximum and Maximum Packet Size, message expiry.
//
// A session lives as long as its connection. A client may ask for more, but is
// told the truth: Session Present is 0, and Session Expiry Interval in the
// CONNACK of 5.0 is 0. So a will is published as soon as the connection is gone,
// whatever its delay. What else is not there is announced in CONNACK: shared
// subscriptions, subscription identifiers and topic aliases; so is enhanced
// authentication, by refusing it.
//
// # When a receiver is slow
//
// Nobody else waits. Up to [Config.MaximumQueuedBytes] of messages wait for it.
// Beyond, messages at QoS 0 are dropped, counted and logged. A message at QoS 1
// or 2 that has no room ends the slow connection with Reason Code 0x97, so that
// its client knows that something is missing.
//
// # When a peer is wrong
//
// Its connection ends, with the Reason Code of the statement that it broke where
// there is a packet to carry one, and one line in the log that names the client,
// its address, the packet and the statement. All others go on. That is also what
// a panic does.
package broker
