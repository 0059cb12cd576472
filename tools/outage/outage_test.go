package outage

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/fletchmq/fletch/broker/store/disk"
	"github.com/fletchmq/fletch/packets"
)

const trouble = "$SYS/broker/store/trouble"

// While the disk fails, nothing is acknowledged that is not stored, and all that need
// not be stored goes on. Afterwards everything goes on by itself, and what was
// acknowledged before, meanwhile and afterwards outlives the process, and only that.
func TestOutage(t *testing.T) {
	for _, f := range faults {
		for _, at := range f.at {
			t.Run(f.name+"/"+names[at], func(t *testing.T) {
				outage(begin(t, at, newBadDisk()), &f)
			})
		}
	}
}

// clients are those of one outage.
type clients struct {
	early, old, new *peer // publishers: of 5.0, of 3.1.1, and of 5.0 when the trouble is known
	kept            *peer // has a session that is stored
	fleeting        *peer // has not
	watch           *peer // of the trouble
}

func outage(w *world, f *fault) {
	const filter = "kept/#"
	for _, id := range []string{"absent", "ledger"} {
		p := w.connect(packets.V5, id, true, packets.Success)
		p.subscribe(filter, 2, packets.GrantedQoS2)
		p.leaves()
	}
	c := clients{
		early:    w.connect(packets.V5, "early", false, packets.Success),
		old:      w.connect(packets.V311, "old", true, packets.Success),
		new:      w.connect(packets.V5, "new", true, packets.Success),
		kept:     w.connect(packets.V5, "kept", true, packets.Success),
		fleeting: w.connect(packets.V5, "fleeting", false, packets.Success),
		watch:    w.connect(packets.V5, "watch", false, packets.Success),
	}
	c.kept.subscribe("live", 0, packets.GrantedQoS0)
	c.fleeting.subscribe("plain", 2, packets.GrantedQoS2)
	c.watch.subscribe(trouble, 0, packets.GrantedQoS0)
	c.early.publish(message("kept/1", "before 1", 1, 1), packets.Success)
	c.early.publish(message("kept/1", "before 2", 2, 2), packets.Success)

	w.disk.fault.Store(f)
	c.early.send(message("kept/1", "early", 1, 3)) // who meets the trouble has no answer
	w.log.await(w.T, `msg="the store cannot write"`, 1)
	if m := c.watch.next().(*packets.Publish); !strings.HasSuffix(string(m.Payload), f.err.Error()) {
		w.Errorf("%s: %q", trouble, m.Payload)
	}
	if s := w.broker.Stats().Trouble; !strings.HasSuffix(s, f.err.Error()) {
		w.Errorf("Stats: %q", s)
	}
	c.old.send(message("kept/1", "old 1", 1, 1), message("kept/1", "old 2", 1, 2), &packets.Pingreq{})
	c.refused()
	c.goesOn()
	back := w.returns()
	c.early.quiet()
	c.old.quiet()

	w.disk.fault.Store(nil)
	w.log.await(w.T, `msg="the store writes again"`, 1)
	c.watch.want("PUBLISH topic=" + trouble + ` payload=""`)
	if s := w.broker.Stats().Trouble; s != "" {
		w.Errorf("Stats: %q", s)
	}
	c.early.want("PUBACK packet-id=3")
	var answers []string
	for range 3 {
		answers = append(answers, c.old.next().String())
	}
	if slices.Sort(answers); !slices.Equal(answers, []string{"PINGRESP", "PUBACK packet-id=1", "PUBACK packet-id=2"}) {
		w.Errorf("3.1.1 is answered %q", answers)
	}
	c.new.publish(message("kept/1", "after", 2, 5), packets.Success)
	want := []string{"early", "old 1", "old 2", "after"}
	if got := back.takes(len(want), 1); !same(got, want) {
		w.Errorf("who had come back has %q, want %q", got, want)
	}
	w.connect(packets.V5, "another", true, packets.Success)
	c.kept.subscribe("more", 1, packets.GrantedQoS1)

	after := w.disk.after(w.at)
	w.leave()
	w.end(patience)
	w = begin(w.T, w.at, after)
	defer w.end(patience)
	defer w.leave()
	if text, _ := w.log.now(); strings.Contains(text, "cannot write") {
		w.Errorf("there is trouble after the restart:\n%s", text)
	}
	want = append([]string{"before 1", "before 2"}, want...)
	ledger := w.connect(packets.V5, "ledger", true, packets.Success)
	if got := ledger.takes(len(want), 0); !same(got, want) {
		w.Errorf("after the restart there is %q, want %q", got, want)
	}
	ledger.quiet()
	w.subscriptions("kept", "live", "more")
	w.subscriptions("another")
	all := w.connect(packets.V5, "all", false, packets.Success)
	all.subscribe("#", 0, packets.GrantedQoS0)
	all.quiet() // nothing is retained
}

// same reports whether the messages of each publisher are those, in their order.
func same(got, want []string) bool {
	publisher := func(a, b string) int {
		return strings.Compare(strings.Trim(a, " 0123456789"), strings.Trim(b, " 0123456789"))
	}
	got, want = slices.Clone(got), slices.Clone(want)
	slices.SortStableFunc(got, publisher)
	slices.SortStableFunc(want, publisher)
	return slices.Equal(got, want)
}

