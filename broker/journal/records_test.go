package journal

import (
	"bytes"
	"math"
	"reflect"
	"testing"
	"time"

	"github.com/fletchmq/fletch/broker/store"
	"github.com/fletchmq/fletch/packets"
)

// collected is what a Load has given, with the sessions that there are.
type collected struct {
	known         map[uint64]bool
	all           bool // every session is known
	sessions      []Session
	subscriptions map[uint64][]Subscription
	replays       map[uint64][]Replay
	held          map[uint64][]uint16
	exchanges     map[uint64][][2]uint64
	retained      []Message
	messages      map[uint64][]letter
}

// letter is a message of one session.
type letter struct {
	Ref     Ref
	Terms   Terms
	Expires time.Time
}

func collect(known ...uint64) *collected {
	c := &collected{
		known:         make(map[uint64]bool),
		subscriptions: make(map[uint64][]Subscription),
		replays:       make(map[uint64][]Replay),
		held:          make(map[uint64][]uint16),
		exchanges:     make(map[uint64][][2]uint64),
		messages:      make(map[uint64][]letter),
	}
	for _, n := range known {
		c.known[n] = true
	}
	return c
}

func (c *collected) Session(s *Session) {
	own := *s
	if w := s.Will; w != nil {
		will := *w
		will.Message = clone(&w.Message)
		own.Will = &will
	}
	c.sessions = append(c.sessions, own)
}

func (c *collected) Subscription(n uint64, s *Subscription) bool {
	c.subscriptions[n] = append(c.subscriptions[n], *s)
	return c.all || c.known[n]
}

func (c *collected) Replay(n uint64, r *Replay) bool {
	c.replays[n] = append(c.replays[n], *r)
	return c.all || c.known[n]
}

func (c *collected) Held(n uint64, id uint16) bool {
	c.held[n] = append(c.held[n], id)
	return c.all || c.known[n]
}

func (c *collected) Exchange(n uint64, id uint16, order uint64) bool {
	c.exchanges[n] = append(c.exchanges[n], [2]uint64{uint64(id), order})
	return c.all || c.known[n]
}

func (c *collected) Retained(m *Message) { c.retained = append(c.retained, clone(m)) }

func (c *collected) Message(n uint64, m Ref, t *Terms, _ int, expires time.Time) bool {
	c.messages[n] = append(c.messages[n], letter{m, *t, expires})
	return c.all || c.known[n]
}

func clone(m *Message) Message {
	own := *m
	own.Body = bytes.Clone(m.Body)
	return own
}

// nobody is settle where nobody but Sync waits.
func nobody(int, []any) {}

// put commits what is put in, and gives the store as another process finds it.
func put(t *testing.T, s *store.Memory, in func(j *Journal, g *Group)) *store.Memory {
	t.Helper()
	j := New(s, 1, 1<<20, nobody)
	if err := j.Load(collect(1, 2)); err != nil {
		t.Fatal(err)
	}
	in(j, j.Begin())
	j.End()
	j.Close(nil)
	return s.Restart()
}

func loaded(t *testing.T, s *store.Memory, known ...uint64) *collected {
	t.Helper()
	c := collect(known...)
	j := New(s, 1, 1<<20, nobody)
	if err := j.Load(c); err != nil {
		t.Fatal(err)
	}
	j.Close(nil)
	return c
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s:\n got %+v\nwant %+v", what, got, want)
	}
}

// What is put in comes out of Load with every field, of each kind of record.
func TestRoundTrip(t *testing.T) {
	left := time.UnixMilli(1_700_000_000_123)
	will := packets.Publish{QoS: 2, Retain: true, Topic: []byte("will"), Payload: []byte("gone")}
	sessions := []Session{
		{Number: 1, ClientID: "a", Expiry: math.MaxUint32, Sent: Connected},
		{Number: 2, ClientID: "", Expiry: 1, Left: left, Sent: 1 << 40},
	}
	subscription := Subscription{Filter: "a/+/#", QoS: 2, NoLocal: true, RetainAsPublished: true, Identifiers: []uint32{1, 268435455}}
	replay := Replay{Filter: "#", QoS: 1, Identifiers: []uint32{7}, After: "a/b"}
	s := put(t, new(store.Memory), func(_ *Journal, g *Group) {
		g.Session(&sessions[0], &will, 30)
		g.Session(&sessions[1], nil, 0)
		g.Subscribe(1, &Subscription{Filter: subscription.Filter})
		g.Subscribe(1, &subscription)
		g.Subscribe(1, &Subscription{Filter: "gone"})
		g.Unsubscribe(1, "gone")
		g.Replay(2, &replay)
		g.Replay(2, &Replay{Filter: "gone"})
		g.EndReplay(2, "gone")
		g.Hold(1, 65535)
		g.Hold(1, 3)
		g.Unhold(1, 3)
		g.Release(2, 300, 5)
		g.Release(2, 7, 1<<40)
		g.Release(2, 8, 2)
		g.Complete(2, 8)
		g.Retain(&packets.Publish{QoS: 1, Retain: true, Topic: []byte("kept"), Payload: []byte("x")}, "from", left)
		g.Retain(&packets.Publish{Topic: []byte("gone")}, "", time.Time{})
		g.Unretain([]byte("gone"))
	})
	c := loaded(t, s, 1, 2)
	w := c.sessions[0].Will
	if w == nil || w.Delay != 30 || w.Message.From != "a" || w.Message.QoS != 2 {
		t.Fatalf("will %+v", w)
	}
	same(t, "will", publish(t, &w.Message).String(), "PUBLISH retain topic=will payload=\"gone\"")
	c.sessions[0].Will = nil
	same(t, "sessions", c.sessions, sessions)
	same(t, "subscriptions", c.subscriptions, map[uint64][]Subscription{1: {subscription}})
	same(t, "replays", c.replays, map[uint64][]Replay{2: {replay}})
	same(t, "held", c.held, map[uint64][]uint16{1: {65535}})
	same(t, "exchanges", c.exchanges, map[uint64][][2]uint64{2: {{7, 1 << 40}, {300, 5}}})
	if len(c.retained) != 1 || c.retained[0].From != "from" || !c.retained[0].Expires.Equal(left) || c.retained[0].QoS != 1 {
		t.Fatalf("retained %+v", c.retained)
	}
	same(t, "retained", publish(t, &c.retained[0]).String(), "PUBLISH retain topic=kept payload=\"x\"")
}

