package main

import (
	"context"
	"strings"
	"testing"

	"github.com/fletchmq/fletch/packets"
)

const (
	once  = packets.AtLeastOnce
	twice = packets.ExactlyOnce
)

// book is a ledger that is fed by hand.
type book struct{ *ledger }

// subscribe is SUBSCRIBE and SUBACK.
func (b book) subscribe(client, filter string, qos packets.QoS) {
	b.subscribing(client, filter, qos)
	b.subscribed(client, filter)
}

// send sends so many messages that are never acknowledged.
func (b book) send(topic string, qos packets.QoS, n int) {
	for range n {
		b.sending("p", topic, qos, false)
	}
}

// ack is PUBACK, or PUBREC and PUBCOMP, of these.
func (b book) ack(topic string, numbers ...int) {
	for _, n := range numbers {
		b.accepted(topic, n)
		b.finished(topic, n)
	}
}

// deliver delivers these, in this order.
func (b book) deliver(client, topic string, qos packets.QoS, numbers ...int) {
	for _, n := range numbers {
		b.delivered(client, topic, n, qos)
	}
}

// end is when nothing more comes.
func (b book) end() { b.lost("") }

// TestLedger: each rule is kept by what brokers may do, and broken by what they must
// not. The rule that is broken is the want; "" is none.
func TestLedger(t *testing.T) {
	for _, c := range []struct {
		name, want string
		events     func(b book)
	}{
		{"all well at QoS 2", "", func(b book) {
			b.subscribe("s", "t/+", twice)
			b.send("t/a", twice, 3)
			b.deliver("s", "t/a", twice, 1)
			b.ack("t/a", 1, 2, 3)
			b.deliver("s", "t/a", twice, 2, 3)
		}},
		{"lost at QoS 1", "lost", func(b book) {
			b.subscribe("s", "t/+", once)
			b.send("t/a", once, 2)
			b.ack("t/a", 1, 2)
			b.deliver("s", "t/a", once, 1)
		}},
		{"PUBREC is enough", "lost", func(b book) {
			b.subscribe("s", "t/+", once)
			b.send("t/a", twice, 1)
			b.accepted("t/a", 1)
		}},
		{"lost for one of two", "lost", func(b book) {
			b.subscribe("s", "t/+", once)
			b.subscribe("other", "#", once)
			b.send("t/a", once, 1)
			b.ack("t/a", 1)
			b.deliver("s", "t/a", once, 1)
		}},
		{"not acknowledged, not there", "", func(b book) {
			b.subscribe("s", "t/+", once)
			b.send("t/a", once, 2)
			b.ack("t/a", 1)
			b.deliver("s", "t/a", once, 1)
		}},
		{"sent before SUBACK", "", func(b book) {
			b.subscribing("s", "t/+", once)
			b.send("t/a", once, 1)
			b.subscribed("s", "t/+")
			b.ack("t/a", 1)
		}},
		{"subscription lost", "lost", func(b book) {
			b.subscribe("s", "t/+", once)
			b.leaving("s", "t/+")
			b.unsubscribed("s", "t/+")
			b.subscribe("s", "t/+", once)
			b.send("t/a", once, 1)
			b.ack("t/a", 1)
		}},
		{"again at QoS 1", "", func(b book) {
			b.subscribe("s", "t/+", once)
			b.send("t/a", once, 3)
			b.ack("t/a", 1, 2, 3)
			b.deliver("s", "t/a", once, 1, 2, 1, 2, 3)
		}},
		{"again at QoS 2", "delivered twice", func(b book) {
			b.subscribe("s", "t/+", twice)
			b.send("t/a", twice, 2)
			b.ack("t/a", 1, 2)
			b.deliver("s", "t/a", twice, 1, 2, 1)
		}},
		{"again at QoS 2 before PUBREC", "delivered twice", func(b book) {
			b.subscribe("s", "t/+", twice)
			b.send("t/a", twice, 1)
			b.deliver("s", "t/a", twice, 1, 1)
		}},
		{"one passes another", "passed over", func(b book) {
			b.subscribe("s", "t/+", once)
			b.send("t/a", once, 2)
			b.ack("t/a", 1, 2)
			b.deliver("s", "t/a", once, 2)
		}},
		{"order of what is not acknowledged", "out of order", func(b book) {
			b.subscribe("s", "t/+", twice)
			b.send("t/a", twice, 2)
			b.deliver("s", "t/a", twice, 2, 1)
		}},
		{"sent again after SUBACK", "", func(b book) {
			b.subscribing("s", "t/+", once)
			b.send("t/a", once, 2)
			b.deliver("s", "t/a", once, 2) // it was subscribed between 1 and 2
			b.subscribed("s", "t/+")
			b.deliver("s", "t/a", once, 1, 2)
		}},
		{"streams know no order", "", func(b book) {
			b.subscribe("s", "t/+", once)
			b.send("t/a", once, 1)
			b.send("t/b", once, 1)
			b.ack("t/a", 1)
			b.ack("t/b", 1)
			b.deliver("s", "t/b", once, 1)
			b.deliver("s", "t/a", once, 1)
		}},
		{"nor do members", "", func(b book) {
			b.subscribe(together, "$share/group/t/+", twice)
			b.send("t/a", twice, 2)
			b.ack("t/a", 1, 2)
			b.deliver(together, "t/a", twice, 2, 1)
		}},
		{"two members", "delivered twice", func(b book) {
			b.subscribe(together, "$share/group/t/+", twice)
			b.send("t/a", twice, 1)
			b.deliver(together, "t/a", twice, 1, 1)
		}},
		{"no member", "lost", func(b book) {
			b.subscribe(together, "$share/group/t/+", twice)
			b.send("t/a", twice, 1)
			b.ack("t/a", 1)
		}},
		{"never sent", "from nowhere", func(b book) {
			b.subscribe("s", "t/+", once)
			b.send("t/a", once, 1)
			b.deliver("s", "t/a", once, 2)
		}},
		{"another filter", "not subscribed", func(b book) {
			b.subscribe("s", "t/b", once)
			b.send("t/a", once, 1)
			b.deliver("s", "t/a", once, 1)
		}},
		{"sent after UNSUBACK", "not subscribed", func(b book) {
			b.subscribe("s", "t/+", once)
			b.leaving("s", "t/+")
			b.unsubscribed("s", "t/+")
			b.send("t/a", once, 1)
			b.deliver("s", "t/a", once, 1)
		}},
		{"sent before UNSUBACK", "", func(b book) {
			b.subscribe("s", "t/+", once)
			b.leaving("s", "t/+")
			b.send("t/a", once, 2)
			b.unsubscribed("s", "t/+")
			b.ack("t/a", 1, 2)
			b.deliver("s", "t/a", once, 1)
		}},
		{"complete before it left", "lost", func(b book) {
			b.subscribe("s", "t/+", once)
			b.send("t/a", once, 1)
			b.ack("t/a", 1)
			b.leaving("s", "t/+")
		}},
		{"downgraded", "", func(b book) {
			b.subscribe("s", "t/+", once)
			b.send("t/a", twice, 1)
			b.deliver("s", "t/a", once, 1)
		}},
		{"not downgraded", "wrong QoS", func(b book) {
			b.subscribe("s", "t/+", once)
			b.send("t/a", twice, 1)
			b.deliver("s", "t/a", twice, 1)
		}},
		{"session kept", "", func(b book) {
			b.connecting("c")
			b.connecting("c") // no CONNACK came for the first
			b.connected("c", true)
			b.connecting("c")
			b.connected("c", true)
		}},
		{"session not acknowledged", "", func(b book) {
			b.connecting("c")
			b.connecting("c")
			b.connected("c", false)
		}},
		{"session gone", "session lost", func(b book) {
			b.connecting("c")
			b.connected("c", false)
			b.connecting("c")
			b.connected("c", false)
		}},
		{"session that nobody has asked for", "session from nowhere", func(b book) {
			b.connecting("c")
			b.connected("c", true)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, broke := context.WithCancelCause(context.Background())
			b := book{newLedger(broke)}
			c.events(b)
			b.end()
			b.expect(t, c.want)
		})
	}
}

