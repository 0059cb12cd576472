package listener

import (
	"bytes"
	"encoding/binary"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/iotest"
)

const signature2 = "\r\n\r\n\x00\r\nQUIT\n"

func TestProxyHeaders(t *testing.T) {
	l := listen(t, "tcp://127.0.0.1:0", Options{TrustedProxies: loopback})
	for _, test := range []struct{ what, header, remote string }{
		{"1, IPv4", "PROXY TCP4 192.0.2.1 192.0.2.2 4711 1883\r\n", "192.0.2.1:4711"},
		{"1, IPv6", "PROXY TCP6 2001:db8::1 2001:db8::2 4711 1883\r\n", "[2001:db8::1]:4711"},
		{"1, unknown", "PROXY UNKNOWN\r\n", "127.0.0.1:"},
		{"2, IPv4", signature2 + "\x21\x11\x00\x0c\xc0\x00\x02\x01\xc0\x00\x02\x02\x12\x67\x07\x5b", "192.0.2.1:4711"},
		{"2, IPv4 and more", signature2 + "\x21\x11\x00\x10\xc0\x00\x02\x01\xc0\x00\x02\x02\x12\x67\x07\x5b\x04\x00\x01x", "192.0.2.1:4711"},
		{
			"2, IPv6", signature2 + "\x21\x21\x00\x24" + "\x20\x01\x0d\xb8" + strings.Repeat("\x00", 11) + "\x01" +
				"\x20\x01\x0d\xb8" + strings.Repeat("\x00", 11) + "\x02" + "\x12\x67\x07\x5b", "[2001:db8::1]:4711",
		},
		{"2, the proxy itself", signature2 + "\x20\x00\x00\x00", "127.0.0.1:"},
	} {
		t.Run(test.what, func(t *testing.T) {
			c := dial(t, l)
			send(t, c, test.header+"behind")
			server := accept(t, l)
			if got := server.RemoteAddr().String(); !strings.HasPrefix(got, test.remote) {
				t.Errorf("remote address %s, want %s", got, test.remote)
			}
			want(t, server, "behind")
		})
	}
}

// A trusted address without a header that can be believed is closed.
func TestProxyHeaderIsDemanded(t *testing.T) {
	var out log
	l := listen(t, "tcp://127.0.0.1:0", Options{TrustedProxies: loopback, Logger: out.logger()})
	for _, s := range []string{
		"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01a", // a CONNECT
		"PROXY TCP4 192.0.2.1\r\n",
		"PROXY TCP4 x y 1 2\r\n.....",
		"PROXYTCP4 192.0.2.1 192.0.2.2 4711 1883\r\n",
		"PROXY " + strings.Repeat("x", mostV1),
		signature2 + "\x21\x11\xff\xff" + strings.Repeat("x", 100),
		signature2 + "\x21\x11\x00\x04\x00\x00\x00\x00",
		signature2 + "\x31\x11\x00\x00",
	} {
		c := dial(t, l)
		send(t, c, s)
		if n, err := c.Read(make([]byte, 1)); n > 0 || err == nil {
			t.Errorf("%.60q: not closed", s)
		}
	}
	l.Close()
	if n := strings.Count(out.String(), "PROXY header expected from a trusted address"); n != 8 {
		t.Errorf("log, %d lines:\n%s", n, &out)
	}
}

// From other addresses the header is only bytes.
func TestProxyThatIsNotTrusted(t *testing.T) {
	l := listen(t, "tcp://127.0.0.1:0", Options{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}})
	c := dial(t, l)
	const header = "PROXY TCP4 192.0.2.1 192.0.2.2 4711 1883\r\n"
	send(t, c, header)
	server := accept(t, l)
	want(t, server, header)
	if got := server.RemoteAddr().String(); got != c.LocalAddr().String() {
		t.Errorf("remote address %s", got)
	}
}

// IPv4 addresses are trusted as such on a socket for both.
func TestTrusts(t *testing.T) {
	mapped := &net.TCPAddr{IP: net.ParseIP("::ffff:127.0.0.1")}
	if !trusts(loopback, mapped) {
		t.Errorf("%v is not trusted", mapped)
	}
	if zoned := (&net.TCPAddr{IP: net.ParseIP("fe80::1"), Zone: "eth0"}); !trusts([]netip.Prefix{netip.MustParsePrefix("fe80::/10")}, zoned) {
		t.Errorf("%v is not trusted", zoned)
	}
}

// The header is read to its last byte and no further, however it comes.
func FuzzProxyHeader(f *testing.F) {
	f.Add([]byte("PROXY TCP4 192.0.2.1 192.0.2.2 4711 1883\r\nbehind"))
	f.Add([]byte(signature2 + "\x21\x11\x00\x0c\xc0\x00\x02\x01\xc0\x00\x02\x02\x12\x67\x07\x5bbehind"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bytes.NewReader(b)
		header, err := readProxyHeader(iotest.OneByteReader(r))
		if err != nil {
			return
		}
		length := bytes.IndexByte(b, '\n') + 1
		if header.Version == 2 {
			length = prefixV2 + int(binary.BigEndian.Uint16(b[prefixV2-2:]))
		}
		if taken := len(b) - r.Len(); taken != length {
			t.Fatalf("%q: %d bytes taken, want %d", b, taken, length)
		}
	})
}
