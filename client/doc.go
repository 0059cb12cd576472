// Package client is an MQTT client for versions 3.1, 3.1.1 and 5.0. [Dial] gives a
// [Client], which stays connected: when a connection ends, it makes the next. [Start]
// does not wait for the first one, and [New] takes one connection over any
// [io.ReadWriteCloser], and no other.
//
// All methods may be called by any number of goroutines, and from handlers. Requests
// that come together leave in one write.
//
// # The life of a Client
//
// It is Connecting, Up, or in the end Closed: see [Client.State], [Client.AwaitUp],
// Config.OnUp and Config.OnDown. While there is no connection, what is asked of it
// waits for the next, as long as its context lasts. Config.Backoff says how long it
// waits between attempts, by default from 100 ms to 30 s. It goes on when a server
// refuses the password: that may be repaired there. It ends with
//
//   - [Client.Disconnect] or [Client.Close];
//   - the context of Start;
//   - the connection, with New;
//   - CONNACK with Unsupported Protocol Version or Client Identifier not valid.
//
// [Client.Done] is closed then, and [Client.Err] says why. Two clients that have one
// client identifier take turns: by default twice a minute, and more often before 5.0,
// where a server does not say Session taken over (0x8e).
//
// # What came of it
//
// A call that returns nil has had its effect: [Client.Publish] when the exchange of
// its QoS is complete, [Client.Subscribe] when the server has granted the
// subscription, [Client.Ping] when the server has answered. Otherwise errors.Is and
// errors.As tell what the caller can do:
//
//   - [ErrInvalid]: the request breaks the standard. Nothing was sent.
//   - [ErrNotSent]: nothing was sent. It can be asked for again.
//   - [ErrUnknown]: it was sent, or a part of it, and there is no answer. It may
//     have happened, or may happen yet.
//   - [*RefusedError]: the server says no, and why.
//   - [ErrClosed]: the connection is over. Together with ErrNotSent or ErrUnknown,
//     and with the reason, when there was one.
//   - [*packets.BrokenError] without ErrInvalid: the server broke the standard, and the
//     connection was closed.
//
// When ctx ends, the error is ErrNotSent or ErrUnknown together with that of ctx. When a
// connection ends,
//
//   - a message at QoS 0 that was being written is an ErrUnknown;
//   - a message at QoS 1 goes on with the next connection, and may arrive twice;
//   - a message at QoS 2 goes on, and arrives once. If the server has lost the session
//     it is an ErrUnknown, as to send it again could make it two;
//   - SUBSCRIBE and UNSUBSCRIBE are sent again, Ping and Reauthenticate are an
//     ErrUnknown.
//
// With [Client.PublishAsync] the outcome is that of the [Delivery], with the same
// errors. With Config.Store an ErrUnknown of a message at QoS 1 or 2 that comes
// together with ErrClosed is good news: unless the Store fails, the message is stored,
// and the next Client that has the Store sends it.
//
// Before 5.0 a server cannot refuse a PUBLISH. One that does not like it ends the
// connection, and will do so again when the message is sent again, until Config.OnDown
// or ctx makes an end of that.
//
// # Messages to the server
//
// Those at QoS 1 and 2 are sent in the order in which they were accepted, and those
// at QoS 0 too, which may overtake the others: they do not wait for acknowledgements,
// of which the server's Receive Maximum says how many may be missing. Before 5.0 that
// is 65 535. Calls wait while 64 KiB are to be written. PublishAsync does not wait for
// that: Config.MaximumQueued and MaximumQueuedBytes say how much it accepts, and
// WhenFull what happens then. Topic aliases, up to 256, are used where a server of 5.0
// allows it.
//
// # Messages from the server
//
// A subscription with a [Handler] has its messages handled one after the other, in the
// order of their arrival; different handlers run side by side. Messages of
// subscriptions without a handler wait for [Client.Receive]; those of a loop over
// [Client.Messages] are the loop's. Several subscriptions that match a message get it
// each, once.
//
// A message at QoS 1 or 2 is acknowledged when its handlers have returned nil, when the
// body of the loop has ended, when Receive has returned it, or by [Message.Ack] after
// [Message.Hold]. Acknowledgements leave in the order of arrival. A handler that
// returns an error has its connection renewed, so that the message comes again.
//
// What is not handled holds the server back: by Receive Maximum, 1024 messages at QoS 1
// and 2 unless Config says otherwise, and 65 535 before 5.0; and by the transport once
// 1 MiB of messages wait. The transport is held back only while no call waits for the
// server, and no Delivery: the answer stands behind those messages, and the server may
// read nothing until it has written them. So a handler that publishes cannot block
// itself. If 16 MiB wait, messages at QoS 0 are dropped, and counted by Stats.Missed. At
// 64 MiB the connection ends, with Reason Code 0x97, Quota exceeded. So the messages that
// wait take less than that and one packet of MaximumPacketSize, whatever the server
// does.
//
// # Sessions
//
// With Config.KeepSession and a ClientID the server keeps subscriptions, and what is
// published meanwhile, when there is no connection, and when there is no Client. In
// 5.0, Config.SessionExpiry says for how long.
//
// Without KeepSession a Client of 5.0 begins with a clean session, which the server
// keeps for five minutes from one connection to the next, and no longer than until
// Close. Before 5.0 there is no such thing: each connection has a session of its own, so
// what is published between two of them is missed, and messages at QoS 2 that were sent
// are an ErrUnknown.
//
// Whenever a server has no session, subscriptions are asked for again. What it refuses
// then is for Config.Logger.
//
// With Config.Store, see package store, messages at QoS 1 and 2 are stored before they
// are sent, and forgotten when the exchange is complete; those received at QoS 2 are
// known again, so that none is handled twice because the process ended. The exception
// is a process that ends between the return of a handler and the next commit: who must
// not handle a message twice even then keeps what it has done where it keeps its data.
//
// # Goroutines
//
// A Client has one goroutine, live, which connects, and reads from the connection; for
// each connection one that writes, and one for each handler that has something to do.
// One more tells OnUp, OnDown and the Logger, while there is something to tell, and
// one commits to the Store, if there is one. A call that has nobody to share a write
// with writes by itself, if the transport takes that at once. For moments there are
// others, which end a connection that is stuck, or answer an AUTH or the ping of a
// WebSocket.
//
// What they share is under one mutex, which nobody holds while he reads, writes,
// connects or stores, or calls what the program has given, but for Method of its
// [Authentication]. So these may block, and call any method. (Another mutex has the
// methods of an Authentication called one at a time.) Only handlers, OnUp, OnDown and
// the Logger may still run when Done is closed.
//
// # Tests
//
// A test of a program needs no server: package broker has one, whose Dial is for
// Config.Dialer, also in a world of [testing/synctest], where time passes at once. See
// the example of Config. Package clienttest is for the server that does what the test
// says, right or wrong.
package client