// expect is that this rule is the first that was broken.
func (b book) expect(t *testing.T, rule string) {
	t.Helper()
	switch {
	case rule == "" && len(b.broken) > 0:
		t.Errorf("broken: %v", b.broken)
	case rule != "" && (len(b.broken) == 0 || b.broken[0].rule != rule):
		t.Errorf("broken: %v, expected %q", b.broken, rule)
	}
}

// TestRetained: what a fresh subscriber may be sent when number 1 to 3 were set, 4
// cleared, 5 and 6 were set, and those up to acknowledged are.
func TestRetained(t *testing.T) {
	const none = 0
	for _, c := range []struct {
		acknowledged int
		may, mayNot  []int
	}{
		{0, []int{none, 1, 2, 3, 5, 6}, []int{4, 7}},
		{1, []int{none, 1, 2, 3, 5, 6}, nil},
		{2, []int{none, 2, 3, 5, 6}, []int{1}},
		{4, []int{none, 5, 6}, []int{3, 4}},
		{5, []int{5, 6}, []int{none, 1, 4}},
		{6, []int{6}, []int{none, 5, 7}},
	} {
		check := func(number int, want string) {
			_, broke := context.WithCancelCause(context.Background())
			b := book{newLedger(broke)}
			for n := range 6 {
				b.sending("p", "r", once, n+1 == 4)
			}
			for n := range c.acknowledged {
				b.ack("r", n+1)
			}
			got := map[string]int{}
			if number != none {
				got["r"] = number
			}
			b.retained("s", []string{"r"}, got)
			b.expect(t, want)
			if lacks := b.lacksRetained([]string{"r"}, got); lacks != (want != "" && number == none) {
				t.Errorf("with %d acknowledged and %d there, something is missing: %v", c.acknowledged, number, lacks)
			}
		}
		for _, number := range c.may {
			check(number, "")
		}
		for _, number := range c.mayNot {
			check(number, "retained")
		}
	}
}

