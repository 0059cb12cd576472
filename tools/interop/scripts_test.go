package interop

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Debian's Python, which has Debian's paho; another in PATH may not.
const python = "/usr/bin/python3"

func TestPaho(t *testing.T) {
	if exec.Command(python, "-c", "import paho.mqtt.client").Run() != nil {
		missing(t, "python3-paho-mqtt")
	}
	reads(t, "testdata")
	transports(t, func(t *testing.T, url string) {
		script(t, nil, python, "testdata/round.py", url, authority)
	})
}

func TestMQTTjs(t *testing.T) {
	node := need(t, "node")
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	modules := filepath.Join(cache, "fletch-interop", "node_modules") // as in install.sh
	if _, err := os.Stat(filepath.Join(modules, "mqtt")); err != nil {
		missing(t, "MQTT.js")
	}
	reads(t, "testdata/mqttjs")
	transports(t, func(t *testing.T, url string) {
		script(t, []string{"NODE_PATH=" + modules}, node, "testdata/mqttjs/round.js", url, authority)
	})
}
