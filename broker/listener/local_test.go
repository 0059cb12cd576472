package listener

import (
	"net/netip"
	"testing"

	"github.com/fletchmq/fletch/broker/origin"
)

// Whatever is between the socket and MQTT, the address is that of the socket.
func TestLocalThroughLayers(t *testing.T) {
	options := Options{TLS: newAuthority(t).server(t, "localhost"), TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
	for _, scheme := range []string{"tcp", "tls", "ws", "wss"} {
		for host, want := range map[string]bool{"127.0.0.1:0": true, "[::1]:0": true, "0.0.0.0:0": false, ":0": false} {
			l := listen(t, scheme+"://"+host, options)
			if got := origin.Local(l.Addr()); got != want {
				t.Errorf("%s://%s, which is %v: %t", scheme, host, l.Addr(), got)
			}
		}
	}
}
