package listener

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// What a client has to ask for, and gets [MQTT-6.0.0-3] [MQTT-6.0.0-4]
// [MQTT3-6.0.0-3] [MQTT3-6.0.0-4].
func TestUpgrade(t *testing.T) {
	l := listen(t, "ws://127.0.0.1:0/broker/mqtt", Options{Origins: []string{"https://example.com"}})
	const path = "/broker/mqtt"
	for _, test := range []struct {
		what, request string
		status        int
		protocol      string
	}{
		{"mqtt", request(path, "mqtt"), 101, "mqtt"},
		{"one of several", request(path, "soap, mqtt"), 101, "mqtt"},
		{"in two headers", request(path, "soap", "Sec-WebSocket-Protocol: mqtt"), 101, "mqtt"},
		{"3.1", request(path, "mqttv3.1"), 101, "mqttv3.1"},
		{"query", request(path+"?token=x", "mqtt"), 101, "mqtt"},
		{"allowed page", request(path, "mqtt", "Origin: https://example.com"), 101, "mqtt"},
		{"another page", request(path, "mqtt", "origin: https://example.org"), 403, ""},
		{"no protocol", request(path, ""), 400, ""},
		{"another protocol", request(path, "MQTT"), 400, ""},
		{"another path", request("/mqtt", "mqtt"), 404, ""},
		{"POST", strings.Replace(request(path, "mqtt"), "GET", "POST", 1), 405, ""},
		{"HTTP/1.0", strings.Replace(request(path, "mqtt"), "HTTP/1.1", "HTTP/1.0", 1), 505, ""},
		{"no upgrade", "GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n", 400, ""},
		{"version 8", strings.Replace(request(path, "mqtt"), "Version: 13", "Version: 8", 1), 426, ""},
		{"short key", strings.Replace(request(path, "mqtt"), "Key: dGhl", "Key: ", 1), 400, ""},
		{"early frame", request(path, "mqtt") + string(testFrame(binaryFrame, "x")), 400, ""},
		{"huge", request(path, "mqtt", "X: "+strings.Repeat("x", maxRequest-len(request(path, "mqtt", "X: "))+1)), 431, ""},
		{"large", request(path, "mqtt", "X: "+strings.Repeat("x", maxRequest-len(request(path, "mqtt", "X: ")))), 101, "mqtt"},
	} {
		t.Run(test.what, func(t *testing.T) {
			c := dial(t, l)
			send(t, c, test.request)
			response, err := http.ReadResponse(bufio.NewReader(c), nil)
			if err != nil {
				t.Fatal(err)
			}
			if response.StatusCode != test.status || response.Header.Get("Sec-WebSocket-Protocol") != test.protocol {
				t.Errorf("%s, %v", response.Status, response.Header)
			}
			if test.status == http.StatusSwitchingProtocols {
				accept(t, l)
				if accept := response.Header.Get("Sec-WebSocket-Accept"); accept != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
					t.Errorf("Sec-WebSocket-Accept: %s", accept)
				}
				return
			}
			io.ReadAll(response.Body)
			if n, err := c.Read(make([]byte, 1)); n > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("%d bytes, %v: want the end", n, err)
			}
		})
	}
}

// A request that comes byte by byte is a request.
func TestSlowRequest(t *testing.T) {
	l := listen(t, "ws://127.0.0.1:0", Options{})
	c := dial(t, l)
	io.Copy(c, iotest.OneByteReader(strings.NewReader(request("/mqtt", "mqtt"))))
	accept(t, l)
}

// upgraded gives the raw end of a client, and that of the server.
func upgraded(t *testing.T) (client *wsClient, server net.Conn) {
	c, server := connect(t, transport{client: webSocketClient}, listen(t, "ws://127.0.0.1:0", Options{}))
	return c.(*wsClient), server
}

// wantFrame reads a frame.
func wantFrame(t *testing.T, c *wsClient, first byte, payload string) {
	t.Helper()
	got, length, err := c.frame()
	if err != nil || got != first || length != uint64(len(payload)) {
		t.Fatalf("frame %#x of %d bytes, %v: want %#x of %d", got, length, err, first, len(payload))
	}
	want(t, c.in, payload)
}