// subscriptions checks those of a session, but for $SYS.
func (w *world) subscriptions(id string, want ...string) {
	w.Helper()
	for s := range w.broker.Sessions() {
		if s.ClientID == id {
			if !slices.Equal(s.Subscriptions, want) {
				w.Errorf("%s has subscribed to %q, want %q", id, s.Subscriptions, want)
			}
			return
		}
	}
	w.Errorf("%s has no session", id)
}

// refused is what cannot be done now.
func (c *clients) refused() {
	c.new.publish(message("kept/1", "refused", 1, 1), packets.QuotaExceeded)
	c.new.publish(message("kept/1", "refused", 2, 2), packets.QuotaExceeded)
	c.new.publish(retained("nobody", "refused", 1, 3), packets.QuotaExceeded)
	c.fleeting.publish(message("kept/1", "refused", 2, 4), packets.QuotaExceeded)
	c.kept.subscribe("less", 1, packets.QuotaExceeded)
	c.kept.send(&packets.Unsubscribe{PacketID: 2, Filters: [][]byte{[]byte("live")}})
	c.kept.want("UNSUBACK packet-id=2 reason=0x83")
	c.new.connect(packets.V5, "another", true, packets.QuotaExceeded)
	c.new.connect(packets.V311, "another", true, packets.ReasonCode(packets.ReturnServerUnavailable))
	c.new.connect(packets.V31, "another", true, packets.ReasonCode(packets.ReturnServerUnavailable))
}

// goesOn is what can be done as ever.
func (c *clients) goesOn() {
	for i := range 100 {
		payload := fmt.Sprint(i)
		c.new.send(message("live", payload, 0, 0)) // from a session that is stored to another
		c.kept.want(fmt.Sprintf("PUBLISH topic=live payload=%q", payload))
		c.kept.send(message("plain", payload, 0, 0))
		c.fleeting.want(fmt.Sprintf("PUBLISH topic=plain payload=%q", payload))
		c.fleeting.send(message("live", payload, 0, 0))
		c.kept.want(fmt.Sprintf("PUBLISH topic=live payload=%q", payload))
	}
	c.watch.send(message("plain", "one", 1, 1))
	c.watch.want("PUBACK packet-id=1")
	c.fleeting.want(`PUBLISH qos=1 topic=plain packet-id=1 payload="one"`)
	c.fleeting.send(&packets.Puback{PacketID: 1})
	c.watch.publish(message("plain", "two", 2, 2), packets.Success)
	c.fleeting.want(`PUBLISH qos=2 topic=plain packet-id=2 payload="two"`)
	c.fleeting.send(&packets.Pubrec{PacketID: 2})
	c.fleeting.want("PUBREL packet-id=2")
	c.fleeting.send(&packets.Pubcomp{PacketID: 2})
	c.fleeting.subscribe("other", 1, packets.GrantedQoS1)
	c.watch.connect(packets.V5, "guest", false, packets.Success)
}

// returns is a client that comes back to what was stored, up to where an answer needs
// the store.
func (w *world) returns() *peer {
	w.Helper()
	p := w.connect(packets.V5, "absent", true, packets.Success)
	p.want(`PUBLISH qos=1 topic=kept/1 packet-id=1 payload="before 1"`, `PUBLISH qos=2 topic=kept/1 packet-id=2 payload="before 2"`)
	p.send(&packets.Puback{PacketID: 1}, &packets.Pubrec{PacketID: 2})
	p.quiet()
	return p
}

// Shutdown and Close come to an end while the disk fails. What was acknowledged is
// there with the next start, and what was not is not denied by anybody.
func TestShutdownInAnOutage(t *testing.T) {
	for _, f := range faults {
		for _, at := range f.at {
			t.Run(f.name+"/"+names[at], func(t *testing.T) {
				d := newBadDisk()
				w := begin(t, at, d)
				w.connect(packets.V5, "ledger", true, packets.Success).subscribe("kept", 1, packets.GrantedQoS1)
				p := w.connect(packets.V311, "old", true, packets.Success)
				p.publish(message("kept", "before", 1, 1), packets.Success)
				d.fault.Store(&f)
				p.send(message("kept", "never", 1, 2))
				w.log.await(t, `msg="the store cannot write"`, 1)
				w.end(10 * moment)
				if x, err := p.within(patience); err == nil {
					t.Errorf("unexpected %v", x)
				}
				w.leave()
				log := newLog()
				_, err := disk.Open("/data", disk.Options{Durability: at, FS: d, Logger: slog.New(slog.NewTextHandler(log, nil))})
				if text, _ := log.now(); !errors.Is(err, f.err) || text != "" {
					t.Errorf("Open in the outage: %v\n%s", err, text)
				}
				d.fault.Store(nil)
				w = begin(t, at, d.after(at))
				defer w.end(patience)
				defer w.leave()
				ledger := w.connect(packets.V5, "ledger", true, packets.Success)
				if got := ledger.takes(1, 0); got[0] != "before" {
					t.Errorf("%q", got)
				}
			})
		}
	}
}
