package flow

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/fletchmq/fletch/packets"
)

// [MQTT-3.3.2-7] [MQTT-3.3.2-8] [MQTT-3.3.2-10] [MQTT-3.3.2-12]
func TestAliasIn(t *testing.T) {
	var a AliasIn
	resolve := func(alias uint16, topic, want string, reason packets.ReasonCode) {
		t.Helper()
		got, r := a.Resolve(alias, []byte(topic))
		if string(got) != want || r != reason {
			t.Errorf("alias %d with %q is %q, %#x; want %q, %#x", alias, topic, got, r, want, reason)
		}
	}
	resolve(1, "t", "", packets.TopicAliasInvalid) // none announced
	a.Reset(3)
	resolve(0, "t", "", packets.TopicAliasInvalid)
	resolve(4, "t", "", packets.TopicAliasInvalid)
	resolve(3, "", "", packets.ProtocolError)
	resolve(3, "three", "three", packets.Success)
	resolve(1, "", "", packets.ProtocolError)
	resolve(2, "", "", packets.ProtocolError)
	resolve(1, "one", "one", packets.Success)
	resolve(3, "", "three", packets.Success)
	resolve(3, "3", "3", packets.Success)
	resolve(3, "", "3", packets.Success)
	resolve(1, "", "one", packets.Success)
	a.Reset(3)
	resolve(1, "", "", packets.ProtocolError)
}

func TestAliasInKeepsCopies(t *testing.T) {
	var a AliasIn
	a.Reset(2)
	topic := []byte("a/b")
	a.Resolve(1, topic)
	copy(topic, "xxx")
	if got, _ := a.Resolve(1, nil); string(got) != "a/b" {
		t.Errorf("alias 1 is %q", got)
	}
}

// peer is the other end: what it knows is what it has been sent.
type peer struct {
	out AliasOut
	in  AliasIn
}

// send gives the alias; the peer must understand the topic.
func (p *peer) send(t *testing.T, topic string) (alias uint16, known bool) {
	t.Helper()
	alias, known = p.out.Use([]byte(topic))
	if alias == 0 {
		if known {
			t.Errorf("no alias is known")
		}
		return 0, false
	}
	sent := topic
	if known {
		sent = ""
	}
	if got, reason := p.in.Resolve(alias, []byte(sent)); string(got) != topic || reason != 0 {
		t.Fatalf("%q with alias %d arrives as %q, %#x", topic, alias, got, reason)
	}
	return alias, known
}

func (p *peer) connect(maximum uint16) {
	p.out.Reset(maximum)
	p.in.Reset(maximum)
}

// [MQTT-3.2.2-17] [MQTT-3.3.2-7] [MQTT-3.3.2-8] [MQTT-3.3.2-9] [MQTT-3.3.2-11]
func TestAliasOut(t *testing.T) {
	var p peer
	if alias, _ := p.send(t, "some/topic"); alias != 0 {
		t.Errorf("alias %d before the peer allows any", alias)
	}
	p.connect(2)
	a, known := p.send(t, "topic/a")
	if a == 0 || known {
		t.Errorf("first use: %d, %v", a, known)
	}
	if again, known := p.send(t, "topic/a"); again != a || !known {
		t.Errorf("second use: %d, %v", again, known)
	}
	p.send(t, "topic/b")
	if alias, _ := p.send(t, "topic/c"); alias != 0 {
		t.Errorf("third topic has alias %d of 2", alias)
	}
	if alias, _ := p.send(t, "abc"); alias != 0 {
		t.Error("an alias that is longer than its topic")
	}
	p.connect(2)
	if _, known := p.send(t, "topic/a"); known {
		t.Error("alias outlives its connection")
	}
}

func TestAliasOutForget(t *testing.T) {
	var p peer
	p.connect(4)
	a, _ := p.out.Use([]byte("topic/a")) // the PUBLISH is dropped
	p.out.Forget(a)
	if _, known := p.send(t, "topic/a"); known {
		t.Error("peer is thought to know what was not sent")
	}
	if _, known := p.send(t, "topic/a"); !known {
		t.Error("forgotten twice")
	}
	p.out.Forget(0)
	p.out.Forget(99)
}

// Whatever is sent is understood, however aliases change hands.
func TestAliasOutIsUnderstood(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for _, maximum := range []uint16{1, 2, 7, 64, 65535} {
		var p peer
		p.connect(maximum)
		for range 50_000 {
			topic := fmt.Sprintf("topic/%d", int(rnd.ExpFloat64()*20))
			if rnd.IntN(20) == 0 {
				alias, _ := p.out.Use([]byte(topic))
				p.out.Forget(alias)
				continue
			}
			if alias, _ := p.send(t, topic); alias > maximum {
				t.Fatalf("alias %d of %d", alias, maximum)
			}
		}
	}
}

// Those used most have an alias, when others come once and when favour changes.
func TestAliasOutGoesToTheBusy(t *testing.T) {
	var p peer
	p.connect(8)
	for i := range 16 {
		p.send(t, fmt.Sprintf("once/before/%d", i))
	}
	for phase := range 3 {
		hits, uses := 0, 0
		for i := range 20_000 {
			p.send(t, fmt.Sprintf("once/%d/%d", phase, i))
			_, known := p.send(t, fmt.Sprintf("busy/%d/%d", phase, i%6))
			if i > 2_000 {
				uses++
				hits += b2i(known)
			}
		}
		if hits < uses*99/100 {
			t.Errorf("phase %d: busy topics had an alias %d of %d times", phase, hits, uses)
		}
	}
}
