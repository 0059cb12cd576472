// Package frame gets whole packets out of a stream of bytes, section 2.1, and
// holds bytes that several receivers share.
//
// A [Splitter] is for an event loop, which reads for many connections into one
// buffer and hands over what has come: a piece. A [Reader] is for a goroutine
// that reads one connection. Both give the first byte and the body of a packet,
// ready for the Decode of package packets, and both check the fixed header
// before anything behind it is read: its type and flags, the form of the
// Remaining Length, and the size of the packet against a limit.
//
// # Who owns the bytes
//
// A body is a view. It is good until the next call of Next, Feed or Reset, and
// what Decode makes of it is not good for longer. Where the packet was whole in
// the piece, the body is a part of that piece, so it is also good only until the
// caller reads into that memory again. Take makes a body the caller's own, as a
// [Frame]; this copies nothing if the packet had to be assembled anyway.
//
// A [Frame] belongs to all who hold a reference, and its bytes are for reading.
// Each of them calls Release once. In a program built with -race, what is
// released is overwritten and never used again: a view that is used too late
// shows 0xDB in all its bytes, and a Release too many always panics.
//
// # Memory
//
// Between packets a Splitter holds no memory but itself, and nor does a Reader
// after Park. In the midst of a packet they hold what has arrived of it, rounded
// up to a power of two, and once half of it is there, room for all of it. Before
// that, the length a peer announces reserves nothing.
package frame
