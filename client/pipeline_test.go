package client_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/fletchmq/fletch/client"
	"github.com/fletchmq/fletch/client/clienttest"
	"github.com/fletchmq/fletch/packets"
)

// step is a SUBSCRIBE or UNSUBSCRIBE of one filter, and what the server says.
type step struct {
	subscribe bool
	reason    packets.ReasonCode
}

func (s step) String() string {
	name := "UNSUBSCRIBE"
	if s.subscribe {
		name = "SUBSCRIBE"
	}
	return fmt.Sprintf("%s=0x%02x", name, uint8(s.reason))
}

// pipeline sends steps with up to window of them on their way. The handler of
// each SUBSCRIBE says its number.
type pipeline struct {
	c      *client.Client
	peer   *clienttest.Peer
	filter string
	window int
	got    chan int
}

func (p *pipeline) run(t *testing.T, steps []step) {
	t.Helper()
	var answers []packets.Packet
	var outcomes []<-chan error
	for i, s := range steps {
		outcomes = append(outcomes, async(func() error {
			if s.subscribe {
				return p.c.Subscribe(t.Context(), p.filter, 1, calls(func() { p.got <- i }))
			}
			return p.c.Unsubscribe(t.Context(), p.filter)
		}))
		switch r := p.peer.Next().(type) {
		case *packets.Subscribe:
			answers = append(answers, &packets.Suback{PacketID: r.PacketID, Reasons: []packets.ReasonCode{s.reason}})
		case *packets.Unsubscribe:
			answers = append(answers, &packets.Unsuback{PacketID: r.PacketID, Reasons: []packets.ReasonCode{s.reason}})
		}
		if len(answers) == p.window {
			p.peer.Send(answers[0])
			answers = answers[1:]
		}
	}
	p.peer.Send(answers...)
	for i, done := range outcomes {
		if err := <-done; (err != nil) != (steps[i].reason == packets.NotAuthorized) {
			t.Fatalf("%v: step %d: %v", steps, i, err)
		}
	}
}

// handled are the handlers that get a message of topic now.
func (p *pipeline) handled(topic string) (got []int) {
	p.peer.Send(message(1, 1, topic, ""))
	p.peer.Expect("PUBACK packet-id=1") // they have returned
	for len(p.got) > 0 {
		got = append(got, <-p.got)
	}
	return got
}

// Whatever is asked for before the answers come, in the end the handler is that
// of the subscription which the server has.
func TestPipelinedSubscriptions(t *testing.T) {
	kinds := []step{{true, 0}, {true, packets.NotAuthorized}, {false, 0}, {false, packets.NotAuthorized}}
	const length = 4
	for _, filter := range []string{"a/%d/%d", "+/%d/%d/#"} {
		c, peer := connect(t, client.Config{Version: packets.V5}, nil)
		for n := range len(kinds) * len(kinds) * len(kinds) * len(kinds) {
			var steps []step
			var has []int // what the server has
			for i := range length {
				s := kinds[n>>(2*i)%len(kinds)]
				steps = append(steps, s)
				switch {
				case s.reason == packets.NotAuthorized:
				case s.subscribe:
					has = []int{i}
				default:
					has = nil
				}
			}
			for window := 1; window <= length; window++ {
				p := pipeline{c, peer, fmt.Sprintf(filter, n, window), window, make(chan int, length)}
				p.run(t, steps)
				if got := p.handled(fmt.Sprintf("a/%d/%d", n, window)); !slices.Equal(got, has) {
					t.Errorf("%v, %d at once: handled by %v, want %v", steps, window, got, has)
				}
			}
		}
	}
}
