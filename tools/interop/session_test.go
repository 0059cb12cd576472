package interop

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// What is published while a client is away is there when it comes back, for what
// it is still subscribed to.
func TestMosquittoSession(t *testing.T) {
	brokers(t, func(t *testing.T, b broker) {
		for _, v := range versions {
			stays := slices.Concat(b.flags, []string{"-V", v, "-i", "stays, and has a long name, " + v, "-c", "-q", "2"})
			do(t, need(t, "mosquitto_sub"), append(stays, "-t", v+"/1", "-t", v+"/2", "-E")...)
			for n := range 6 {
				publish(t, b, "-q", fmt.Sprint(1+n%2), "-t", v+"/1", "-m", fmt.Sprint(n))
			}
			r := run(t, need(t, "mosquitto_sub"), append(stays, "-t", v+"/2", "-C", "6")...)
			got := strings.Fields(r.out)
			slices.Sort(got) // order is promised within a QoS only
			if want := []string{"0", "1", "2", "3", "4", "5"}; !slices.Equal(got, want) {
				t.Errorf("%s: got %q, want %q: %+v", v, got, want, r)
			}
			do(t, need(t, "mosquitto_sub"), append(stays, "-t", v+"/2", "-U", v+"/1", "-E")...)
			publish(t, b, "-t", v+"/1", "-m", "to nobody")
			publish(t, b, "-t", v+"/2", "-m", "to all")
			r = run(t, need(t, "mosquitto_sub"), append(stays, "-t", v+"/2", "-C", "1")...)
			if r != (result{out: "to all\n"}) {
				t.Errorf("%s: after UNSUBSCRIBE: %+v", v, r)
			}
		}
	})
}

func TestMosquittoShared(t *testing.T) {
	brokers(t, func(t *testing.T, b broker) {
		for _, v := range versions {
			var members []*program
			for range 2 {
				members = append(members, listen(t, b, "%p", "-V", v, "-q", "1", "-t", "$share/group/"+v, "-t", "end/"+v))
			}
			var want, got []string
			for n := range 8 {
				publish(t, b, "-V", v, "-t", v, "-m", fmt.Sprint(n))
				want = append(want, fmt.Sprint("> ", n))
			}
			publish(t, b, "-t", "end/"+v, "-m", "end")
			for _, m := range members {
				share := slices.DeleteFunc(m.through(t, "> end"), func(line string) bool { return !strings.HasPrefix(line, "> ") })
				if len(share) == 1 {
					t.Errorf("%s: a member gets nothing", v)
				}
				got = append(got, share[:len(share)-1]...)
			}
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("%s: together the members get %q, want %q", v, got, want)
			}
		}
	})
}

// Who loses the connection to another of the same name comes back, and takes it
// over in turn.
func TestMosquittoTakeover(t *testing.T) {
	brokers(t, func(t *testing.T, b broker) {
		old := versions[:2]
		var all []*program
		for _, v := range old {
			all = append(all, listen(t, b, "%p", "-V", v, "-i", "one-"+v, "-q", "1", "-t", "take/"+v, "-C", "1"))
		}
		for i, p := range all {
			publish(t, b, "-V", old[i], "-i", "one-"+old[i], "-t", "other", "-m", "x")
			p.until(t, "sending CONNECT")
			p.until(t, "Subscribed")
			publish(t, b, "-t", "take/"+old[i], "-m", "back")
			wantLines(t, p, "back")
		}
	})
}

// Since 5.0 it is told why, and does not. Mosquitto 2.0.11 tells it nothing.
func TestMosquittoTakenOver(t *testing.T) {
	t.Parallel()
	b := startFletch(t)
	p := listen(t, b, "", "-V", "mqttv5", "-i", "one", "-t", "x")
	publish(t, b, "-V", "mqttv5", "-i", "one", "-t", "other", "-m", "x")
	p.until(t, "Received DISCONNECT (142)")
}

// Five seconds are the shortest keep alive of these clients, so that this takes
// more than seven and a half.
func TestMosquittoKeepAlive(t *testing.T) {
	brokers(t, func(t *testing.T, b broker) {
		var all []*program
		for _, v := range versions {
			all = append(all, listen(t, b, "%p", "-V", v, "-k", "5", "-q", "1", "-t", "idle", "-C", "1"))
		}
		run(t, need(t, "mosquitto_sub"), append(b.flags, "-t", "nothing", "-W", "9")...)
		publish(t, b, "-t", "idle", "-m", "awake")
		for i, p := range all {
			lines := p.through(t, "> awake")
			if slices.ContainsFunc(lines, func(line string) bool { return strings.Contains(line, "sending CONNECT") }) {
				t.Errorf("%s: lost the connection:\n%s", versions[i], strings.Join(lines, "\n"))
			}
		}
	})
}
