package client

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/gobwas/ws"

	"github.com/fletchmq/fletch/packets"
)

// webSocketServer serves frames at /mqtt to clients that offer mqtt or mqttv3.1.
func webSocketServer(t *testing.T, each func(t *testing.T, conn net.Conn)) func(net.Conn) {
	return func(conn net.Conn) {
		u := ws.Upgrader{
			Protocol: func(offered []byte) bool { return slices.Contains([]string{"mqtt", "mqttv3.1"}, string(offered)) },
			OnRequest: func(uri []byte) error {
				if string(uri) == "/mqtt" {
					return nil
				}
				return ws.RejectConnectionError(ws.RejectionStatus(404), ws.RejectionReason("MQTT is at /mqtt"))
			},
		}
		if _, err := u.Upgrade(conn); err == nil {
			each(t, conn)
		}
	}
}

// refusingProtocol upgrades, but agrees to no subprotocol.
func refusingProtocol(conn net.Conn) {
	var u ws.Upgrader
	u.Upgrade(conn)
	quiet(conn)
}

// nextFrame is one of the client, unmasked, and fails the test if it was not
// masked.
func nextFrame(t *testing.T, conn net.Conn) (ws.Frame, error) {
	h, err := ws.ReadHeader(conn)
	if err != nil {
		return ws.Frame{}, err
	}
	if !h.Masked || h.Length > maxFrame {
		t.Errorf("a frame that is not masked, or too long: %+v", h)
	}
	payload := make([]byte, h.Length)
	_, err = io.ReadFull(conn, payload)
	ws.Cipher(payload, h.Mask, 0)
	return ws.Frame{Header: h, Payload: payload}, err
}

// echoFrames gives back what it gets, a part of it in a frame of its own, with a
// ping before that and an empty frame behind it.
func echoFrames(t *testing.T, conn net.Conn) {
	for {
		f, err := nextFrame(t, conn)
		if err != nil {
			return
		}
		switch f.Header.OpCode {
		case ws.OpClose:
			ws.WriteFrame(conn, ws.NewCloseFrame(f.Payload))
			return
		case ws.OpBinary:
			half := len(f.Payload) / 2
			ws.WriteFrame(conn, ws.NewPingFrame([]byte("x")))
			ws.WriteFrame(conn, ws.NewFrame(ws.OpBinary, false, f.Payload[:half]))
			ws.WriteFrame(conn, ws.NewFrame(ws.OpContinuation, true, f.Payload[half:]))
			ws.WriteFrame(conn, ws.NewBinaryFrame(nil))
		case ws.OpPong:
			if string(f.Payload) != "x" {
				t.Errorf("pong %q", f.Payload)
			}
		}
	}
}

// framed is a client whose server is the test.
func framed(t *testing.T) (*webSocket, net.Conn) {
	t.Helper()
	conns := make(chan net.Conn, 1)
	over := make(chan struct{})
	t.Cleanup(func() { close(over) })
	rw := mustDial(t, "ws://"+serve(t, "tcp", webSocketServer(t, func(_ *testing.T, conn net.Conn) {
		conns <- conn
		<-over
	})), Config{})
	return rw.(*webSocket), <-conns
}

func wantFrame(t *testing.T, conn net.Conn, op ws.OpCode, payload string) {
	t.Helper()
	f, err := nextFrame(t, conn)
	if err != nil || f.Header.OpCode != op || string(f.Payload) != payload {
		t.Errorf("got %+v %q, %v, want %v %q", f.Header, f.Payload, err, op, payload)
	}
}

