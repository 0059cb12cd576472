package interop

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// listen is a mosquitto_sub that is subscribed, and prints each message in a
// line: what fields says of it, behind "> ".
func listen(t *testing.T, b broker, fields string, args ...string) *program {
	t.Helper()
	// To a pipe it would say nothing before its end, but for messages.
	line := slices.Concat([]string{"-oL", need(t, "mosquitto_sub"), "-d", "-F", "> " + fields}, b.flags, args)
	p := start(t, need(t, "stdbuf"), line...)
	p.until(t, "Subscribed (mid: 1)")
	return p
}

// publish is mosquitto_pub, at QoS 1 if args say nothing else.
func publish(t *testing.T, b broker, args ...string) {
	t.Helper()
	do(t, need(t, "mosquitto_pub"), slices.Concat(b.flags, []string{"-q", "1"}, args)...)
}

func wantLines(t *testing.T, p *program, want ...string) {
	t.Helper()
	if got := p.data("> "); !slices.Equal(got, want) {
		t.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// Each version publishes to each, at each QoS.
func TestMosquittoEveryVersionAndQoS(t *testing.T) {
	brokers(t, func(t *testing.T, b broker) {
		var all []*program
		var want [3][]string
		for qos := range want {
			for _, v := range versions {
				all = append(all, listen(t, b, "%t %q %p", "-V", v, "-i", fmt.Sprint(v, "-", qos), "-q", fmt.Sprint(qos), "-t", "m/#", "-C", "9"))
			}
		}
		for _, v := range versions {
			for q := range 3 {
				publish(t, b, "-V", v, "-q", fmt.Sprint(q), "-t", "m/"+v, "-m", "hi")
				for granted := range want {
					want[granted] = append(want[granted], fmt.Sprintf("m/%s %d hi", v, min(q, granted)))
				}
			}
		}
		for i, p := range all {
			got, want := p.data("> "), want[i/len(versions)]
			slices.Sort(got) // order is promised within a QoS only
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("%s: got %q, want %q", p.cmd, got, want)
			}
		}
	})
}

func TestMosquittoRetained(t *testing.T) {
	brokers(t, func(t *testing.T, b broker) {
		for _, v := range versions {
			live := listen(t, b, "%r %p", "-V", v, "-t", "r/#", "-C", "2")
			publish(t, b, "-V", v, "-r", "-t", "r/1", "-m", "old")
			publish(t, b, "-V", v, "-r", "-t", "r/1", "-m", "new")
			wantLines(t, live, "0 old", "0 new") // who is there sees them as they come
			args := []string{"-V", v, "-q", "2", "-t", "r/#", "-C", "1"}
			kept := append([]string{"-p", b.port, "-F", "%t %r %p"}, args...)
			if r := run(t, need(t, "mosquitto_sub"), kept...); r != (result{out: "r/1 1 new\n"}) {
				t.Errorf("%s: a retained message: %+v", v, r)
			}
			publish(t, b, "-V", v, "-r", "-t", "r/1", "-n")
			late := listen(t, b, "%t %p", args...)
			publish(t, b, "-t", "r/2", "-m", "nothing before")
			wantLines(t, late, "r/2 nothing before")
		}
	})
}

// A will is published for a client that is killed, and not for one that leaves.
func TestMosquittoWill(t *testing.T) {
	brokers(t, func(t *testing.T, b broker) {
		for _, v := range versions {
			watcher := listen(t, b, "%t %q %p", "-V", v, "-q", "2", "-t", "will/#", "-C", "2")
			will := func(id string) []string {
				return []string{"-V", v, "-i", id, "--will-topic", "will/" + id, "--will-payload", "gone", "--will-qos", "1"}
			}
			publish(t, b, append(will("leaves"), "-t", "x", "-m", "x")...)
			dying := listen(t, b, "", append(will("dies"), "-t", "x")...)
			dying.kill()
			watcher.until(t, "> will/dies 1 gone")
			publish(t, b, "-t", "will/end", "-m", "last")
			wantLines(t, watcher, "will/end 1 last")
		}
	})
}

func TestMosquittoWildcards(t *testing.T) {
	brokers(t, func(t *testing.T, b broker) {
		topics := []string{"a", "a/b", "a/b/c", "a//c", "/a", "$a/b", "b", "end"}
		for _, test := range []struct {
			filter string
			want   []string
		}{
			{"#", []string{"a", "a/b", "a/b/c", "a//c", "/a", "b"}},
			{"+", []string{"a", "b"}},
			{"a/#", []string{"a", "a/b", "a/b/c", "a//c"}},
			{"a/+", []string{"a/b"}},
			{"a/+/c", []string{"a/b/c", "a//c"}},
			{"+/+", []string{"a/b", "/a"}},
			{"/+", []string{"/a"}},
			{"$a/+", []string{"$a/b"}},
			{"+/b", []string{"a/b"}},
		} {
			t.Run(strings.ReplaceAll(test.filter, "/", "|"), func(t *testing.T) {
				p := listen(t, b, "%t", "-q", "1", "-t", test.filter, "-t", "end", "-C", fmt.Sprint(len(test.want)+1))
				for _, topic := range topics {
					publish(t, b, "-t", topic, "-m", "x")
				}
				got := p.data("> ")
				slices.Sort(got)
				want := append(slices.Clone(test.want), "end")
				slices.Sort(want)
				if !slices.Equal(slices.Compact(got), want) {
					t.Errorf("got %q, want %q", got, want)
				}
			})
		}
	})
}

// What the properties of 5.0 say comes out as it went in.
func TestMosquittoProperties(t *testing.T) {
	brokers(t, func(t *testing.T, b broker) {
		p := listen(t, b, "%C|%D|%R|%F|%P|%E|%p", "-V", "mqttv5", "-q", "1", "-t", "p", "-C", "1")
		args := []string{"-V", "mqttv5", "-t", "p", "-m", "hi"}
		for _, property := range []string{
			"content-type text/plain", "correlation-data c-1", "response-topic r/s", "payload-format-indicator 1",
			"user-property k v", "user-property k w", "message-expiry-interval 3600",
		} {
			args = append(append(args, "-D", "publish"), strings.Fields(property)...)
		}
		publish(t, b, args...)
		wantLines(t, p, "text/plain|c-1|r/s|1|k:v k:w|3600|hi")
	})
}

// Messages that are larger than any buffer.
func TestMosquittoLargeMessage(t *testing.T) {
	brokers(t, func(t *testing.T, b broker) { sendLarge(t, b, "mqttv5") })
}

func sendLarge(t *testing.T, b broker, version string) {
	t.Helper()
	p := listen(t, b, "%l %p", "-V", version, "-q", "2", "-t", "large", "-C", "1")
	payload := strings.Repeat("0123456789", 30_000)
	file := filepath.Join(t.TempDir(), "payload")
	if err := os.WriteFile(file, []byte(payload), 0o600); err != nil {
		t.Fatal(err)
	}
	publish(t, b, "-V", version, "-q", "2", "-t", "large", "-f", file)
	if got := p.data("> "); !slices.Equal(got, []string{fmt.Sprint(len(payload), " ", payload)}) {
		t.Errorf("%s: %d messages, or not what was sent", version, len(got))
	}
}

// Users with passwords, as the clients of Mosquitto send them.
func TestMosquittoUsers(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "users")
	passwd := exec.Command(fletch, "passwd", file, "ann")
	passwd.Stdin = strings.NewReader("secret\n")
	if out, err := passwd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	b := startFletch(t, "--users", file, "--log-level", "error") // wrong passwords are worth a warning
	for _, v := range versions {
		user := []string{"-V", v, "-u", "ann", "-P", "secret", "-t", "u"}
		p := listen(t, b, "%p", append(user, "-C", "1")...)
		publish(t, b, append(user, "-m", "hi")...)
		wantLines(t, p, "hi")
		for _, wrong := range [][]string{{"-u", "ann", "-P", "guess"}, {"-u", "bob", "-P", "secret"}, {"-u", "ann"}, {}} {
			r := run(t, need(t, "mosquitto_pub"), append([]string{"-p", b.port, "-V", v, "-t", "u", "-m", "x"}, wrong...)...)
			if r.status == 0 {
				t.Errorf("%s: %q got in", v, wrong)
			}
		}
	}
}