// Packets in parts of frames, and several in one [MQTT-6.0.0-2]
// [MQTT3-6.0.0-2].
func TestFramesAreNotPackets(t *testing.T) {
	client, server := upgraded(t)
	for _, f := range []struct {
		first   byte
		payload string
	}{{beginning, "a"}, {middle, ""}, {ping, "?"}, {middle, "b"}, {pong, ""}, {end, "c"}, {binaryFrame, ""}, {binaryFrame, "defg"}} {
		client.Conn.Write(testFrame(f.first, f.payload))
	}
	want(t, server, "abcdefg")
	wantFrame(t, client, pong, "?")
	send(t, server, packet("hi"))
	wantFrame(t, client, binaryFrame, packet("hi")) // [MQTT-6.0.0-1]
}

// Anything but binary frames ends it [MQTT-6.0.0-1] [MQTT3-6.0.0-1], and so does
// what is no WebSocket.
func TestV5_6_0_0_1_EndByFrame(t *testing.T) {
	huge := testFrame(binaryFrame, strings.Repeat("x", 1<<16))
	huge[2] = 0x80
	unmasked := []byte{binaryFrame, 1, 'x'}
	for _, test := range []struct {
		what   string
		frame  []byte
		status string // that the client is told
		err    error  // of Read, nil for any but io.EOF
	}{
		{"text [MQTT-6.0.0-1]", testFrame(0x81, "x"), "\x03\xeb", errTextFrame},
		{"beginning of text", testFrame(0x01, "x"), "\x03\xeb", errTextFrame},
		{"unmasked", unmasked, "\x03\xea", nil},
		{"reserved bit", testFrame(0xC2, "x"), "\x03\xea", nil},
		{"reserved opcode", testFrame(0x83, "x"), "\x03\xea", nil},
		{"continuation of nothing", testFrame(end, "x"), "\x03\xea", nil},
		{"long ping", testFrame(ping, strings.Repeat("x", 126)), "\x03\xea", nil},
		{"part of a ping", testFrame(0x09, ""), "\x03\xea", nil},
		{"negative length", huge, "\x03\xea", nil},
		{"interrupted", append(testFrame(beginning, ""), testFrame(binaryFrame, "x")...), "\x03\xea", nil},
		{"close", testFrame(closing, ""), "\x03\xe8", io.EOF},
		{"close 1000", testFrame(closing, "\x03\xe8bye"), "\x03\xe8", io.EOF},
		{"going away", testFrame(closing, "\x03\xe9"), "\x03\xe9", io.EOF},
		{"too large", testFrame(closing, "\x03\xf1"), "\x03\xf1", nil},
		{"half a status", testFrame(closing, "\x03"), "\x03\xea", nil},
		{"no status to be sent", testFrame(closing, "\x03\xed"), "\x03\xea", nil},
		{"reason not UTF-8", testFrame(closing, "\x03\xe8\xff"), "\x03\xea", nil},
	} {
		t.Run(test.what, func(t *testing.T) {
			client, server := upgraded(t)
			send(t, client, "before")
			client.Conn.Write(test.frame)
			want(t, server, "before")
			for range 2 {
				n, err := server.Read(make([]byte, 9))
				if n > 0 || err == nil || test.err != nil && !errors.Is(err, test.err) || test.err == nil && errors.Is(err, io.EOF) {
					t.Errorf("Read: %d, %v", n, err)
				}
			}
			wantFrame(t, client, closing, test.status)
			if n, err := server.Write([]byte("x")); n > 0 || err == nil {
				t.Errorf("Write behind Close: %d, %v", n, err)
			}
			if err := server.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
				t.Errorf("CloseWrite behind Close: %v", err)
			}
			server.Close()
			gone(t, client.in)
		})
	}
}

