// Package broker is an MQTT broker for versions 3.1, 3.1.1 and 5.0, to be part of
// another program:
//
//	b, err := broker.New(broker.Config{})
//	…
//	err = b.Serve(ctx, listener)
//
// Serve any number of listeners at once, of package net, or, for TLS, WebSocket and
// unix sockets, of package listener. [Broker.Dial] connects within the process,
// without a socket, for New or Config.Dialer of package client. [Broker.Publish]
// publishes without a client, and [Broker.Subscribe] gives messages to a loop:
//
//	messages, err := b.Subscribe(ctx, "plant/#")
//	…
//	for m := range messages {
//
// [Broker.Disconnect] and [Broker.EndSession] get rid of a client,
// [Broker.Shutdown] ends it all.
//
// # What it does
//
// QoS 0, 1 and 2 both ways, sessions that outlive their connections, retained
// messages, wills and their delay, subscription options and identifiers, shared
// subscriptions in all versions, topic aliases both ways, the peer's Receive
// Maximum and Maximum Packet Size, message expiry, enhanced authentication by the
// [Config.Methods] there are, of which package auth has one. All that CONNACK could
// announce as missing is there, unless [Config.Without] takes it away
// [MQTT-3.2.2-9]; there is no Response Information [MQTT-3.1.2-28].
//
// Bridges of Mosquitto may set the bridge bit of the protocol level before 5.0
// (try_private), and get No Local and Retain As Published for it. Client
// identifiers of 3.1 may have more than 23 characters.
//
// # What a session is, and what is lost
//
// A session is kept for as long as its client asks for, at most
// [Config.MaximumSessionExpiry]. While the client is absent, messages at QoS 1
// and 2 wait, those at QoS 0 do not. When it comes back, it is sent again what it
// has not acknowledged, with DUP, and then what waits. A connection that takes
// over from another is an absence of no length: there not even QoS 0 is lost, but
// for what was on its way.
//
// Without a [Config.Store] a restart loses everything: sessions, what waits in them,
// retained messages. PUBACK and PUBREC mean that the message is in memory.
// [Broker.Shutdown] is the end of all sessions, and so publishes all wills.
//
// # What outlives the process
//
// With a [Config.Store], of which package store/disk has one in a folder, sessions with
// a Session Expiry Interval outlive the process, with their subscriptions, what waits
// for them, exchanges at QoS 1 and 2 both ways at each of their steps, and wills that
// are not published yet. So do retained messages. Then a packet that promises
// something leaves when that is stored:
//
//	CONNACK            the session
//	SUBACK, UNSUBACK   the subscriptions of such a session
//	PUBACK, PUBREC     the message, for all such sessions that it is for, and what is
//	                   retained; also that the client has sent it, at QoS 2
//	PUBREL             that the receiver has the message
//	PUBCOMP            that the identifier means another message from now on
//
// How firmly it is stored is the promise of the store: package disk says what its
// levels can lose. A message that has to be stored is given to nobody before it is, so
// one that was never acknowledged may be lost, but is never seen and then denied; only
// as what is retained may a new subscriber have it a little before. All others, those at
// QoS 0 above all, do not wait for the store, and may overtake.
//
// What waits for an absent client is in the store and not in memory, but for 24 bytes
// each, which count for [Config.MaximumQueuedTotal]. It is read when the client takes
// it. Shutdown ends no such session: a client that was there has gone then, and a will
// that is delayed is published by the broker that is there when it is due. After a
// crash, clients that were there count as gone from the restart on.
//
// While the store cannot write, say because the disk is full, nothing is acknowledged
// that it would have to keep: a client of 5.0 gets Reason Code 0x97 for a message, a
// subscription or a new session. One of 3.1.1 or 3.1 gets return code 0x03 for a new
// session and 0x80 for a subscription, and when it has sent such a message it is not
// read until the store writes again. What is stored already is still delivered, and
// what need not be stored goes on. [Stats] and $SYS/broker/store/trouble say why.
//
// # When a receiver is slow, or absent
//
// Up to [Config.MaximumQueuedBytes] of messages wait for it, and up to
// [Config.MaximumQueuedMessages], and for all together as much memory as
// [Config.MaximumQueuedTotal]. What happens beyond is the choice of
// [Config.Overflow]. Normally nobody else waits: messages at QoS 0 are dropped, and
// one at QoS 1 or 2 that has no room ends the slow connection with Reason Code
// 0x97, so that its client knows that something is missing. If there is no
// connection, the message is dropped.
//
// Each message that a receiver does not get is counted, with the reason, for the
// receiver and in [Stats], and what has no room is logged: once, twice, four times
// and so on. No packet other than PUBLISH is ever dropped: whoever does not read
// the answers that it has asked for is not read either.
//
// The retained messages of a new subscription do not count: they are looked up as
// fast as the receiver takes them.
//
// # Who may do what
//
// [Config.Authenticate] and [Config.Methods] say who may connect. With neither,
// everybody may, and [Broker.Serve] takes only listeners that no other machine can
// reach, unless [Config.AllowAnonymous] says otherwise.
//
// [Config.Authorize] says who may publish and subscribe to what. A message that is
// refused is neither passed on nor retained; at QoS 1 and 2 its PUBACK or PUBREC
// says so in 5.0. Before 5.0 it cannot, and the message is acknowledged all the
// same, as one at QoS 0 gets no answer at all. SUBACK says it of each filter (0x80
// in 3.1.1, end of the connection in 3.1); a subscription to it that there was ends.
// A will that is refused refuses the connection. All of that is counted in Stats
// and logged. To $SYS and below, nobody may publish but the program, whoever is
// asked, section 4.7.2, and bridges to "$SYS/broker/connection/+/state".
//
// Who may subscribe to a filter gets all that matches it, the retained messages
// too: allow "#" only to those who may see everything. While a connection lasts,
// its subscriptions stay. When a session is resumed they are all asked about again,
// and those that are refused come off, with the messages that wait for them or are
// not acknowledged. The client is not told, as there is no packet for that.
//
// # Shared subscriptions
//
// Of all who subscribe to "$share/name/filter" one gets a message, chosen by
// [Config.Sharing]: one that is there if there is one. When it goes, what waits
// for it goes to another that is there; what it has been sent and has not
// acknowledged waits for it, and goes to another when its session ends, but for
// QoS 2. A group has no retained messages.
//
// # What can be watched
//
// [Config.Hooks] hears of what happens to clients and messages, as it happens.
// [Broker.Sessions] goes through all sessions, and what waits in them.
//
// [Broker.Stats] counts. Some of its figures are published below $SYS/broker/
// each [Config.SysInterval], retained, where they have changed: version, uptime,
// clients/connected, disconnected, total, maximum and expired, messages/received
// and sent, which counts packets of all types, publish/messages/received, sent,
// refused and dropped, and below that queue_full, memory_full, expired, too_large
// and not_authorized, store/messages/bytes, bytes/received and sent,
// subscriptions/count, shared_subscriptions/count and retained messages/count, and
// below load how often something happens in a minute, over 1, 5 and 15 minutes.
//
// # When a peer is wrong
//
// Its connection ends, with the Reason Code of the statement that it broke where
// there is a packet to carry one, and one line in the log that names the client,
// its address, the packet and the statement. To a client of 5.0 the Reason String
// says the same. All others go on. That is also what a panic does.
package broker
