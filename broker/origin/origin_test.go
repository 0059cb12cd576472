package origin

import (
	"net"
	"testing"
)

// named is an address of some other kind.
type named struct{ network, address string }

func (n named) Network() string { return n.network }
func (n named) String() string  { return n.address }

func TestLocal(t *testing.T) {
	for _, test := range []struct {
		address net.Addr
		want    bool
	}{
		{&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1}, true},
		{&net.TCPAddr{IP: net.IPv4(127, 1, 2, 3), Port: 1}, true},
		{&net.TCPAddr{IP: net.IPv6loopback, Port: 1}, true},
		{&net.TCPAddr{IP: net.IPv6loopback, Port: 1, Zone: "lo"}, true},
		{&net.UnixAddr{Name: "/s", Net: "unix"}, true},
		{named{"pipe", "pipe"}, true},
		{named{"quic", "127.0.0.1:1"}, true},
		{&net.TCPAddr{Port: 1}, false}, // all
		{&net.TCPAddr{IP: net.IPv4zero, Port: 1}, false},
		{&net.TCPAddr{IP: net.IPv6unspecified, Port: 1}, false},
		{&net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 1}, false},
		{&net.TCPAddr{IP: net.ParseIP("fe80::1"), Port: 1, Zone: "lo"}, false},
		{named{"mesh", "somewhere"}, false},
		{named{"mesh", "localhost:1"}, false}, // who knows what that is there
		{nil, false},
	} {
		if got := Local(test.address); got != test.want {
			t.Errorf("%v: %t", test.address, got)
		}
	}
}