// publish is the PUBLISH of a message.
func publish(t *testing.T, m *Message) *packets.Publish {
	t.Helper()
	var p packets.Publish
	if err := p.Decode(m.First, m.Body, packets.V5); err != nil {
		t.Fatal(err)
	}
	return &p
}

// A message is there until the last of those who wait for it has dropped it, with the
// terms of each, and its number is never used again.
func TestMessages(t *testing.T) {
	expires := time.UnixMilli(1_700_000_000_456)
	p := packets.Publish{QoS: 2, Dup: true, PacketID: 9, Topic: []byte("t"), Payload: []byte("payload")}
	p.Props.SetContentType([]byte("text"))
	all := []Terms{
		{QoS: 1, PacketID: 1},
		{QoS: 2, PacketID: 65535, Retain: true, Identifiers: []uint32{1, 2}, Group: "$share/g/t"},
	}
	var sole, shared Ref
	s := put(t, new(store.Memory), func(j *Journal, g *Group) {
		sole = g.Message(j.Next(), &p, "from", expires, []Recipient{{1, all[1]}})
		shared = g.Message(j.Next(), &p, "", time.Time{}, []Recipient{{1, all[0]}, {2, all[1]}})
	})
	c := loaded(t, s, 1, 2)
	same(t, "messages of 1", c.messages[1], []letter{{sole, all[1], expires}, {shared, all[0], time.Time{}}})
	same(t, "messages of 2", c.messages[2], []letter{{shared, all[1], time.Time{}}})

	s = s.Restart()
	j := New(s, 1, 1<<20, nobody)
	m, _, err := j.Read(nil, sole)
	if err != nil || m.From != "from" || m.QoS != 2 || !m.Expires.Equal(expires) {
		t.Fatalf("read %+v: %v", m, err)
	}
	if got := publish(t, &m).String(); got != "PUBLISH topic=t content-type=text payload=\"payload\"" {
		t.Errorf("read %s", got)
	}
	j.Close(nil)

	s = put(t, s.Restart(), func(_ *Journal, g *Group) {
		g.Drop(sole, 1)
		g.Drop(shared, 1)
	})
	c = loaded(t, s, 1, 2)
	same(t, "messages then", c.messages, map[uint64][]letter{2: {{shared, all[1], time.Time{}}}})
	s = put(t, s.Restart(), func(j *Journal, g *Group) {
		g.Drop(shared, 2)
		if next := j.Next(); next <= shared.Sequence {
			t.Errorf("number %d again", next)
		}
	})
	put(t, s, func(j *Journal, _ *Group) {
		if next := j.Next(); next <= shared.Sequence {
			t.Errorf("number %d again when nothing is left", next)
		}
	})
}

// What belongs to a session that is not there is taken out.
func TestOrphans(t *testing.T) {
	p := packets.Publish{Topic: []byte("t")}
	s := put(t, new(store.Memory), func(j *Journal, g *Group) {
		for n := range uint64(2) {
			g.Subscribe(n+1, &Subscription{Filter: "f"})
			g.Replay(n+1, &Replay{Filter: "f"})
			g.Hold(n+1, 1)
			g.Release(n+1, 1, 1)
			g.Message(j.Next(), &p, "", time.Time{}, []Recipient{{n + 1, Terms{QoS: 1, PacketID: 1}}})
		}
		g.Message(j.Next(), &p, "", time.Time{}, []Recipient{{1, Terms{QoS: 1, PacketID: 2}}, {2, Terms{QoS: 1, PacketID: 2}}})
	})
	loaded(t, s, 2)
	c := loaded(t, s.Restart(), 1, 2)
	want := collect(1, 2)
	want.subscriptions[2] = []Subscription{{Filter: "f"}}
	want.replays[2] = []Replay{{Filter: "f"}}
	want.held[2] = []uint16{1}
	want.exchanges[2] = [][2]uint64{{1, 1}}
	want.messages[2] = c.messages[2]
	same(t, "what is left", c, want)
	if len(c.messages[2]) != 2 {
		t.Errorf("messages %v", c.messages[2])
	}
}