// The stream is the same however the network cuts it, and whatever control
// frames stand between.
func TestAnyCuts(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var wire, payload []byte
		pings := 0
		for inside := false; len(payload) < 3000; {
			if random.IntN(3) == 0 {
				wire = append(wire, testFrame(ping, strings.Repeat("p", random.IntN(126)))...)
				pings++
			}
			part := strings.Repeat(string(rune('a'+random.IntN(26))), random.IntN(400))
			first := byte(random.IntN(2)) * 0x80 // the last part, or not
			if !inside {
				first |= beginning
			}
			inside = first&0x80 == 0
			wire = append(wire, testFrame(first, part)...)
			payload = append(payload, part...)
		}
		var u unframer
		var got []byte
		for len(wire) > 0 {
			cut := min(len(wire), 1+random.IntN(1<<random.IntN(11)))
			b := bytes.Clone(wire[:cut])
			wire = wire[cut:]
			n, end := u.take(b, func(p []byte) {
				pings--
				if strings.Trim(string(p), "p") != "" {
					t.Fatalf("ping %q", p)
				}
			})
			if end != nil {
				t.Fatal(end.err)
			}
			got = append(got, b[:n]...)
		}
		if !bytes.Equal(got, payload) || pings != 0 {
			t.Fatalf("%d bytes for %d, or others; %d pings too few", len(got), len(payload), pings)
		}
	}
}

// What comes is rubbish or not: it never gives more than there was.
func FuzzFrames(f *testing.F) {
	f.Add(testFrame(binaryFrame, "x"))
	f.Add(append(testFrame(ping, "x"), testFrame(closing, "\x03\xe8")...))
	f.Fuzz(func(t *testing.T, b []byte) {
		var whole, single unframer
		a, c := bytes.Clone(b), bytes.Clone(b)
		n, end := whole.take(a, func([]byte) {})
		var got []byte
		var last *ending
		for i := range c {
			var k int
			if k, last = single.take(c[i:i+1], func([]byte) {}); k > 0 {
				got = append(got, c[i])
			}
			if last != nil {
				break
			}
		}
		if !bytes.Equal(got, a[:n]) || (end == nil) != (last == nil) {
			t.Fatalf("in one piece %q and %v, byte by byte %q and %v", a[:n], end, got, last)
		}
	})
}

// Pings of a peer that does not read do not pile up, and stop nobody for long; a
// frame is never cut by the answer.
func TestPingsWithoutReading(t *testing.T) {
	client, server := upgraded(t)
	b := []byte(packet(strings.Repeat("0123456789abcde", 800_000)))
	var n int
	for n == 0 { // a busy system may let the time pass before anything is written
		server.SetWriteDeadline(time.Now().Add(20 * time.Millisecond))
		var err error
		if n, err = server.Write(b); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("%d bytes were written, %v", n, err)
		}
	}
	for i := range 1000 {
		client.Conn.Write(testFrame(ping, string(rune('a'+i%26))))
	}
	send(t, client, "data")
	want(t, server, "data")
	server.SetWriteDeadline(time.Now().Add(patience))
	go server.Write(b[n:])
	wantFrame(t, client, binaryFrame, string(b))
	wantFrame(t, client, pong, string(rune('a'+999%26)))
}

// A deadline of the past, for Write, is none for the answer to a ping.
func TestPongHasItsOwnDeadline(t *testing.T) {
	client, server := upgraded(t)
	server.SetWriteDeadline(time.Unix(1, 0))
	client.Conn.Write(testFrame(ping, "x"))
	send(t, client, "data")
	want(t, server, "data")
	wantFrame(t, client, pong, "x")
	if _, err := server.Write([]byte(packet("x"))); err == nil {
		t.Error("Write: no error, but the deadline is over")
	}
}

func TestManyWriters(t *testing.T) {
	client, server := upgraded(t)
	const writers, each = 8, 100
	for i := range writers {
		go func() {
			for range each {
				send(t, server, packet(strings.Repeat(string(rune('a'+i)), 98)))
			}
		}()
	}
	go func() {
		for range each {
			client.Conn.Write(testFrame(ping, ""))
		}
		client.Conn.Write(testFrame(binaryFrame, "x"))
	}()
	done := make(chan struct{})
	go func() {
		defer close(done)
		server.Read(make([]byte, 1))
	}()
	for n := 0; n < writers*each; {
		first, length, err := client.frame()
		if err != nil {
			t.Fatal(err)
		}
		if first == pong {
			continue
		}
		b := make([]byte, length)
		io.ReadFull(client.in, b)
		if length != 100 || strings.Trim(string(b[2:]), string(b[2:3])) != "" {
			t.Fatalf("frame %#x %q", first, b)
		}
		n++
	}
	<-done
}
