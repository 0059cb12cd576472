package interop

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// subscribed is a fletch sub whose subscription is granted, and whose messages
// are lines among others.
func subscribed(t *testing.T, b broker, args ...string) *program {
	t.Helper()
	p := start(t, fletch, append([]string{"sub", "-d", "-p", b.port}, args...)...)
	p.until(t, "subscribed")
	return p
}

// fletch pub and fletch sub do with any broker what the clients of Mosquitto do.
func TestFletchEveryVersionAndQoS(t *testing.T) {
	brokers(t, func(t *testing.T, b broker) {
		for _, v := range versions {
			for q := range 3 {
				qos := fmt.Sprint(q)
				p := subscribed(t, b, "-V", v, "-q", qos, "-v", "-t", "f/+", "-t", "none", "-C", "2")
				do(t, fletch, "pub", "-p", b.port, "-V", v, "-q", qos, "-t", "f/1", "-m", "hi")
				do(t, need(t, "mosquitto_pub"), "-p", b.port, "-V", v, "-q", qos, "-t", "f/2", "-n")
				got := strings.Join(p.data("f/"), ",")
				if got != "1 hi,2 (null)" {
					t.Errorf("%s, QoS %d: got %q", v, q, got)
				}
			}
		}
	})
}

func TestFletchRetainedAndWill(t *testing.T) {
	brokers(t, func(t *testing.T, b broker) {
		watcher := listen(t, b, "%t %q %p", "-q", "2", "-t", "will/+", "-C", "1")
		dying := subscribed(t, b, "-i", "dies", "--will-topic", "will/f", "--will-payload", "gone", "--will-qos", "2", "--will-retain", "-t", "x")
		dying.kill()
		wantLines(t, watcher, "will/f 2 gone")
		if r := run(t, fletch, "sub", "-p", b.port, "-t", "will/#", "-C", "1"); r != (result{out: "gone\n"}) {
			t.Errorf("a retained will: %+v", r)
		}
		do(t, fletch, "pub", "-p", b.port, "-r", "-t", "will/f", "-m", "")
		late := subscribed(t, b, "-v", "-t", "will/#", "-C", "1")
		do(t, fletch, "pub", "-p", b.port, "-t", "will/g", "-m", "nothing before")
		if got := late.data("will/"); !slices.Equal(got, []string{"g nothing before"}) {
			t.Errorf("a retained message that was removed: %q", got)
		}
	})
}

// Scripts see the same statuses and data as from the clients of Mosquitto.
func TestFletchEndsLikeMosquitto(t *testing.T) {
	open := startMosquitto(t, "allow_anonymous true")
	shut := startMosquitto(t, "allow_anonymous false")
	do(t, fletch, "pub", "-p", open.port, "-r", "-t", "kept", "-m", "hi")
	do(t, fletch, "pub", "-p", open.port, "-r", "-t", "kept/2", "-m", "hello, world")
	for _, args := range []string{
		"pub -p OPEN -t a -m x",
		"pub -p OPEN -t a -m x -V mqttv5 -q 2 -r",
		"pub -p SHUT -t a -m x",
		"pub -p SHUT -t a -m x -V mqttv31",
		"pub -p SHUT -t a -m x -V mqttv5 -u u -P p",
		"pub -p 1 -t a -m x",
		"pub -p OPEN -t a/# -m x",
		"pub -p OPEN -t a",
		"pub -p OPEN -t a -m x -q 3",
		"sub -p OPEN -t kept -C 1",
		"sub -p OPEN -t kept -C 1 -v",
		"sub -p OPEN -t kept/# -C 2 -v -q 2",
		"sub -p OPEN -t nothing -W 1",
		"sub -p SHUT -t a -V 5",
		"sub -p OPEN -t a#",
		"sub -p OPEN",
	} {
		args = strings.NewReplacer("OPEN", open.port, "SHUT", shut.port).Replace(args)
		f := strings.Fields(args)
		got, want := run(t, fletch, f...), run(t, need(t, "mosquitto_"+f[0]), f[1:]...)
		if strings.Contains(want.out, "Usage:") {
			want.out = "" // it explains itself where data goes
		}
		if got.status != want.status || got.out != want.out {
			t.Errorf("%s:\ngot  %+v\nwant %+v", args, got, want)
		}
		if got.status != 0 && strings.Count(got.err, "\n") != 1 {
			t.Errorf("%s: %q is not one line", args, got.err)
		}
	}
}
