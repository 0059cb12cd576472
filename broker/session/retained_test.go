package session

import (
	"testing"
	"time"

	"github.com/fletchmq/fletch/packets"
)

// A retained message comes out as it went in, and shares no memory with it.
func TestRetained(t *testing.T) {
	p := packets.Publish{Topic: []byte("a/b"), QoS: packets.ExactlyOnce, Retain: true, Payload: make([]byte, 300)}
	p.Props.SetContentType([]byte("text"))
	p.Props.AddUserProperty([]byte("k"), []byte("v"))
	m := NewMessage(&p)
	m.From = "publisher"
	r := RetainedOf(m, 1<<40)
	cost := m.Cost()
	clear(m.frame.Bytes())
	m.Release()
	expires := time.Now().Add(time.Minute)
	got := r.Message(expires)
	defer got.Release()
	want := p.AppendTo(nil, packets.V5)
	got.Publish.Dup, got.Publish.PacketID = false, 0
	if s := string(got.Publish.AppendTo(nil, packets.V5)); s != string(want) {
		t.Errorf("%q, want %q", s, want)
	}
	if r.Topic() != "a/b" || r.Sequence() != 1<<40 || r.Cost() != cost || got.Cost() != cost {
		t.Error(r.Topic(), r.Sequence(), r.Cost(), got.Cost())
	}
	if got.From != "publisher" || !got.ExpiresAt().Equal(expires) {
		t.Error(got.From, got.ExpiresAt())
	}
}
