package broker

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/fletchmq/fletch/packets"
)

var patient = Config{Overflow: PushBack, MaximumQueuedMessages: 100, PushBackTimeout: time.Hour, WriteTimeout: 2 * time.Hour}

// flood publishes n messages, and then says so. They are so large that few of them
// are sent without being queued, however many come in one turn.
func (p *peer) flood(n int, qos packets.QoS) (done chan bool) {
	done = make(chan bool)
	p.nc.SetWriteDeadline(time.Time{})
	p.nc.SetReadDeadline(time.Time{})
	go func() {
		defer close(done)
		for i := range n {
			if _, err := p.nc.Write(message("x", fmt.Sprintf("%-2000d", i), qos).AppendTo(nil, p.v)); err != nil {
				return
			}
			for got := packets.Type(0); qos > 0 && got != packets.TypePuback; got >>= 4 {
				first, _, err := p.in.Next()
				if err != nil {
					return
				}
				got = packets.Type(first)
			}
		}
	}()
	return done
}

func over(done chan bool) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}

// Who publishes more than a receiver takes is not read until that has room, and
// nothing is lost, at QoS 0 either, whoever handles the packets.
func TestPushBack(t *testing.T) {
	for i := range 4 {
		qos, config := packets.QoS(i%2), patient
		if i >= 2 {
			config.Authorize = func(context.Context, *Access) error { return nil }
		}
		run(t, config, func(w *world) {
			slow, a := w.join(packets.V5, "slow"), w.join(packets.V5, "a")
			slow.subscribe("x", qos)
			const n = 500
			done := a.flood(n, qos)
			w.settle()
			if waiting := w.waiting("slow"); over(done) || waiting < 50 || waiting > 52 {
				t.Errorf("over is %t, %d wait", over(done), waiting)
			}
			for i := range n {
				m := slow.next().(*packets.Publish)
				if got := strings.TrimSpace(string(m.Payload)); got != fmt.Sprint(i) {
					t.Fatalf("got %s, want %d", got, i)
				}
				if qos > 0 {
					slow.send(&packets.Puback{PacketID: m.PacketID})
				}
			}
			<-done
			if s := w.b.Stats(); s.Drops != (Drops{}) {
				t.Errorf("%+v", s)
			}
		})
	}
}

// A receiver that takes nothing is waited for once, as long as PushBackTimeout.
func TestPushBackTimeout(t *testing.T) {
	config := patient
	config.PushBackTimeout = 0
	run(t, config, func(w *world) {
		dead, a := w.join(packets.V5, "dead"), w.join(packets.V5, "a")
		dead.subscribe("x", 0)
		begin := time.Now()
		<-a.flood(2000, 0)
		if d := time.Since(begin); d != 5*time.Second {
			t.Errorf("after %s", d)
		}
		w.settle()
		if n := w.waiting("dead"); n != 100 || w.b.Stats().Dropped < 500 {
			t.Errorf("%d wait, %d dropped", n, w.b.Stats().Dropped)
		}
		if n := strings.Count(w.log.String(), "limit=PushBackTimeout client=dead"); n != 1 {
			t.Errorf("logged %d times:\n%s", n, w.log)
		}
		for range 100 { // what has caught up is waited for again
			dead.next()
		}
		dead.payloads()
		done := a.flood(1000, 0)
		w.settle()
		if over(done) {
			t.Error("did not wait")
		}
		dead.lose()
		<-done
	})
}

// Who waits goes when another connection takes over, and when the broker shuts
// down. Wills and the program never wait.
func TestPushBackLetsGo(t *testing.T) {
	run(t, patient, func(w *world) {
		slow := w.join(packets.V5, "slow")
		slow.subscribe("x", 0)
		first := w.join(packets.V5, "a", will("x", "will"))
		done := first.flood(1000, 0)
		w.settle()
		begin := time.Now()
		second := w.join(packets.V5, "a")
		<-done
		for range 20 {
			if err := w.b.Publish(t.Context(), Message{Topic: "x"}); err != nil {
				t.Error(err)
			}
		}
		if d := time.Since(begin); d > lingerTime {
			t.Errorf("after %s", d)
		}
		second.flood(1000, 0)
		w.settle()
	})
}

// duel is a client that floods another at QoS 1, without waiting for anything, and
// acknowledges what it gets behind that. It ends when it has all that it is to get.
func (p *peer) duel(to string, n int) error {
	out := make(chan []byte, 2*n) // what the client has in memory
	defer close(out)
	go func() {
		for b := range out {
			p.nc.Write(b)
		}
	}()
	p.nc.SetWriteDeadline(time.Time{})
	for range n {
		out <- message(to, "", 1).AppendTo(nil, p.v)
	}
	for came, acknowledged := 0, 0; came < n || acknowledged < n; {
		x, err := p.read(time.Minute)
		if err != nil {
			return fmt.Errorf("%d came, %d acknowledged: %w", came, acknowledged, err)
		}
		switch x := x.(type) {
		case *packets.Publish:
			came++
			out <- (&packets.Puback{PacketID: x.PacketID}).AppendTo(nil, p.v)
		case *packets.Puback:
			acknowledged++
		}
	}
	return nil
}

// Two who flood one another, and whose acknowledgements stand behind what they
// publish, do not stop for ever.
func TestPushBackBothWays(t *testing.T) {
	config := patient
	config.MaximumQueuedMessages, config.MaximumInFlight = 2000, 5
	run(t, config, func(w *world) {
		a, b := w.join(packets.V5, "a"), w.join(packets.V5, "b")
		a.subscribe("a", 1)
		b.subscribe("b", 1)
		const n = 1500 // more than push back, fewer than have no room
		finished := make(chan error)
		go func() { finished <- a.duel("b", n) }()
		go func() { finished <- b.duel("a", n) }()
		for range 2 {
			if err := <-finished; err != nil {
				t.Error(err)
			}
		}
	})
}
