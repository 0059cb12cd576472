package main

import (
	"context"
	"sync"
)

// gate says whether the broker is there: up after its first CONNACK, down before it
// is killed.
type gate struct {
	mu   sync.Mutex
	life int           // how many times it was up
	open chan struct{} // closed while it is
	down bool
}

func newGate() *gate { return &gate{open: make(chan struct{}), down: true} }

func (g *gate) goUp() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.life++
	g.down = false
	close(g.open)
}

func (g *gate) goDown() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.down = true
	g.open = make(chan struct{})
}

// wait is for the broker to be up. life is which of its lives it is then.
func (g *gate) wait(ctx context.Context) (life int, err error) {
	g.mu.Lock()
	open := g.open
	g.mu.Unlock()
	select {
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	case <-open:
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.life, nil
}

// still reports whether the broker that was up then is up.
func (g *gate) still(life int) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return !g.down && g.life == life
}
