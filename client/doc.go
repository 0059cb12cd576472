// Package client is an MQTT client for versions 3.1, 3.1.1 and 5.0, over any
// transport. [Dial] opens a socket, [New] takes any [io.ReadWriteCloser]. A
// [Client] is one connection: when that ends, so does the Client.
//
// All methods may be called by any number of goroutines, and from handlers.
// Requests that come together leave in one write.
//
// # What came of it
//
// A call that returns nil has had its effect: [Client.Publish] when the
// exchange of its QoS is complete, [Client.Subscribe] when the server has
// granted the subscription, [Client.Ping] when the server has answered.
// Otherwise errors.Is and errors.As tell what the caller can do:
//
//   - [ErrInvalid]: the request breaks the standard. Nothing was sent.
//   - [ErrNotSent]: nothing was sent. It can be asked for again.
//   - [ErrUnknown]: it was sent, or a part of it, and there is no answer. It may
//     have happened.
//   - [*RefusedError]: the server says no, and why.
//   - [*packets.BrokenError] without ErrInvalid: the server broke the standard,
//     and the connection is closed.
//   - [ErrClosed]: the connection is over. Together with ErrNotSent or
//     ErrUnknown, and with the reason, when there was one.
//
// # Messages
//
// A subscription with a handler has its messages handled one after the other,
// in the order of their arrival, on a goroutine that exists while there are any.
// Messages of subscriptions without a handler wait for [Client.Receive]. Several
// subscriptions that match a message get it each, once.
//
// A message of QoS 1 or 2 is acknowledged when its handlers have returned, or
// Receive has returned it. Acknowledgements go out in the order of arrival, so
// what is not read holds the server back: by Receive Maximum, and by the
// transport once 1 MiB of messages wait. The transport is held back only while no
// call waits for the server, whose answer stands behind those messages, and which
// may read nothing until it has written them: so a handler that publishes cannot
// block itself. If 16 MiB wait, messages of QoS 0 are dropped, see
// [Client.Dropped]. At 64 MiB the connection ends, with Reason Code 0x97, Quota
// exceeded: so the messages that wait take less than that and one packet of
// MaximumPacketSize, whatever the server does.
package client
