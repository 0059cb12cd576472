//go:build linux

package main

import (
	"errors"
	"sync"
	"time"
)

// pending is the requests of a client whose library has none of its own, or one that
// loses replies. Each is known by its stamp, which the reply has too.
type pending struct {
	subscribed sync.Once
	err        error

	mu      sync.Mutex
	replies map[stamp]chan []byte
}

const (
	requests  = "bench/request"
	responses = "bench/response" // before 5.0, where a request cannot say where to
)

var errNoReply = errors.New("no reply")

// request subscribes to replies by subscribe, the first time, sends by send and waits.
func (p *pending) request(payload []byte, subscribe, send func() error) ([]byte, error) {
	p.subscribed.Do(func() {
		p.replies = map[stamp]chan []byte{}
		p.err = subscribe()
	})
	if p.err != nil {
		return nil, p.err
	}
	reply, id := make(chan []byte, 1), stamp(payload)
	p.mu.Lock()
	p.replies[id] = reply
	p.mu.Unlock()
	if err := send(); err != nil {
		return nil, err
	}
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case b := <-reply:
		return b, nil
	case <-late.C:
		return nil, errNoReply
	}
}

// reply hands payload, which it keeps, to whoever waits for it.
func (p *pending) reply(id stamp, payload []byte) {
	p.mu.Lock()
	reply := p.replies[id]
	delete(p.replies, id)
	p.mu.Unlock()
	if reply != nil {
		reply <- payload
	}
}
