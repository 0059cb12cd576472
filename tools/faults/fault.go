package main

import (
	"math/rand/v2"
	"time"
)

// kind is what happens to a connection.
type kind int

const (
	reset   kind = iota // both its ends read an RST
	finish              // both read a FIN
	half                // who is sent to reads a FIN, and the other direction goes on
	stall               // nothing passes in this direction for a time
	silence             // nor in the other
	slow                // the next bytes pass in small pieces, with a time after each
	orphan              // the client reads an RST, and the broker nothing for a time
	replay              // so does the client once somebody has sent its CONNECT, who stays for a time
	kinds
)

func (k kind) String() string {
	return [...]string{"reset", "finished", "half closed", "stalled", "silent", "slow", "orphaned", "replayed"}[k]
}

// fault happens in one direction of a connection.
type fault struct {
	kind
	after int           // bytes that pass since the fault before
	takes time.Duration // see kind
	bytes int           // that are slow
	piece int           // at most, of those
}

// script gives the faults of one direction, one after the other.
type script func() fault

// plan is what happens to the connection that is accepted as number n, from 0.
type plan func(n int) (up, down script)

func never() fault { return fault{after: 1 << 62} }

// planned is what is random, for clients with that keep alive. The same seed is the
// same plan; what it strikes is another matter, as connections do not come in the same
// order.
func planned(seed uint64, keepAlive time.Duration) plan {
	return func(n int) (up, down script) {
		scripted := func(direction uint64) script {
			rng := rand.New(rand.NewPCG(seed, uint64(n)<<1|direction))
			return func() fault { return random(rng, keepAlive) }
		}
		return scripted(0), scripted(1)
	}
}

// weights say how often each kind is.
var weights = [kinds]int{reset: 4, finish: 4, half: 3, stall: 4, silence: 2, slow: 8, orphan: 3, replay: 2}

func random(rng *rand.Rand, keepAlive time.Duration) fault {
	f := fault{after: rng.IntN(8 << rng.IntN(19))} // in any packet, and among many
	all := 0
	for _, w := range weights {
		all += w
	}
	for n := rng.IntN(all); n >= weights[f.kind]; f.kind++ {
		n -= weights[f.kind]
	}
	upTo := func(d time.Duration) time.Duration { return time.Duration(rng.Int64N(int64(d))) }
	switch f.kind {
	case stall, silence:
		if f.takes = upTo(keepAlive / 2); rng.IntN(4) == 0 {
			f.takes = keepAlive + upTo(2*keepAlive)
		}
	case slow:
		f.bytes, f.piece = 1+rng.IntN(1000), 1
		if rng.IntN(2) == 0 {
			f.piece, f.takes = 1+rng.IntN(300), upTo(20*time.Millisecond)
		}
	case orphan, replay:
		f.takes = upTo(2 * keepAlive)
	}
	return f
}
