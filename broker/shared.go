package broker

import (
	"fmt"
	"hash/maphash"
	"slices"
	"sync"

	"github.com/fletchmq/fletch/broker/journal"
	"github.com/fletchmq/fletch/broker/session"
	"github.com/fletchmq/fletch/broker/topics"
	"github.com/fletchmq/fletch/packets"
)

// Sharing is how a shared subscription chooses who of its members gets a
// message, section 4.8.2. Members that are absent get none while another is
// there.
type Sharing uint8

// The ways of sharing.
const (
	RoundRobin    Sharing = iota // one after the other
	LeastInFlight                // who has the fewest messages waiting or not acknowledged
	HashClient                   // always the same for one publisher
	HashTopic                    // always the same for one topic name
	Sticky                       // the same for all, as long as it is there
	endOfSharing
)

// String is the name of the constant.
func (s Sharing) String() string {
	names := [...]string{"RoundRobin", "LeastInFlight", "HashClient", "HashTopic", "Sticky"}
	if int(s) < len(names) {
		return names[s]
	}
	return fmt.Sprintf("Sharing(%d)", uint8(s))
}

// group is a shared subscription: a share name with a topic filter. It is in the
// tree while it has a member.
type group struct {
	b       *Broker
	sharing Sharing
	filter  string // $share and all
	number  uint64 // of all there ever were

	mu      sync.Mutex
	members []topics.Subscription[*client] // in the order of joining
	turn    int                            // the member that is next, or that is stuck to
}

// shares are all groups by their filter, $share and all.
type shares struct {
	mu     sync.Mutex
	groups map[string]*group
}

// members is how many there are, in all groups.
func (s *shares) members() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range s.groups {
		g.mu.Lock()
		n += len(g.members)
		g.mu.Unlock()
	}
	return n
}

// share makes s one of the group of a filter "$share/name/topics".
func (b *Broker) share(filter string, s topics.Subscription[*client]) {
	name, rest, _ := packets.SplitShared(filter)
	b.shares.mu.Lock()
	defer b.shares.mu.Unlock()
	g := b.shares.groups[filter]
	if g == nil {
		sharing, ok := b.config.SharingOf[name]
		if !ok {
			sharing = b.config.Sharing
		}
		g = &group{b: b, sharing: sharing, filter: filter, number: b.lastID.Add(1)}
		b.shares.groups[filter] = g
	}
	g.join(s)
	b.shared.Subscribe(rest, topics.Subscription[*group]{ID: g.number, Subscriber: g})
}

// unshare undoes share.
func (b *Broker) unshare(filter string, cl *client) {
	_, rest, _ := packets.SplitShared(filter)
	b.shares.mu.Lock()
	defer b.shares.mu.Unlock()
	g := b.shares.groups[filter]
	if g != nil && g.part(cl) == 0 {
		delete(b.shares.groups, filter)
		b.shared.Unsubscribe(rest, g.number)
	}
}

// rehome gives what waits for cl, which goes, to members that are there. What was
// sent stays with cl [MQTT-4.8.2-4] [MQTT-4.8.2-6]. It is for who has cl.filters.
func (b *Broker) rehome(cl *client, t *session.Turn) {
	groups := make(map[session.Group]bool)
	b.shares.mu.Lock()
	for filter := range cl.filters.all() {
		if g := b.shares.groups[filter]; g != nil && g.attended() {
			groups[g] = true
		}
	}
	b.shares.mu.Unlock()
	if len(groups) > 0 {
		b.adopt(cl, cl.out.Strays(groups), t)
	}
}

// adopt finds new receivers for what was for cl. It may wait for the store.
func (b *Broker) adopt(cl *client, orphans []session.Orphan, t *session.Turn) {
	for _, x := range orphans {
		m := x.Message
		if m == nil {
			var err error
			if m, _, err = session.Read(b.journal, &x.Kept, nil); err != nil {
				b.config.Logger.Error("message of a shared subscription not passed on", "client", cl.id, "error", err)
				continue
			}
		}
		x.Group.Pass(m, t)
		m.Release()
		b.forget(cl, &x.Kept)
	}
}

// forget drops what was kept for cl and has been passed on, behind what that has put in.
func (b *Broker) forget(cl *client, k *session.Kept) {
	if k.Sequence != 0 {
		b.journal.Begin().Drop(journal.Ref{Sequence: k.Sequence, Shared: k.Shared}, cl.number)
		b.journal.End()
	}
}

