package session

import (
	"slices"
	"testing"

	"github.com/fletchmq/fletch/packets"
)

// Retained messages that are looked up while their subscription ends do not come.
func TestExpandAfterCancel(t *testing.T) {
	o, l := open(1000, 10)
	o.Replay(Replay{Filter: "f", Terms: Terms{QoS: 1}}, new(Turn))
	var b Batch
	if l.Take(&b); b.Replay == nil {
		t.Fatal("nothing is looked up")
	}
	o.Cancel("f")
	o.Expand(b.Replay, []*Message{text("f", "x", 1)}, nil, "", new(Turn))
	if l.Take(&b) != Idle {
		t.Errorf("took %q", payloads(&b))
	}
	l.Close(nil, false, new(Turn))
}

// What is revoked is not sent again, and takes no room any more: neither for what
// waits nor for what may be under way.
func TestRevoke(t *testing.T) {
	one := text("bad", "x", 1)
	defer one.Release()
	o := NewOutbox(NewBudget(Limits{Messages: 100, Bytes: 5 * one.Cost()}))
	l := attach(o, 2)
	for i, topic := range []string{"bad", "bad", "bad", "good"} {
		m := text(topic, string(rune('0'+i)), 1+packets.QoS(i%2))
		if p, _ := o.Push(m, Terms{QoS: m.Publish.QoS}, new(Turn)); p != Queued {
			t.Fatal(p)
		}
		m.Release()
	}
	var b Batch
	if l.Take(&b); !slices.Equal(payloads(&b), []string{"0", "1"}) { // the Receive Maximum
		t.Fatal("not what can be sent")
	}
	l.Close(nil, false, new(Turn))
	o.Revoke(func(m *Message, _ Group, _ bool) bool { return string(m.Publish.Topic) == "good" })
	if n, bytes := waiting(o); n != 1 || bytes != one.Cost()+1 || o.inFlight != 0 {
		t.Errorf("%d messages, %d bytes wait, %d are under way", n, bytes, o.inFlight)
	}
	if d := o.Figures().Drops; d != (Drops{NotAuthorized: 1}) {
		t.Errorf("drops %v", d)
	}
	l = o.Attach(Peer{Version: packets.V5, ReceiveMaximum: 2}, &packets.Connack{}, nobody{}, new(Turn))
	l.Take(&b)
	if rel := b.Control[5:]; !slices.Equal(rel, []byte{0x62, 2, 0, 2}) { // behind CONNACK
		t.Errorf("%x is sent first, want PUBREL", rel)
	}
	if got := payloads(&b); !slices.Equal(got, []string{"3"}) {
		t.Errorf("%q are sent", got)
	}
	o.Pubcomp(2, new(Turn))
	l.Close(nil, false, new(Turn))
	o.End()
}
