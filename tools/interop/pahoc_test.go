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

// Of a frame with several packets, which [MQTT-6.0.0-2] allows, libpaho-mqtt 1.3
// takes the first, and the others when another frame comes: Fletch sends none.
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
	for _, v := range versions {
		t.Run("version="+v, func(t *testing.T) {
			transports(t, func(t *testing.T, url string) {
				script(t, nil, round, strings.NewReplacer("mqtts:", "ssl:", "mqtt:", "tcp:").Replace(url), authority, pahoVersions[v])
			})
		})
	}
}
