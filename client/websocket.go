package client

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gobwas/ws"

	"github.com/fletchmq/fletch/packets"
)

const (
	// maxFrame is how much of a Write goes into one frame, in bytes.
	maxFrame = 64 << 10

	// maxControl is the longest control frame, in bytes with its header.
	maxControl = ws.MaxHeaderSize + ws.MaxControlFramePayloadSize

	// farewellTime is how long the answer to a Close frame may take.
	farewellTime = time.Second
)

// webSocket is the payload of binary frames as a stream [MQTT-6.0.0-1]
// [MQTT-6.0.0-2] [MQTT3-6.0.0-1] [MQTT3-6.0.0-2].
type webSocket struct {
	conn net.Conn // carries the frames

	// Reader.
	in    *bufio.Reader
	left  int64 // of the payload that is being read
	state ws.State
	end   error // what Read gives from now on

	// Whoever has put something into turn may write.
	turn   chan struct{}
	out    []byte // the frame that is written
	closed bool   // nothing follows a Close frame

	mu   sync.Mutex
	ping []byte // payload of the last one that is not answered, nil for none
}

// upgrade is the WebSocket handshake over conn, RFC 6455 section 4.1.
func upgrade(conn net.Conn, t *target, cfg *Config) (*webSocket, error) {
	protocols := []string{"mqtt"} // [MQTT-6.0.0-3] [MQTT3-6.0.0-3]
	if cfg.Version == packets.V31 {
		protocols = []string{"mqttv3.1", "mqtt"} // 3.1 names none: what servers agree to
	}
	var status error
	d := ws.Dialer{
		Protocols: protocols,
		Host:      cmp.Or(cfg.Header.Get("Host"), strings.TrimSuffix(t.url.Host, ":"+defaultPorts[t.url.Scheme])),
		Header: ws.HandshakeHeaderFunc(func(w io.Writer) (int64, error) {
			return 0, cfg.Header.WriteSubset(w, map[string]bool{"Host": true})
		}),
		OnStatusError: func(_ int, _ []byte, answer io.Reader) {
			if r, err := http.ReadResponse(bufio.NewReader(answer), nil); err == nil {
				status = statusError(r)
			}
		},
	}
	_, agreed, err := d.Upgrade(&byByte{conn, maxHead}, &t.url) // nothing is buffered
	switch {
	case status != nil:
		return nil, fmt.Errorf("WebSocket handshake: the server answers %s with %w", t.url.EscapedPath(), status)
	case errors.Is(err, ws.ErrHandshakeBadSubProtocol), err == nil && !slices.Contains(protocols, agreed.Protocol): // [MQTT-6.0.0-4] [MQTT3-6.0.0-4]
		return nil, fmt.Errorf("WebSocket handshake: the server does not agree to the subprotocol %s", strings.Join(protocols, " or "))
	case hungUp(err):
		return nil, fmt.Errorf("WebSocket handshake: the server hangs up, is this port for %s? %w", t.url.Scheme, err)
	case errors.Is(err, ws.ErrMalformedResponse), errors.Is(err, ws.ErrHandshakeBadProtocol):
		return nil, fmt.Errorf("WebSocket handshake: no answer in HTTP/1.1, is this port for %s? %w", t.url.Scheme, err)
	case err != nil:
		return nil, fmt.Errorf("WebSocket handshake: %w", err)
	}
	return &webSocket{conn: conn, in: bufio.NewReader(conn), turn: make(chan struct{}, 1)}, nil
}

// Read waits for no more than the first byte.
func (c *webSocket) Read(b []byte) (n int, err error) {
	for n < len(b) && c.end == nil {
		if c.left == 0 {
			if n > 0 && c.in.Buffered() < maxControl {
				break // the next frame may not be there yet
			}
			c.end = c.next()
			continue
		}
		if n > 0 && c.in.Buffered() == 0 {
			break
		}
		var k int
		k, c.end = c.in.Read(b[n:min(int64(len(b)), int64(n)+c.left)])
		n += k
		c.left -= int64(k)
	}
	if n > 0 {
		return n, nil
	}
	return 0, c.end
}

// next reads the header of a frame, and all of a control frame.
func (c *webSocket) next() error {
	h, err := c.header()
	if err != nil {
		return err
	}
	if err := ws.CheckHeader(h, c.state.Set(ws.StateClientSide)); err != nil {
		return c.fail(ws.StatusProtocolError, err)
	}
	switch {
	case h.OpCode == ws.OpText:
		return c.fail(ws.StatusUnsupportedData, errTextFrame)
	case !h.OpCode.IsControl():
		c.left, c.state = h.Length, 0
		if !h.Fin {
			c.state = ws.StateFragmented
		}
		return nil
	}
	payload, err := c.in.Peek(int(h.Length))
	if err != nil {
		return err
	}
	switch h.OpCode {
	case ws.OpPing:
		c.pong(payload)
	case ws.OpClose:
		return c.farewell(payload)
	}
	c.in.Discard(len(payload))
	return nil
}

