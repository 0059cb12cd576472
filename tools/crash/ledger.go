package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/fletchmq/fletch/packets"
)

// ledger is what clients and the broker have told each other. Its rules:
//
//   - A session that a CONNACK has acknowledged is there at the next CONNECT, and
//     one that nobody has asked for is not.
//   - A message whose PUBACK, PUBREC or PUBCOMP has come arrives at each receiver
//     whose SUBACK had come before the message was sent for the first time.
//   - No message arrives twice that is at QoS 2 all the way. At QoS 1 it may.
//   - Messages of a stream, which is a topic with one publisher at one QoS, arrive
//     in the order in which they were sent: at QoS 1 when each comes first. This is
//     for what was sent after SUBACK: a message sent before may come when it is sent
//     again, behind others. Members of a shared subscription are one receiver, which
//     knows no order.
//   - Nothing arrives that was not sent, in another form than it was sent, or
//     without a subscription that may have been in force.
//   - A topic has the retained message that was acknowledged last, or one sent
//     after that.
//
// What is not acknowledged may be either. The first rule that is broken ends the run.
type ledger struct {
	broke context.CancelCauseFunc

	mu        sync.Mutex
	start     time.Time
	last      moment
	sessions  map[string]*session
	streams   map[string]*stream
	receivers map[string]*receiver
	taken     int // messages acknowledged
	arrived   int // deliveries
	repeated  int // deliveries at QoS 1 that were not the first
	lives     []life
	broken    []violation
}

// moment is when something happened, since the start: no two are the same, and 0
// is never.
type moment time.Duration

func (m moment) String() string {
	if m == 0 {
		return "never"
	}
	return time.Duration(m).Round(time.Microsecond).String()
}

// life is one of the broker.
type life struct{ up, killed moment }

// session is that of a client.
type session struct {
	asked        bool // a CONNECT was sent before the one under way
	acknowledged bool // a CONNACK has come
	connected    moment
}

// stream is the messages of a topic, all of one publisher at one QoS. The first
// has number 1.
type stream struct {
	publisher string
	qos       packets.QoS
	messages  []message
}

type message struct {
	sent  moment // the first PUBLISH is about to be written
	taken moment // PUBACK or PUBREC has come
	done  moment // PUBACK or PUBCOMP has come
	clear bool   // it is retained, and empty
}

// together is the receiver that all members of the shared subscription are.
const together = "members"

// receiver is a subscriber, whatever connection it has.
type receiver struct {
	interests []*interest
	inboxes   map[string]*inbox // by topic
	owed      int               // messages that must come
}

// interest is a subscription, from SUBSCRIBE to UNSUBACK.
type interest struct {
	filter  string
	qos     packets.QoS
	asked   moment // SUBSCRIBE is about to be written
	granted moment // SUBACK has come
	leaving moment // what is acknowledged later need not come
	gone    moment // UNSUBACK has come
}

// inbox is what has come of a stream.
type inbox struct {
	seen    []bool // by number
	newest  int    // the highest number of all
	settled int    // up to this number there is nothing to wait for
}

// mostBroken is how many violations are kept: the first says the most.
const mostBroken = 20

// violation is a rule that was broken.
type violation struct{ rule, client, what string }

func (v violation) String() string { return v.rule + ": " + v.client + ": " + v.what }

func newLedger(broke context.CancelCauseFunc) *ledger {
	return &ledger{
		broke: broke, start: time.Now(),
		sessions: map[string]*session{}, streams: map[string]*stream{}, receivers: map[string]*receiver{},
	}
}

// now is later than any moment before.
func (l *ledger) now() moment {
	l.last = max(l.last+1, moment(time.Since(l.start)))
	return l.last
}

func (l *ledger) breaks(rule, client, format string, args ...any) {
	if len(l.broken) == mostBroken {
		return
	}
	v := violation{rule, client, fmt.Sprintf(format, args...)}
	l.broken = append(l.broken, v)
	l.broke(errors.New(v.String()))
}

// fail is for what is wrong and no rule of the ledger: a client that gets no answer,
// say.
func (l *ledger) fail(client, format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.breaks("conversation", client, format, args...)
}

// up: the broker has accepted somebody. It has been killed before.
func (l *ledger) up() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lives = append(l.lives, life{up: l.now()})
}

// killed: it is about to be.
func (l *ledger) killed() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lives[len(l.lives)-1].killed = l.now()
}

// connecting: a CONNECT is about to be written that begins or resumes a session.
func (l *ledger) connecting(client string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.sessions[client] == nil {
		l.sessions[client] = new(session)
		return
	}
	l.sessions[client].asked = true
}

// connected: its CONNACK has come. What connecting noted is what was before it.
func (l *ledger) connected(client string, present bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.sessions[client]
	switch {
	case s.acknowledged && !present:
		l.breaks("session lost", client, "Session Present is 0, and a CONNACK had acknowledged the session")
	case !s.asked && present:
		l.breaks("session from nowhere", client, "Session Present is 1 at its first CONNECT")
	}
	s.acknowledged, s.connected = true, l.now()
}

// sending is the number of a new message, whose PUBLISH is about to be written.
func (l *ledger) sending(client, topic string, qos packets.QoS, clearing bool) (number int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.streams[topic]
	if s == nil {
		s = &stream{publisher: client, qos: qos}
		l.streams[topic] = s
	}
	s.messages = append(s.messages, message{sent: l.now(), clear: clearing})
	return len(s.messages)
}

// accepted: the first acknowledgement of a message has come, PUBACK or PUBREC.
func (l *ledger) accepted(topic string, number int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	m := &l.streams[topic].messages[number-1]
	m.taken = l.now()
	l.taken++
	for _, r := range l.receivers {
		if r.requires(topic, m) && !r.inbox(topic).has(number) {
			r.owed++
		}
	}
}

// finished: the last acknowledgement of a message has come, PUBACK or PUBCOMP.
func (l *ledger) finished(topic string, number int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.streams[topic].messages[number-1].done = l.now()
}

// delivered: a message has come, with an identifier that the receiver does not hold.
func (l *ledger) delivered(client, topic string, number int, qos packets.QoS) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.arrived++
	r, s := l.receiver(client), l.streams[topic]
	if s == nil || number < 1 || number > len(s.messages) {
		l.breaks("from nowhere", client, "%s %d was never sent", topic, number)
		return
	}
	m := &s.messages[number-1]
	in := r.interestIn(topic, m)
	if in == nil {
		l.breaks("not subscribed", client, "%s", l.entry(r, topic, number))
		return
	}
	if want := min(in.qos, s.qos); qos != want {
		l.breaks("wrong QoS", client, "expected %d, got %d: %s", want, qos, l.entry(r, topic, number))
	}
	box := r.inbox(topic)
	switch seen := box.has(number); {
	case seen && qos == packets.ExactlyOnce:
		l.breaks("delivered twice", client, "%s", l.entry(r, topic, number))
	case seen:
		l.repeated++
		return
	case number < box.newest && in.covers(m) && client != together:
		l.breaks("out of order", client, "after number %d: %s", box.newest, l.entry(r, topic, number))
	}
	for between := box.newest + 1; between < number && client != together; between++ {
		if r.requires(topic, &s.messages[between-1]) {
			l.breaks("passed over", client, "number %d has come instead: %s", number, l.entry(r, topic, between))
			break
		}
	}
	if r.requires(topic, m) {
		r.owed--
	}
	box.add(number)
}
