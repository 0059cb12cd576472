package client

import (
	"fmt"
	"os"
	"time"

	"github.com/fletchmq/fletch/packets"
)

// keepAliveLooks is how often within a keep alive the connection is looked at.
// A PINGREQ goes out after a silence of two looks, and so before the third.
const keepAliveLooks = 4

// ping is PINGREQs that are not answered: one of a request, or those of the keep
// alive that no other came between.
type ping struct {
	at time.Time // of the first
	r  *request  // nil for the keep alive
	n  int
}

// sendPing appends a PINGREQ. Answers come in its order. The keep alive goes on
// without them while the reader is paused, and takes no memory for that.
func (l *link) sendPing(r *request) {
	if last := len(l.pings) - 1; r == nil && last >= 0 && l.pings[last].r == nil {
		l.pings[last].n++
	} else {
		l.pings = append(l.pings, ping{time.Now(), r, 1})
	}
	l.buf = new(packets.Pingreq).AppendTo(l.buf, l.version)
}

// look is the timer of the keep alive. It runs beside the goroutines of the
// connection, either of which may be stuck in the transport.
func (l *link) look() {
	l.c.mu.Lock()
	defer l.c.mu.Unlock()
	if l.over {
		return
	}
	if err := l.stuck(); err != nil {
		go l.abort(err)
		return
	}
	silence := time.Since(l.lastOut)
	if !l.closing && !l.writing && len(l.buf) == 0 && silence >= 2*l.alive/keepAliveLooks { // [MQTT-3.1.2-20]
		l.buf, l.spare = nil, nil // who has nothing to write holds no memory for it
		l.sendPing(nil)
		nudge(l.wake)
	}
	l.keeper.Reset(l.alive / keepAliveLooks)
}

// stuck is why the server is taken for gone, or nil: it takes nothing, or a
// PINGREQ has no answer and nothing else has come either, section 3.1.2.10.
func (l *link) stuck() error {
	if l.writing && time.Since(l.lastOut) >= l.alive {
		return fmt.Errorf("the server has taken nothing for %v: %w", l.alive, os.ErrDeadlineExceeded)
	}
	if len(l.pings) == 0 || l.paused || l.closing {
		return nil
	}
	heard := l.start.Add(time.Duration(l.lastIn.Load()))
	if time.Since(l.pings[0].at) >= l.alive && time.Since(heard) >= l.alive {
		return fmt.Errorf("no PINGRESP for %v: %w", l.alive, os.ErrDeadlineExceeded)
	}
	return nil
}