// TestBacklog: publishers wait while a receiver has to get much.
func TestBacklog(t *testing.T) {
	_, broke := context.WithCancelCause(context.Background())
	b := book{newLedger(broke)}
	b.subscribe("s", "t/+", once)
	b.send("t/a", once, 3)
	b.deliver("s", "t/a", once, 1)
	b.ack("t/a", 1, 2, 3)
	if got := b.backlog(); got != 2 {
		t.Errorf("backlog is %d, expected the 2 that have not come", got)
	}
	if !b.missing("s") || b.missing("other") {
		t.Error("only s has to get more")
	}
	b.deliver("s", "t/a", once, 2, 3)
	if got := b.backlog(); got != 0 || b.missing("") {
		t.Errorf("backlog is %d when all has come", got)
	}
}

func TestPayload(t *testing.T) {
	var p packets.Publish
	p.Topic = []byte("t/a")
	fill(&p, packets.V5, 7, 100)
	for name, change := range map[string]func(p *packets.Publish){
		"payload":  func(p *packets.Publish) { p.Payload[50]++ },
		"number":   func(p *packets.Publish) { p.Payload[7]++ },
		"shorter":  func(p *packets.Publish) { p.Payload = p.Payload[:20] },
		"empty":    func(p *packets.Publish) { p.Payload = nil },
		"topic":    func(p *packets.Publish) { p.Topic = []byte("t/b") },
		"property": func(p *packets.Publish) { p.Props.SetContentType([]byte("text")) },
	} {
		changed := packets.Publish{Topic: p.Topic, Payload: append([]byte(nil), p.Payload...), Props: p.Props}
		if n, ok := numberOf(&changed, packets.V5); n != 7 || !ok {
			t.Fatalf("number %d, intact %v", n, ok)
		}
		change(&changed)
		if _, ok := numberOf(&changed, packets.V5); ok {
			t.Errorf("%s has changed, and nobody sees it", name)
		}
	}
}

// TestMemory: a broker that stores nothing fails.
func TestMemory(t *testing.T) {
	err := run(t.Context(), options{kills: 3, seed: 1, durability: "memory", data: t.TempDir()})
	if err == nil || !strings.Contains(err.Error(), "session lost") {
		t.Errorf("got %v, expected a lost session", err)
	}
}
