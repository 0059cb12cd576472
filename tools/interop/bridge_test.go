package interop

import (
	"fmt"
	"strings"
	"testing"
)

// bridged is a Mosquitto whose bridge to b is up.
func bridged(t *testing.T, b broker, config ...string) broker {
	t.Helper()
	publish(t, b, "-r", "-t", "old", "-m", "kept")
	m := startMosquitto(t, append([]string{
		"allow_anonymous true", "connection up", "address 127.0.0.1:" + b.port, "topic # both 1", "restart_timeout 1",
	}, config...)...)
	old := listen(t, m, "%p", "-t", "old", "-C", "1")
	wantLines(t, old, "kept")
	return m
}

// A bridge of Mosquitto carries messages both ways, each once, and RETAIN with
// them.
func TestMosquittoBridge(t *testing.T) {
	for _, v := range []string{"mqttv31", "mqttv311", "mqttv50"} {
		for _, clean := range []string{"true", "false"} {
			t.Run(fmt.Sprintf("%s/clean=%s", v, clean), func(t *testing.T) {
				brokers(t, func(t *testing.T, b broker) {
					m := bridged(t, b, "bridge_protocol_version "+v, "cleansession "+clean)
					here := listen(t, b, "%t %r %p", "-V", "mqttv5", "--retain-as-published", "-q", "1", "-t", "m/#")
					there := listen(t, m, "%t %r %p", "-V", "mqttv5", "--retain-as-published", "-q", "1", "-t", "m/#")
					publish(t, b, "-t", "m/here", "-m", "1")
					publish(t, b, "-t", "m/here", "-r", "-m", "2")
					there.until(t, "> m/here 1 2")
					publish(t, m, "-t", "m/there", "-m", "3")
					publish(t, m, "-t", "m/there", "-r", "-m", "4")
					publish(t, m, "-t", "m/end", "-m", "end")
					const fromThere = "> m/there 0 3\n> m/there 1 4\n> m/end 0 end"
					wantReceived(t, here, "> m/here 0 1\n> m/here 1 2\n"+fromThere)
					publish(t, b, "-t", "m/end", "-m", "end of here")
					wantReceived(t, there, fromThere+"\n> m/end 0 end of here")
				})
			})
		}
	}
}

// wantReceived reads messages up to the last of these lines.
func wantReceived(t *testing.T, p *program, want string) {
	t.Helper()
	var got []string
	for _, line := range p.through(t, want[strings.LastIndexByte(want, '\n')+1:]) {
		if strings.HasPrefix(line, "> ") {
			got = append(got, line)
		}
	}
	if s := strings.Join(got, "\n"); s != want {
		t.Errorf("got\n%s\nwant\n%s", s, want)
	}
}
