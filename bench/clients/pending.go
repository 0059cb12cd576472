//go:build linux

package main

import "sync"

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

// request subscribes to replies by subscribe, the first time, sends by send and waits, as
// long as it takes: a worker has a limit.
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
	return <-reply, nil
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
