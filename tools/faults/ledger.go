package main

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/fletchmq/fletch/client"
	"github.com/fletchmq/fletch/packets"
)

// ledger is what publishers were told, and what has come to receivers, all of which had
// subscribed to everything before the first message. A stream is what is published to a
// topic, one after the other. The rules:
//
//   - What was published without an error arrives at each receiver, unless that is
//     fleeting, and what was not sent, as the error says, at none.
//   - Messages of a stream arrive in the order in which they were published: at QoS 1
//     when each comes first. So none is passed over, unless its outcome is unknown.
//   - No message arrives twice that is at QoS 2 all the way.
//   - A publication comes to one end, and only one.
//   - Nothing arrives that was not published.
//
// The first rule that is broken ends the run.
type ledger struct {
	broke context.CancelCauseFunc

	mu        sync.Mutex
	streams   map[string]*stream // by topic
	receivers map[string]*receiver
	completed int  // publications without an error
	unknown   int  // publications that somebody gave up
	arrived   int  // first deliveries
	repeated  int  // deliveries at QoS 1 that were not the first
	final     bool // the last message of each stream is being published, or has been
	broken    []string
}

type stream struct {
	qos     packets.QoS
	last    int           // number of the newest message; the first has 1
	due     int           // of the newest that was published without an error
	open    map[int]bool  // publications that have come to no end
	givenUp map[int]error // the end of those that may not arrive
}

// receiver is a subscriber, whatever connection it has. One that is fleeting has a
// session for each connection, and has to get the last message of each stream alone.
type receiver struct {
	qos      packets.QoS // granted
	fleeting bool
	newest   map[string]int // number, by topic
}

// mostBroken is how many violations are kept: the first says the most.
const mostBroken = 20

func newLedger(broke context.CancelCauseFunc) *ledger {
	return &ledger{broke: broke, streams: map[string]*stream{}, receivers: map[string]*receiver{}}
}

func (l *ledger) breaks(rule, format string, args ...any) {
	if len(l.broken) == mostBroken {
		return
	}
	what := rule + ": " + fmt.Sprintf(format, args...)
	l.broken = append(l.broken, what)
	l.broke(errors.New(what))
}

// fail is for what is wrong and no rule of the ledger.
func (l *ledger) fail(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.breaks("conversation", format, args...)
}

// subscribed: somebody receives from now on.
func (l *ledger) subscribed(name string, qos packets.QoS, fleeting bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.receivers[name] = &receiver{qos: qos, fleeting: fleeting, newest: map[string]int{}}
}

// knows reports whether a receiver has subscribed.
func (l *ledger) knows(name string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.receivers[name] != nil
}

// publishing is the number of a message that is about to be published.
func (l *ledger) publishing(topic string, qos packets.QoS) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.streams[topic]
	if s == nil {
		s = &stream{qos: qos, open: map[int]bool{}, givenUp: map[int]error{}}
		l.streams[topic] = s
	}
	s.last++
	s.open[s.last] = true
	return s.last
}

// published: the publication has come to its end. mayFail is when its caller gave it up.
func (l *ledger) published(topic string, number int, err error, mayFail bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.streams[topic]
	if !s.open[number] {
		l.breaks("completed twice", "%s %d: now %v", topic, number, err)
		return
	}
	delete(s.open, number)
	switch {
	case err == nil:
		s.due = max(s.due, number)
		l.completed++
	case mayFail && (errors.Is(err, client.ErrUnknown) || errors.Is(err, client.ErrNotSent)):
		s.givenUp[number] = err
		l.unknown++
	default:
		l.breaks("failed", "%s %d: %v", topic, number, err)
	}
}

// delivered: a message has come to a receiver, who acknowledges it.
func (l *ledger) delivered(name, topic string, number int, qos packets.QoS) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r, s := l.receivers[name], l.streams[topic]
	if s == nil || number < 1 || number > s.last {
		l.breaks("from nowhere", "to %s: %s %d was never published", name, topic, number)
		return
	}
	if want := min(r.qos, s.qos); qos != want {
		l.breaks("wrong QoS", "to %s: %s %d at %d instead of %d", name, topic, number, qos, want)
	}
	if errors.Is(s.givenUp[number], client.ErrNotSent) {
		l.breaks("sent after all", "to %s: %s %d, of which was said: %v", name, topic, number, s.givenUp[number])
	}
	newest := r.newest[topic]
	switch {
	case number <= newest && qos == packets.ExactlyOnce:
		l.breaks("delivered twice", "to %s: %s %d, after %d", name, topic, number, newest)
	case number <= newest:
		l.repeated++
		return
	}
	for between := newest + 1; between < number && !r.fleeting; between++ {
		if s.givenUp[between] == nil {
			l.breaks("passed over", "to %s: %s %d has come after %d", name, topic, number, newest)
			break
		}
	}
	l.arrived++
	r.newest[topic] = number
}

// backlog is how many messages are to come to the receiver that lacks the most.
func (l *ledger) backlog() (most int, name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for receiver, r := range l.receivers {
		n := 0
		for topic, s := range l.streams {
			n += s.last - r.newest[topic]
		}
		if n > most && !r.fleeting {
			most, name = n, receiver
		}
	}
	return most, name
}

// finally: what is published from now on are the last messages.
func (l *ledger) finally() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.final = true
}

// missing reports whether something must still come, or come to an end.
func (l *ledger) missing() (some bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lacks(func(string, string, ...any) { some = true })
	return some
}

// lost breaks the rule for all that is missing.
func (l *ledger) lost() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lacks(l.breaks)
}

func (l *ledger) lacks(f func(rule, format string, args ...any)) {
	for topic, s := range l.streams {
		for number := range s.open {
			f("never completed", "%s %d", topic, number)
		}
		for name, r := range l.receivers {
			if r.newest[topic] < s.due && (l.final || !r.fleeting) {
				f("lost", "to %s: %s %d and up to %d", name, topic, r.newest[topic]+1, s.due)
			}
		}
	}
}

// count is all that has happened so far.
func (l *ledger) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.completed + l.unknown + l.arrived + l.repeated
}

func (l *ledger) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return fmt.Sprintf("%d messages published, %d given up, %d delivered, %d of QoS 1 again", l.completed, l.unknown, l.arrived, l.repeated)
}
