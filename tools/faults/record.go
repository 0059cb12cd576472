package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/fletchmq/fletch/client"
	"github.com/fletchmq/fletch/packets"
)

// event is a line of a record: what a worker has done. It is written at once, so that
// it is there when the worker is killed after it.
type event struct {
	what   string
	topic  string
	number int
	qos    packets.QoS
	dup    bool
	detail string // an error; of one that is read, the line
}

// What there is in a record.
const (
	publishing = "publishing" // a message is about to be published
	accepted   = "accepted"   // PublishAsync has taken it
	completed  = "completed"  // its Delivery has ended, or Publish, well
	failed     = "failed"     // with an error, in detail
	subscribed = "subscribed" // messages may come
	begins     = "begins"     // a handler has been given a message
	ends       = "ends"       // it is about to return
	killed     = "killed"     // the worker has been, as its parent says
)

func (e event) String() string {
	return fmt.Sprintf("%s %q %d %d %t %q\n", e.what, e.topic, e.number, e.qos, e.dup, e.detail)
}

func (e *event) scan(line string) error {
	_, err := fmt.Sscanf(line, "%s %q %d %d %t", &e.what, &e.topic, &e.number, &e.qos, &e.dup)
	if err != nil {
		return fmt.Errorf("record: %q: %w", line, err)
	}
	e.detail = line
	return nil
}

// record is a file of events.
type record struct {
	file *os.File
	at   int64  // to be read from there
	left []byte // read, and no whole line yet
}

// openRecord opens a record to be read from its beginning, and continued.
func openRecord(name string) (*record, error) {
	file, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	return &record{file: file}, nil
}

func (r *record) add(e event) {
	if _, err := r.file.WriteString(e.String()); err != nil {
		panic(err) // without a record there is nothing to prove
	}
}

// read is what has been added since it was read last.
func (r *record) read() (events []event, err error) {
	buf := make([]byte, 64<<10)
	for {
		n, err := r.file.ReadAt(buf, r.at)
		r.at += int64(n)
		r.left = append(r.left, buf[:n]...)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	for {
		line, rest, whole := bytes.Cut(r.left, []byte("\n"))
		if !whole {
			return events, nil
		}
		var e event
		if err := e.scan(string(line)); err != nil {
			return nil, err
		}
		events, r.left = append(events, e), rest
	}
}

// publications enters what a publisher has recorded into the ledger. What was accepted
// has to arrive, whoever is killed.
type publications struct {
	*ledger
	open map[string]int // by topic: the message that is being published
}

func (p *publications) enter(e event) {
	switch e.what {
	case publishing:
		if n := p.publishing(e.topic, e.qos); n != e.number {
			p.fail("record: %s %d instead of %d", e.topic, e.number, n)
		}
		p.open[e.topic] = e.number
	case accepted:
		p.published(e.topic, e.number, nil, false)
		delete(p.open, e.topic)
	case completed:
		if p.open[e.topic] == e.number {
			p.enter(event{what: accepted, topic: e.topic, number: e.number})
		}
	case failed:
		p.fail("%s", e.detail)
	case killed:
		for topic, number := range p.open {
			p.published(topic, number, client.ErrUnknown, true)
		}
		clear(p.open)
	}
}

// deliveries enters what a subscriber has recorded. A handler that had not returned when
// the worker was killed is called again, with a message that says so.
type deliveries struct {
	*ledger
	name   string
	last   event // the last one that was given to a handler
	done   bool  // which was about to return
	killed bool  // since
	again  bool  // last is one that was done before
}

func (d *deliveries) enter(e event) {
	switch e.what {
	case subscribed:
		d.subscribed(d.name, e.qos, false)
	case begins:
		same := d.killed && d.last.topic == e.topic && d.last.number == e.number
		if same && !e.dup && (e.qos == packets.ExactlyOnce || !d.done) { // at QoS 1 it may have been published again
			d.fail("%s: %s %d comes again, and has not said so", d.name, e.topic, e.number)
		}
		d.again = same && (d.done || d.again)
		d.last, d.done, d.killed = e, false, false
	case ends:
		if d.last.topic != e.topic || d.last.number != e.number {
			d.fail("%s: handlers at the same time: %v and %v", d.name, d.last, e)
		}
		if !d.again {
			d.delivered(d.name, e.topic, e.number, e.qos)
		}
		d.done = true
	case killed:
		d.killed = true
	case failed:
		d.fail("%s", e.detail)
	}
}
