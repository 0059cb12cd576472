package interop

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The versions of MQTTClient.h.
var pahoVersions = map[string]string{"mqttv31": "3", "mqttv311": "4", "mqttv5": "5"}

// WebSockets are left out: of a frame with several packets, which [MQTT-6.0.0-2]
// allows, libpaho-mqtt 1.3 takes the first, and the others when another frame comes.
func TestPahoC(t *testing.T) {
	if _, err := os.Stat("/usr/include/MQTTClient.h"); err != nil {
		missing(t, "libpaho-mqtt-dev")
	}
	reads(t, "testdata/pahoc")
	round := filepath.Join(t.TempDir(), "round")
	out, err := exec.Command(need(t, "gcc"), "-std=c11", "-D_DEFAULT_SOURCE", "-Wall", "-Wextra", "-Werror",
		"-o", round, "testdata/pahoc/round.c", "-lpaho-mqtt3cs").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, scheme := range []string{"mqtt", "mqtts"} {
		for _, v := range versions {
			t.Run("over="+scheme+"/"+v, func(t *testing.T) {
				brokers(t, func(t *testing.T, b broker) {
					url := strings.NewReplacer("mqtts:", "ssl:", "mqtt:", "tcp:").Replace(b.urls[scheme])
					script(t, nil, round, url, authority, pahoVersions[v])
				})
			})
		}
	}
}
