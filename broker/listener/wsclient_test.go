package listener

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
)

// request is that of RFC 6455 section 1.2, for an MQTT client.
func request(path, protocol string, headers ...string) string {
	s := "GET " + path + " HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
	if protocol != "" {
		s += "Sec-WebSocket-Protocol: " + protocol + "\r\n"
	}
	for _, h := range headers {
		s += h + "\r\n"
	}
	return s + "\r\n"
}

// testFrame is a frame as a client sends it, masked.
func testFrame(first byte, payload string) []byte {
	mask := [4]byte{0xA5, 0x01, 0xFF, 0x3C}
	b := []byte{first}
	switch n := len(payload); {
	case n < 126:
		b = append(b, 0x80|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(n))
	}
	b = append(b, mask[:]...)
	for i := range len(payload) {
		b = append(b, payload[i]^mask[i%4])
	}
	return b
}

// First bytes of frames.
const (
	binaryFrame = 0x82
	beginning   = 0x02
	middle      = 0x00
	end         = 0x80
	closing     = 0x88
	ping        = 0x89
	pong        = 0x8A
)

// wsClient is a client as a stream.
type wsClient struct {
	net.Conn
	in   *bufio.Reader
	left uint64 // of the frame being read
	done sync.Once
}

// webSocketClient upgrades c.
func webSocketClient(t *testing.T, c net.Conn) net.Conn {
	w := &wsClient{Conn: c, in: bufio.NewReader(c)}
	io.WriteString(c, request("/mqtt", "mqtt"))
	response, err := http.ReadResponse(w.in, nil)
	if err != nil || response.StatusCode != http.StatusSwitchingProtocols {
		t.Errorf("upgrade: %v, %v", response, err)
	}
	return w
}

// Write sends b in frames that have nothing to do with what b means.
func (w *wsClient) Write(b []byte) (n int, err error) {
	for n < len(b) && err == nil {
		k := min(len(b)-n, 70_000)
		_, err = w.Conn.Write(testFrame(binaryFrame, string(b[n:n+k])))
		n += k
	}
	return n, err
}

// frame reads the header of a frame.
func (w *wsClient) frame() (first byte, length uint64, err error) {
	var h [10]byte
	if _, err = io.ReadFull(w.in, h[:2]); err != nil {
		return 0, 0, err
	}
	length = uint64(h[1])
	switch length {
	case 126:
		_, err = io.ReadFull(w.in, h[2:4])
		length = uint64(binary.BigEndian.Uint16(h[2:]))
	case 127:
		_, err = io.ReadFull(w.in, h[2:10])
		length = binary.BigEndian.Uint64(h[2:])
	}
	return h[0], length, err
}

var errNotBinary = errors.New("not a binary frame")

// Read reads binary frames until a Close frame, which it answers.
func (w *wsClient) Read(b []byte) (int, error) {
	for w.left == 0 {
		first, length, err := w.frame()
		switch {
		case err != nil:
			return 0, err
		case first == closing:
			io.CopyN(io.Discard, w.in, int64(length))
			w.Conn.Write(testFrame(closing, "\x03\xe8"))
			return 0, io.EOF
		case first != binaryFrame:
			return 0, fmt.Errorf("%w: %#x", errNotBinary, first)
		}
		w.left = length
	}
	n, err := w.in.Read(b[:min(uint64(len(b)), w.left)])
	w.left -= uint64(n)
	return n, err
}

// Close says so.
func (w *wsClient) Close() error {
	w.done.Do(func() { w.Conn.Write(testFrame(closing, "")) })
	return w.Conn.Close()
}
