// Package journal is what a broker has to keep, on its way to a store: the records
// that there are, and the commits, each for as much as has come together while the
// one before it was under way.
//
// All keys begin with the kind of the record, and those of a session go on with its
// number, so that what belongs together stands together. Numbers in keys are big
// endian, so that keys are in their order.
//
// # The way of a message
//
// What is put in on the left is in the commit behind which the packet on the right
// leaves. What has nothing on the right is committed too, and nobody waits for it.
//
//	CONNECT                Session, with its will             CONNACK
//	SUBSCRIBE              Subscribe                          SUBACK
//	UNSUBSCRIBE            Unsubscribe                        UNSUBACK
//	PUBLISH in, QoS 1      Message, for those who want it     PUBACK, and PUBLISH to them
//	PUBLISH in, QoS 2      Message, and Hold                  PUBREC, and PUBLISH to them
//	PUBREL in              Unhold                             PUBCOMP
//	PUBLISH out            nothing: see below
//	PUBACK in              Drop
//	PUBREC in              Drop, and Release                  PUBREL
//	PUBCOMP in             Complete
//	with RETAIN            Retain, or Unretain                PUBACK or PUBREC, as above
//	the client goes        Session: when, and what was sent
//	the session ends       EndSession, and all that it has
//
// That a message is sent is not stored, which would be a write for each: it is stored
// with the packet identifier that it will have, whenever that is. After a restart the
// first of what waits for a client that was there counts as sent, as many as may have
// been, and goes out with DUP 1: the client, which answers by identifier, takes what
// is at QoS 2 once.
//
// The order of what is put in is the order in which it outlives the process: of two
// things the second is never there without the first, unless it was put in to take
// that out. So a session ends with its own record, and what it still has then belongs
// to nobody: Load takes it out.
package journal
