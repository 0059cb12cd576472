package interop

import (
	"fmt"
	"slices"
	"testing"
)

func TestMosquittoTransports(t *testing.T) {
	brokers(t, func(t *testing.T, b broker) {
		for name, flags := range map[string][]string{
			"tls":  {"-p", b.tls, "--cafile", authority},
			"unix": {"--unix", b.socket},
		} {
			t.Run("over="+name, func(t *testing.T) {
				over := b
				over.flags = flags
				everyQoS(t, over)
			})
		}
	})
}

func everyQoS(t *testing.T, b broker) {
	t.Helper()
	for _, v := range versions {
		p := listen(t, b, "%q %p", "-V", v, "-q", "2", "-t", "m", "-C", "3")
		want := []string{"0 hi", "1 hi", "2 hi"}
		for qos := range want {
			publish(t, b, "-V", v, "-q", fmt.Sprint(qos), "-t", "m", "-m", "hi")
		}
		got := p.data("> ")
		slices.Sort(got) // order is promised within a QoS only
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", v, got, want)
		}
		sendLarge(t, b, v)
	}
}

// Who demands a certificate gets one, or the client gets nowhere.
func TestMosquittoClientCertificate(t *testing.T) {
	t.Parallel()
	for name, b := range map[string]broker{
		"fletch":    startFletch(t, "--tls-client-ca", authority),
		"mosquitto": startMosquitto(t, "allow_anonymous true", "require_certificate true"),
	} {
		t.Run("broker="+name, func(t *testing.T) {
			b.flags = []string{"-p", b.tls, "--cafile", authority}
			for _, v := range versions {
				if r := run(t, need(t, "mosquitto_pub"), slices.Concat(b.flags, []string{"-V", v, "-t", "a", "-m", "x", "-q", "1"})...); r.status == 0 {
					t.Errorf("%s: without a certificate: %+v", v, r)
				}
			}
			b.flags = append(b.flags, "--cert", clientCert, "--key", clientKey)
			everyQoS(t, b)
		})
	}
}
