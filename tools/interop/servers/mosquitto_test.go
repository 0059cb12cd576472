package servers

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// startMosquitto skips the test if Mosquitto is not installed, unless the environment
// says CI=true. Debian has it where no PATH looks.
func startMosquitto(t *testing.T, at *place) (stop func()) {
	t.Helper()
	program, err := exec.LookPath("/usr/sbin/mosquitto")
	if err != nil {
		program, err = exec.LookPath("mosquitto")
	}
	if text := "mosquitto is not installed: run tools/interop/install.sh"; err != nil && os.Getenv("CI") == "true" {
		t.Fatal(text)
	} else if err != nil {
		t.Skip(text)
	}
	cmd := exec.Command(program, "-c", configureMosquitto(t, at))
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said := make(chan string, 1)
	go func() {
		defer close(said)
		var all strings.Builder
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			all.WriteString(lines.Text() + "\n")
			if strings.Contains(lines.Text(), " running") {
				said <- ""
			}
		}
		said <- all.String()
	}()
	if text := <-said; text != "" {
		t.Fatalf("mosquitto: %s", text)
	}
	return func() {
		cmd.Process.Kill()
		for range said { // read to its end before Wait closes it
		}
		cmd.Wait()
	}
}

// configureMosquitto writes its configuration.
func configureMosquitto(t *testing.T, at *place) (config string) {
	t.Helper()
	dir := t.TempDir()
	var b strings.Builder
	// Any other user could not open the socket here, nor read the key.
	fmt.Fprintf(&b, "user root\nallow_anonymous %t\n", !at.users)
	if at.users {
		users := filepath.Join(dir, "users")
		if out, err := exec.Command("mosquitto_passwd", "-b", "-c", users, "ann", "secret").CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		fmt.Fprintf(&b, "password_file %s\n", users)
	}
	if at.receiveMaximum != 0 {
		fmt.Fprintf(&b, "max_inflight_messages %d\n", at.receiveMaximum)
	}
	fmt.Fprintf(&b, "listener 0 %s\nlistener %s 127.0.0.1\nlistener %s 127.0.0.1\nprotocol websockets\n", at.socket, at.ports["mqtt"], at.ports["ws"])
	fmt.Fprintf(&b, "listener %s 127.0.0.1\ncertfile %s\nkeyfile %s\n", at.ports["mqtts"], certificate, privateKey)
	config = filepath.Join(dir, "mosquitto.conf")
	if err := os.WriteFile(config, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return config
}