// header is that of a frame of a server, which is not masked. One that is has no
// meaning but for ws.CheckHeader.
func (c *webSocket) header() (h ws.Header, err error) {
	b, err := c.in.Peek(2)
	if err != nil {
		return h, err
	}
	h = ws.Header{Fin: b[0]&0x80 != 0, Rsv: b[0] >> 4 & 0x07, OpCode: ws.OpCode(b[0] & 0x0F), Masked: b[1]&0x80 != 0, Length: int64(b[1] & 0x7F)}
	size := 2
	switch h.Length {
	case 126:
		size += 2
		if b, err = c.in.Peek(size); err == nil {
			h.Length = int64(binary.BigEndian.Uint16(b[2:]))
		}
	case 127:
		size += 8
		if b, err = c.in.Peek(size); err == nil {
			h.Length = int64(binary.BigEndian.Uint64(b[2:]))
		}
	}
	if err != nil {
		return h, err
	}
	c.in.Discard(size)
	if h.Length < 0 {
		return h, c.fail(ws.StatusProtocolError, ws.ErrHeaderLengthMSB)
	}
	return h, nil
}

var errTextFrame = errors.New("a text frame: MQTT is in binary ones")

// fail tells the server what it has done wrong.
func (c *webSocket) fail(status ws.StatusCode, err error) error {
	c.conn.SetWriteDeadline(time.Now().Add(farewellTime))
	c.write(ws.OpClose, ws.NewCloseFrameBody(status, ""))
	return fmt.Errorf("WebSocket: %w", err)
}

// farewell answers a Close frame with what it says, RFC 6455 section 5.5.1. What
// else is written does not count any more.
func (c *webSocket) farewell(payload []byte) error {
	if len(payload) == 0 {
		c.fail(ws.StatusNormalClosure, io.EOF)
		return io.EOF
	}
	status, reason := ws.ParseCloseFrameData(payload)
	if err := ws.CheckCloseFrameData(status, reason); err != nil {
		return c.fail(ws.StatusProtocolError, err)
	}
	err := c.fail(status, fmt.Errorf("the server closes with status %d %q", status, reason))
	if status == ws.StatusNormalClosure || status == ws.StatusGoingAway {
		return io.EOF
	}
	return err
}

// pong answers the last ping, RFC 6455 section 5.5.3. The reader does not wait for
// it: the server may want to be read from before it reads.
func (c *webSocket) pong(payload []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ping == nil {
		go func() {
			c.turn <- struct{}{}
			defer c.release()
			c.mu.Lock()
			last := c.ping
			c.ping = nil
			c.mu.Unlock()
			c.frame(ws.OpPong, last)
		}()
	}
	c.ping = append(make([]byte, 0, ws.MaxControlFramePayloadSize), payload...)
}

func (c *webSocket) release() { <-c.turn }

// Write sends b in frames that do not look at where packets begin.
func (c *webSocket) Write(b []byte) (n int, err error) {
	for n < len(b) && err == nil {
		k := min(len(b)-n, maxFrame)
		if err = c.write(ws.OpBinary, b[n:n+k]); err == nil {
			n += k
		}
	}
	return n, err
}

// CloseWrite sends a Close frame, behind which nothing is written. The server
// answers with one.
func (c *webSocket) CloseWrite() error {
	return c.write(ws.OpClose, ws.NewCloseFrameBody(ws.StatusNormalClosure, ""))
}

// Close closes the connection, without a Close frame if none was sent.
func (c *webSocket) Close() error { return c.conn.Close() }

func (c *webSocket) write(op ws.OpCode, payload []byte) error {
	c.turn <- struct{}{}
	defer c.release()
	return c.frame(op, payload)
}

// frame is for whose turn it is.
func (c *webSocket) frame(op ws.OpCode, payload []byte) error {
	if c.closed {
		return fmt.Errorf("WebSocket: written behind a Close frame: %w", net.ErrClosed)
	}
	c.closed = op == ws.OpClose
	c.out = appendFrame(c.out[:0], op, payload)
	_, err := c.conn.Write(c.out)
	return err
}

// appendFrame appends a whole frame, masked as those of clients are.
func appendFrame(b []byte, op ws.OpCode, payload []byte) []byte {
	const fin, masked = 0x80, 0x80
	switch n := len(payload); {
	case n < 126:
		b = append(b, fin|byte(op), masked|byte(n))
	case n <= math.MaxUint16:
		b = binary.BigEndian.AppendUint16(append(b, fin|byte(op), masked|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, fin|byte(op), masked|127), uint64(n))
	}
	mask := ws.NewMask()
	b = append(b, mask[:]...)
	start := len(b)
	b = append(b, payload...)
	ws.Cipher(b[start:], mask, 0)
	return b
}
