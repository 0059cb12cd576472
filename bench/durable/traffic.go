//go:build linux

package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fletchmq/fletch/packets"
)

// payload is that of a message, in bytes.
const payload = 256

func topic(dst []byte, number int) []byte {
	return strconv.AppendInt(append(dst, "load/"...), int64(number), 10)
}

// publisher publishes at QoS 1 to its topics in turn. A payload begins with how
// many messages of its topic came before it.
type publisher struct {
	*client
	first, topics int
	window        int
	payload       []byte
	retain        bool

	every time.Duration // one message, 0 is as fast as acknowledged
	due   time.Time     // when the next is, with every

	sent, acked int
}

// publish sends n messages, or fewer after until, and waits for PUBACK of all.
func (p *publisher) publish(n int, until time.Time) error {
	name := make([]byte, 0, 32)
	from := p.sent
	for {
		for more := time.Now().Before(until); more && p.sent < from+n && p.sent-p.acked < p.window; {
			if p.every > 0 {
				time.Sleep(time.Until(p.due))
				p.due = p.due.Add(p.every)
			}
			name = topic(name[:0], p.first+p.sent%p.topics)
			binary.BigEndian.PutUint64(p.payload, uint64(p.sent/p.topics))
			m := packets.Publish{QoS: packets.AtLeastOnce, Retain: p.retain, Topic: name, PacketID: uint16(1 + p.sent%65535), Payload: p.payload}
			p.out = m.AppendTo(p.out, packets.V5)
			p.sent++
		}
		if err := p.flush(); err != nil {
			return err
		}
		if p.acked == p.sent {
			return nil
		}
		err := p.turn(func(packet packets.Packet) error {
			p.acked++
			return p.accepted(packet)
		})
		if err != nil {
			return err
		}
	}
}

// subscriber receives the messages of one topic. It acknowledges what has come when
// all of it is read, so that what is too many shows.
type subscriber struct {
	*client
	most int // Receive Maximum, 0 is none
	next uint64
	got  *atomic.Int64 // of all
}

// receive receives until n have come, and they have to be in order.
func (s *subscriber) receive(n uint64) error {
	for s.next < n {
		before := s.next
		err := s.turn(func(packet packets.Packet) error {
			m, ok := packet.(*packets.Publish)
			if !ok {
				return s.accepted(packet)
			}
			if sequence := binary.BigEndian.Uint64(m.Payload); sequence != s.next {
				return fmt.Errorf("message %d of %s came, expected %d", sequence, m.Topic, s.next)
			}
			s.next++
			s.out = (&packets.Puback{PacketID: m.PacketID}).AppendTo(s.out, packets.V5)
			return nil
		})
		if err != nil {
			return err
		}
		came := s.next - before
		if s.most > 0 && came > uint64(s.most) {
			return fmt.Errorf("%d messages came at once with a Receive Maximum of %d", came, s.most)
		}
		s.got.Add(int64(came))
	}
	return nil
}

// clients is how many publish, and in pairs and absent how many subscribe.
const clients = 100

// traffic is publishers, and the subscribers that are connected.
type traffic struct {
	publishers  []*publisher
	subscribers []*subscriber
	got         atomic.Int64
	broken      chan error // of a subscriber
	reading     sync.WaitGroup
}

// open connects publishers with so many topics each.
func (t *traffic) open(address string, topics, window int) error {
	for i := range clients {
		c, err := connect(address, passing(fmt.Sprint("publisher-", i)))
		if err != nil {
			return err
		}
		t.publishers = append(t.publishers, &publisher{client: c, first: i * topics, topics: topics, window: window, payload: make([]byte, payload)})
		if c.receiveMaximum < window {
			return fmt.Errorf("the broker has a Receive Maximum of %d, less than the window of %d", c.receiveMaximum, window)
		}
	}
	return nil
}

// sessions makes n sessions, with a subscription to a topic each, and leaves them.
func sessions(address string, n int) error {
	return each(n, func(i int) error {
		c, err := subscribed(address, lasting(fmt.Sprint("session-", i)), string(topic(nil, i)), packets.TypeSuback)
		if err != nil {
			return err
		}
		return c.leave()
	})
}

// resume connects the first n sessions again, and has them receive until close.
func (t *traffic) resume(address string, n int) error {
	t.broken = make(chan error, n)
	for i := range n {
		c, err := connect(address, lasting(fmt.Sprint("session-", i)))
		if err != nil {
			return err
		}
		s := &subscriber{client: c, got: &t.got}
		t.subscribers = append(t.subscribers, s)
		t.reading.Go(func() {
			if err := s.receive(1 << 63); !errors.Is(err, net.ErrClosed) {
				t.broken <- err
			}
		})
	}
	return nil
}

// publish has n messages published, or fewer after limit. It returns when all are
// acknowledged and, if there are subscribers, received, and says how many.
func (t *traffic) publish(n int, limit time.Duration) (int, error) {
	until, before := time.Now().Add(limit), t.acked()
	err := each(len(t.publishers), func(i int) error {
		return t.publishers[i].publish(n/len(t.publishers), until)
	})
	for begin := time.Now(); err == nil && len(t.subscribers) > 0 && t.got.Load() < int64(t.acked()); time.Sleep(time.Millisecond) {
		select {
		case err = <-t.broken:
		default:
			if time.Since(begin) > patience {
				err = fmt.Errorf("%d of %d messages were not received", int64(t.acked())-t.got.Load(), t.acked())
			}
		}
	}
	return t.acked() - before, err
}

// acked may be called while nothing is published.
func (t *traffic) acked() (n int) {
	for _, p := range t.publishers {
		n += p.acked
	}
	return n
}

func (t *traffic) close() {
	for _, p := range t.publishers {
		p.Close()
	}
	for _, s := range t.subscribers {
		s.Close()
	}
	t.reading.Wait()
}

// each does all of n things, some at once, and gives the first error.
func each(n int, do func(i int) error) error {
	var wg sync.WaitGroup
	const most = 1000
	errs := make(chan error, most)
	for w := range min(n, most) {
		wg.Go(func() {
			for i := w; i < n; i += most {
				if err := do(i); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	wg.Wait()
	select {
	case err := <-errs:
		return err
	default:
		return nil
	}
}
