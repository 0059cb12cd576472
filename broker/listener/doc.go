// Package listener has what a broker listens with. Whatever the transport is, it
// comes as a [net.Listener]:
//
//	l, err := listener.Listen(ctx, "wss://:8443/mqtt", listener.Options{TLS: …})
//	…
//	err = b.Serve(ctx, l)
//
// # Before Accept
//
// What Accept returns is ready: PROXY header, TLS handshake and WebSocket
// upgrade are done, each connection on its own, so that a slow one does not keep
// the others waiting. A connection that is not ready within
// [Options.HandshakeTimeout] is closed.
//
// # Connections
//
// Deadlines can be set by any goroutine, and wake the Read or Write that they
// concern; after that of a Read, reading goes on where it was. After that of a
// Write, writing goes on with the bytes that Write did not count, except under
// TLS, where crypto/tls ends it.
//
// Each has CloseWrite, which lets the peer read to the end of what was written:
// FIN for TCP and unix sockets, close_notify and FIN for TLS, a Close frame for
// WebSocket, after which the peer answers with one of its own, and Read gives
// io.EOF.
//
// What is written to a WebSocket has to be MQTT, cut into writes in any way: each
// packet goes in a frame of its own. [MQTT-6.0.0-2] allows more in one, but there
// are clients that look at the first only.
//
// No connection has a goroutine of its own, or a buffer while it is idle, beside
// what crypto/tls keeps.
package listener