// store is the way of m to one member that is stored.
func (b *Broker) store(m *session.Message, to *topics.Subscription[*client], g *group, t *session.Turn) {
	l := letterOf(m)
	l.moves = true
	l.add(to.Subscriber, to.Options, g)
	b.put(l, t, 0)
}

func (g *group) attended() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.ContainsFunc(g.members, func(s topics.Subscription[*client]) bool { return s.Subscriber.out.Attached() })
}

func (g *group) join(s topics.Subscription[*client]) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if i := g.find(s.Subscriber); i >= 0 {
		g.members[i] = s // [MQTT-3.8.4-3]
		return
	}
	g.members = append(g.members, s)
}

// part gives how many members are left.
func (g *group) part(cl *client) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	if i := g.find(cl); i >= 0 {
		g.members = slices.Delete(g.members, i, i+1)
		if i < g.turn {
			g.turn--
		}
	}
	return len(g.members)
}

func (g *group) find(cl *client) int {
	return slices.IndexFunc(g.members, func(s topics.Subscription[*client]) bool { return s.Subscriber == cl })
}

// Pass gives m to one of the members, and reports whether there is one. Who
// turns out to have ended its session is none any more.
func (g *group) Pass(m *session.Message, t *session.Turn) bool {
	for {
		s, ok := g.pick(m)
		if !ok {
			return false
		}
		if s.Subscriber.out.Stored() && min(s.QoS, m.Publish.QoS) > 0 {
			g.b.store(m, &s, g, t)
			return true
		}
		if g.b.deliver(m, s.Subscriber, s.Options, g, t) != session.Gone || min(s.QoS, m.Publish.QoS) == 0 { // [MQTT-4.8.2-3]
			return true
		}
		g.part(s.Subscriber)
	}
}

func (g *group) pick(m *session.Message) (s topics.Subscription[*client], ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.members) == 0 {
		return s, false
	}
	i := g.choose(m)
	if !takes(&g.members[i], m) {
		if j, ok := g.roomy(m, i); ok {
			i = j
		}
	}
	return g.members[i], true
}

// hasRoom reports whether pick finds a member that has room for m, or none at all.
func (g *group) hasRoom(m *session.Message) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.members) == 0 {
		return true
	}
	_, ok := g.roomy(m, 0)
	return ok
}

// roomy is the first from i on that has room for m, of those who are there, or of
// all if none is.
func (g *group) roomy(m *session.Message, i int) (int, bool) {
	there := g.members[g.present(i)].Subscriber.out.Attached()
	for k := range g.members {
		j := (i + k) % len(g.members)
		if s := &g.members[j]; s.Subscriber.out.Attached() == there && takes(s, m) {
			return j, true
		}
	}
	return 0, false
}

// takes reports whether the member has room for m.
func takes(s *topics.Subscription[*client], m *session.Message) bool {
	return s.Subscriber.out.HasRoom(m, min(s.QoS, m.Publish.QoS))
}

var seed = maphash.MakeSeed()

// choose is the member that is to get m. There is at least one.
func (g *group) choose(m *session.Message) int {
	n := len(g.members)
	switch g.sharing {
	case LeastInFlight:
		return g.least()
	case HashClient:
		return g.present(int(maphash.String(seed, m.From) % uint64(n)))
	case HashTopic:
		return g.present(int(maphash.Bytes(seed, m.Publish.Topic) % uint64(n)))
	case Sticky:
		g.turn = g.present(g.turn % n)
		return g.turn
	}
	i := g.present(g.turn % n)
	g.turn = (i + 1) % n
	return i
}

// present is the first from i on that is there, or i if none is.
func (g *group) present(i int) int {
	for k := range g.members {
		if j := (i + k) % len(g.members); g.members[j].Subscriber.out.Attached() {
			return j
		}
	}
	return i
}

// least is who has the least to do; among equals they take turns.
func (g *group) least() (best int) {
	n := len(g.members)
	fewest, attached := 0, false
	for k := range n {
		j := (g.turn + k) % n
		out := g.members[j].Subscriber.out
		there, load := out.Attached(), out.Load()
		if k == 0 || there && !attached || there == attached && load < fewest {
			best, fewest, attached = j, load, there
		}
	}
	g.turn = (best + 1) % n
	return best
}