// Clients of 3.1, which names no subprotocol, offer what servers took for one.
// Header is sent, and there is one Host.
func TestUpgradeRequest(t *testing.T) {
	for _, test := range []struct {
		version          packets.Version
		address, request string
	}{
		{packets.V31, "ws://a/x", "GET /x HTTP/1.1\r\nHost: b\r\nSec-WebSocket-Protocol: mqttv3.1, mqtt\r\nX-Key: secret\r\n"},
		{packets.V5, "ws://u:p@a:80?q", "GET /mqtt?q HTTP/1.1\r\nHost: a\r\nSec-WebSocket-Protocol: mqtt\r\n"}, // [MQTT-6.0.0-3]
		{packets.V311, "ws://a:81", "GET /mqtt HTTP/1.1\r\nHost: a:81\r\nSec-WebSocket-Protocol: mqtt\r\n"},    // [MQTT3-6.0.0-3]
	} {
		cfg := Config{Version: test.version, Dialer: func(context.Context, string, string) (net.Conn, error) {
			near, far := net.Pipe()
			t.Cleanup(func() { near.Close(); far.Close() })
			go func() {
				defer far.Close()
				b := make([]byte, 4096)
				n, _ := far.Read(b)
				var kept strings.Builder
				for line := range strings.Lines(string(b[:n])) {
					if key, _, _ := strings.Cut(line, ":"); !slices.Contains([]string{"Upgrade", "Connection", "Sec-WebSocket-Key", "Sec-WebSocket-Version", "\r\n"}, key) {
						kept.WriteString(line)
					}
				}
				if kept.String() != test.request {
					t.Errorf("got %q, want %q", kept.String(), test.request)
				}
			}()
			return near, nil
		}}
		if test.version == packets.V31 {
			cfg.Header = http.Header{"Host": {"b"}, "X-Key": {"secret"}}
		}
		dialTarget(t.Context(), t, test.address, cfg)
	}
}

// A frame may be a part of a packet or hold several, in one TCP segment or many.
// [MQTT-6.0.0-2] [MQTT3-6.0.0-2]
func TestFramesOfAnySize(t *testing.T) {
	client, server := framed(t)
	var sent, frames bytes.Buffer
	for _, n := range []int{0, 1, 2, 125, 126, 127, 5000, 65535, 65536, 100_000, 3} {
		payload := bytes.Repeat([]byte{byte(n)}, n)
		sent.Write(payload)
		ws.WriteFrame(&frames, ws.NewFrame(ws.OpBinary, false, payload[:n/3]))
		ws.WriteFrame(&frames, ws.NewPongFrame([]byte("unasked")))
		ws.WriteFrame(&frames, ws.NewFrame(ws.OpContinuation, true, payload[n/3:]))
	}
	go func() {
		for _, n := range []int{1, 1, 1, 7, frames.Len()} {
			server.Write(frames.Next(n))
		}
	}()
	got := make([]byte, sent.Len())
	if _, err := io.ReadFull(client, got); err != nil || !bytes.Equal(got, sent.Bytes()) {
		t.Errorf("something else came, %v", err)
	}
}

// What is there is given before more is waited for.
func TestReadDoesNotWaitForMore(t *testing.T) {
	client, server := framed(t)
	ws.WriteFrame(server, ws.NewBinaryFrame([]byte("abc")))
	b := make([]byte, 4096)
	if n, err := client.Read(b); string(b[:n]) != "abc" || err != nil {
		t.Errorf("%q, %v", b[:n], err)
	}
	server.Write([]byte{0x82, 5, 'd'})
	if n, err := client.Read(b); string(b[:n]) != "d" || err != nil {
		t.Errorf("%q, %v", b[:n], err)
	}
}

