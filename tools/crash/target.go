package main

import (
	"context"
	"net"
	"time"
)

// target is the broker, which is started again and again on what is left of its data.
type target interface {
	start() error

	// up waits for the first CONNACK of a broker that has been started, and says how
	// long that took.
	up(ctx context.Context) (time.Duration, error)

	// dial connects a client.
	dial(ctx context.Context) (net.Conn, error)

	// kill ends it without a word, wherever it is, and waits for that. Nothing that a
	// client reads later is of what it does then.
	kill()

	// end asks it to end, and waits for that. What clients read meanwhile is true.
	end() error

	// ended is closed when there is no broker.
	ended() <-chan struct{}

	// endedByItself is why, if nobody has killed it.
	endedByItself() error
}

// rounds says how long the lives of a broker are.
type rounds struct {
	longest  time.Duration
	messages int // acknowledged in one of them at most
}
