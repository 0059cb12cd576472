package client

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"time"

	"github.com/fletchmq/fletch/client/store"
	"github.com/fletchmq/fletch/packets"
	"github.com/fletchmq/fletch/packets/flow"
)

const (
	// commitAgain is how long a Store that has failed is left alone.
	commitAgain = time.Second

	// commitLate is how long what nothing waits for waits for other changes. A process
	// that is killed meanwhile leaves a message that was published already.
	commitLate = 5 * time.Millisecond
)

// stored is what a Client with a Store has to put there, and what follows when it is
// there, under Client.mu. The goroutine Client.commit takes both.
type stored struct {
	batch, spare store.Batch
	then, freed  []consequence
	put, there   uint64        // commits: of what is in batch, and of the last that succeeded
	changed      chan struct{} // closed when there changes
	number       uint64        // of the last message
	order        uint64        // of the last PUBREC
	id           uint16        // that was reserved last
	lazy         *time.Timer   // wakes the goroutine for what nothing waits for
	reserved     *identifiers  // of what is stored, or about to be
	value        []byte        // used again and again

	wake  chan struct{} // the goroutine; room for one
	stop  chan struct{}
	ended chan struct{} // nil without a Store
}

// consequence is what follows when something is stored. One of the fields says what.
type consequence struct {
	message *publishing  // may be sent
	pubrel  flow.OutID   // PUBREL may be sent
	handled flow.Receipt // PUBREC may be sent
	pubcomp flow.InID    // PUBCOMP may be sent
}

// storing begins, with what has been loaded.
func (c *Client) storing() {
	s := &c.stored
	s.put, s.changed = 1, make(chan struct{})
	s.wake, s.stop, s.ended = make(chan struct{}, 1), make(chan struct{}), make(chan struct{})
	s.lazy = time.AfterFunc(0, func() { nudge(s.wake) }) // load may have put something
	go c.commit()
}

// stopStoring ends the goroutine, behind what there is to store.
func (c *Client) stopStoring() {
	if c.stored.ended != nil {
		c.stored.lazy.Stop()
		close(c.stored.stop)
		<-c.stored.ended
	}
}

// commit is the goroutine that stores.
func (c *Client) commit() {
	defer close(c.stored.ended)
	for last := false; !last; {
		select {
		case <-c.stored.wake:
		case <-c.stored.stop:
			last = true
		}
		runtime.Gosched() // whoever is about to publish does so first, and shares the commit
		for more := true; more; {
			var err error
			if more, err = c.commitOnce(); err != nil {
				return // what comes later must not be stored without it
			}
		}
	}
}

// commitOnce stores what has come together, if there is something. An error is the end.
func (c *Client) commitOnce() (more bool, err error) {
	s := &c.stored
	c.mu.Lock()
	if s.batch.Len() == 0 && len(s.then) == 0 {
		c.mu.Unlock()
		return false, nil
	}
	s.batch, s.spare = s.spare, s.batch
	then := s.then
	s.then, s.freed = s.freed[:0], nil
	s.put++
	c.mu.Unlock()
	err = c.commitBatch(&s.spare)
	s.spare.Reset()
	c.mu.Lock()
	if err != nil {
		s.then = append(then, s.then...)
		c.mu.Unlock()
		return false, err
	}
	s.there = s.put - 1
	close(s.changed)
	s.changed = make(chan struct{})
	for i := range then {
		c.follow(&then[i])
	}
	clear(then)
	s.freed = then[:0]
	l := c.link
	if l != nil {
		c.pump(l)
	}
	c.mu.Unlock()
	if l != nil {
		l.push()
		nudge(l.gate)
	}
	return true, nil
}

// commitBatch tries until b is stored, or the Client has ended, and then once more.
func (c *Client) commitBatch(b *store.Batch) error {
	if b.Len() == 0 {
		return nil
	}
	for failed, last := false, false; ; failed = true {
		err := c.cfg.Store.Commit(b)
		switch {
		case err == nil && failed:
			c.report(slog.LevelInfo, "the store works again")
			return nil
		case err == nil || last:
			return err
		case !failed:
			c.report(slog.LevelError, "cannot store, and nothing is published or acknowledged until that works", "err", err)
		}
		select {
		case <-time.After(commitAgain):
		case <-c.stored.stop:
			last = true
		}
	}
}

func (c *Client) follow(x *consequence) {
	l := c.link
	switch {
	case x.message != nil:
		c.tracked.push(x.message)
	case x.handled != flow.Receipt{}:
		c.in.Done(x.handled, packets.Success)
		c.acknowledge()
	case l == nil:
		// What is owed is owed again on the next connection.
	case x.pubrel != 0:
		l.pubrel(uint16(x.pubrel), packets.Success)
	case x.pubcomp != 0:
		l.pubcomp(uint16(x.pubcomp), c.in.Pubrel(x.pubcomp))
	}
}

// after has x follow when what has been put so far is stored.
func (c *Client) after(x consequence) {
	c.stored.then = append(c.stored.then, x)
	nudge(c.stored.wake)
}

// awaitCommits waits until all is stored that has been put.
func (c *Client) awaitCommits(ctx context.Context) error {
	if c.cfg.Store == nil {
		return nil
	}
	s := &c.stored
	c.mu.Lock()
	want := s.put
	if s.batch.Len() == 0 {
		want--
	} else {
		nudge(s.wake)
	}
	c.mu.Unlock()
	for {
		c.mu.Lock()
		there, changed := s.there, s.changed
		c.mu.Unlock()
		if there >= want {
			return nil
		}
		select {
		case <-changed:
		case <-s.ended:
			return c.reason()
		case <-ctx.Done():
			return fmt.Errorf("not stored yet: %w", ended(ctx))
		}
	}
}