// A server may send pings before it reads again: the client goes on reading, and
// answers the last one.
func TestPing(t *testing.T) {
	client, server := framed(t)
	const frames = 200 // more than fits between them
	done := make(chan error, 1)
	go func() {
		for range frames {
			if _, err := client.Write(make([]byte, maxFrame)); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	for range 1000 {
		ws.WriteFrame(server, ws.NewPingFrame([]byte("early")))
	}
	ws.WriteFrame(server, ws.NewPingFrame([]byte("last")))
	ws.WriteFrame(server, ws.NewBinaryFrame([]byte("x")))
	if n, err := client.Read(make([]byte, 10)); n != 1 || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	data, pong := 0, ""
	for data < frames || pong != "last" {
		f, err := nextFrame(t, server)
		if err != nil {
			t.Fatal(err)
		}
		if f.Header.OpCode == ws.OpPong {
			pong = string(f.Payload)
		} else {
			data++
		}
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestCloseFrames(t *testing.T) {
	closeFrame := func(body []byte) string { return string(ws.MustCompileFrame(ws.NewCloseFrame(body))) }
	for _, test := range []struct {
		name, bytes, answer, says string
	}{
		{"normal", closeFrame(ws.NewCloseFrameBody(1000, "bye")), "\x03\xe8", "EOF"},
		{"going away", closeFrame(ws.NewCloseFrameBody(1001, "")), "\x03\xe9", "EOF"},
		{"no status", closeFrame(nil), "\x03\xe8", "EOF"},
		{"policy", closeFrame(ws.NewCloseFrameBody(1008, "no")), "\x03\xf0", `the server closes with status 1008 "no"`},
		{"a status that is none", closeFrame([]byte("\x03\xed")), "\x03\xea", "status"},
		{"text", "\x81\x01a", "\x03\xeb", "a text frame: MQTT is in binary ones"}, // [MQTT-6.0.0-1] [MQTT3-6.0.0-1]
		{"masked", "\x82\x81aaaaa", "\x03\xea", "must be not masked"},
		{"reserved bits", "\xf2\x00", "\x03\xea", "rsv"},
		{"a long ping", "\x89\x7e\x00\x7e", "\x03\xea", "control"},
		{"a negative length", "\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff", "\x03\xea", "most significant bit"},
		{"nothing to continue", "\x80\x00", "\x03\xea", "continuation"},
	} {
		t.Run(test.name, func(t *testing.T) {
			client, server := framed(t)
			server.Write([]byte("\x82\x01x" + test.bytes))
			b := make([]byte, 10)
			if n, err := client.Read(b); n != 1 || err != nil {
				t.Errorf("before: %d, %v", n, err)
			}
			for range 2 {
				if _, err := client.Read(b); err == nil || !strings.Contains(err.Error(), test.says) {
					t.Errorf("Read: %v, want %s", err, test.says)
				}
			}
			if _, err := client.Write(b); !errors.Is(err, net.ErrClosed) {
				t.Errorf("Write: %v", err)
			}
			wantFrame(t, server, ws.OpClose, test.answer)
		})
	}
}

// A server that ends without a Close frame has ended.
func TestConnectionEndsInAFrame(t *testing.T) {
	client, server := framed(t)
	server.Write([]byte("\x82\x05ab"))
	server.(*net.TCPConn).CloseWrite()
	if got, err := io.ReadAll(client); string(got) != "ab" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

// A Close frame ends a Write that is stuck.
func TestCloseFrameWhileWriting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer far.Close()
		client := &webSocket{conn: near, in: bufio.NewReader(near), turn: make(chan struct{}, 1)}
		defer client.Close()
		done := make(chan error, 1)
		go func() {
			_, err := client.Write(make([]byte, maxFrame))
			done <- err
		}()
		far.Read(make([]byte, 1)) // it has begun
		go ws.WriteFrame(far, ws.NewCloseFrame(nil))
		if _, err := client.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("Read: %v", err)
		}
		if err := <-done; err == nil {
			t.Error("Write: no error")
		}
	})
}

func TestWebSocketAllocates(t *testing.T) {
	client, server := framed(t)
	packet, frame, in := make([]byte, 100), make([]byte, 2+4+100), make([]byte, 4096)
	out := ws.MustCompileFrame(ws.NewBinaryFrame(packet))
	if n := testing.AllocsPerRun(100, func() {
		client.Write(packet)
		io.ReadFull(server, frame)
		server.Write(out)
		client.Read(in)
	}); n != 0 {
		t.Errorf("%v allocations for a packet there and one back", n)
	}
}

func BenchmarkWebSocketWrite(b *testing.B) {
	c := &webSocket{conn: discard{}, turn: make(chan struct{}, 1)}
	packet := make([]byte, 4096)
	b.SetBytes(int64(len(packet)))
	for b.Loop() {
		c.Write(packet)
	}
}

type discard struct{ net.Conn }

func (discard) Write(b []byte) (int, error) { return len(b), nil }
