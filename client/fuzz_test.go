package client_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fletchmq/fletch/client"
	"github.com/fletchmq/fletch/client/store"
	"github.com/fletchmq/fletch/packets"
)

// FuzzServer: a server that sends what it likes, when it likes, brings about no panic,
// and nobody waits for it longer than his context says; and then the client can be
// closed.
func FuzzServer(f *testing.F) {
	f.Add(true, []byte{20, 1, 0, 0, 1, 0, 7, 1, 0, 21, 1, 1, 4, 1, 0, 0, 255, 9, 23, 0, 0, 0, 0, 1})
	f.Add(false, []byte{18, 2, 0, 5, 1, 0, 6, 1, 0, 19, 1, 0, 2, 3, 0, 3, 3, 0, 12, 200, 50})
	f.Fuzz(serverIsSurvived)
}

// TestServerAtRandom is FuzzServer for a while, with longer runs.
func TestServerAtRandom(t *testing.T) {
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 0))
		script := make([]byte, 3*(1+rng.IntN(100)))
		for i := range script {
			script[i] = byte(rng.Uint32())
		}
		serverIsSurvived(t, seed%2 == 0, script)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func serverIsSurvived(t *testing.T, five bool, script []byte) {
	synctest.Test(t, func(t *testing.T) {
		v := packets.V311
		if five {
			v = packets.V5
		}
		var kept store.Store
		if len(script)%4 < 2 {
			kept = store.NewMemory()
		}
		w := &hostile{v: v, present: len(script)%2 == 0}
		c, err := client.Dial(t.Context(), "localhost", client.Config{
			Version: v, ClientID: "x", KeepSession: true, TopicAliasMaximum: 3, ReceiveMaximum: 5,
			Dialer: w.dial, Handler: w.handle, Logger: slog.New(slog.DiscardHandler), Store: kept,
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		for ; len(script) >= 3; script = script[3:] {
			what, a, b := script[0]%32, script[1], script[2]
			if what >= 16 {
				w.calls.Go(func() { w.call(ctx, c, what, a, b) })
			} else {
				w.send(what, a, b, script[3:])
			}
			if b&1 == 0 {
				synctest.Wait()
			}
			if unread := c.Stats().Unread; unread > 1<<20 {
				t.Fatalf("%d bytes wait to be handled", unread)
			}
		}
		begun := time.Now()
		c.Close()
		if d := time.Since(begun); d > 7*time.Second {
			t.Errorf("Close takes %v", d)
		}
		w.calls.Wait() // all of them, though their context goes on
		w.close()
	})
}

// hostile is a server, and a program that has to do with it.
type hostile struct {
	v       packets.Version
	present bool // the server says that it has the session
	calls   sync.WaitGroup

	mu   sync.Mutex
	conn net.Conn // the last one
	held []*client.Message
}

func (w *hostile) dial(context.Context, string, string) (net.Conn, error) {
	near, far := net.Pipe()
	w.mu.Lock()
	defer w.mu.Unlock()
	ack := packets.Connack{SessionPresent: w.present && w.conn != nil}
	if w.v == packets.V5 {
		ack.Props.SetReceiveMaximum(3)
		ack.Props.SetTopicAliasMaximum(2)
	}
	w.conn = far
	go io.Copy(io.Discard, far)
	go far.Write(ack.AppendTo(nil, w.v))
	return near, nil
}

func (w *hostile) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.conn.Close()
}

// handle holds some messages, and likes others not.
func (w *hostile) handle(m *client.Message) error {
	switch len(m.Payload) % 5 {
	case 1:
		w.mu.Lock()
		defer w.mu.Unlock()
		w.held = append(w.held, m.Hold())
	case 2:
		return errors.New("of a handler")
	case 3:
		return &client.RefusedError{Reason: packets.NotAuthorized}
	}
	return nil
}

// send has the server send a packet, in its place or not, or bytes that are none.
func (w *hostile) send(what, a, b byte, rest []byte) {
	w.mu.Lock()
	conn := w.conn
	w.mu.Unlock()
	conn.SetWriteDeadline(time.Now().Add(time.Second))
	switch what {
	case 14:
		conn.Close()
	case 15:
		conn.Write(rest[:min(len(rest), int(a))])
	default:
		conn.Write(w.packet(what, a, b).AppendTo(nil, w.v))
	}
}

func (w *hostile) packet(what, a, b byte) packets.Packet {
	id, reason := uint16(a%8), packets.ReasonCode(b)
	if w.v != packets.V5 || b < 192 {
		reason = packets.Success
	}
	switch what {
	case 0, 1, 2, 3:
		return w.publish(packets.QoS(what%3), id+1, a, b)
	case 4:
		return &packets.Puback{PacketID: id, Reason: reason}
	case 5:
		return &packets.Pubrec{PacketID: id, Reason: reason}
	case 6:
		return &packets.Pubrel{PacketID: id}
	case 7:
		return &packets.Pubcomp{PacketID: id}
	case 8:
		return &packets.Suback{PacketID: id, Reasons: make([]packets.ReasonCode, 1+b%8/7)}
	case 9:
		return &packets.Suback{PacketID: id, Reasons: []packets.ReasonCode{packets.UnspecifiedError}}
	case 10:
		p := &packets.Unsuback{PacketID: id}
		if w.v == packets.V5 {
			p.Reasons = make([]packets.ReasonCode, 1+b%8/7)
		}
		return p
	case 11:
		if b < 240 {
			return new(packets.Pingresp)
		}
		return &packets.Disconnect{Reason: packets.ServerBusy}
	case 12:
		if b < 240 {
			return new(packets.Pingresp)
		}
		return &packets.Auth{Reason: packets.ContinueAuthentication}
	}
	if b < 240 {
		return new(packets.Pingresp)
	}
	return new(packets.Connack)
}

func (w *hostile) publish(qos packets.QoS, id uint16, a, b byte) *packets.Publish {
	p := message(qos, id, string('a'+rune(b%4)), string(make([]byte, b%7)))
	p.Dup = a&128 != 0 && qos > 0
	if w.v != packets.V5 {
		return p
	}
	if a&8 != 0 {
		p.Props.SetTopicAlias(1 + uint16(b%4))
		if a&64 != 0 {
			p.Topic = nil
		}
	}
	if a&16 != 0 {
		p.Props.AddSubscriptionIdentifier(1 + uint32(b%4))
	}
	if a&32 != 0 {
		p.Props.SetResponseTopic([]byte("a"))
		p.Props.SetCorrelationData([]byte{b})
	}
	return p
}

// call has the program do something, whatever comes of it.
func (w *hostile) call(ctx context.Context, c *client.Client, what, a, b byte) {
	m := client.Message{Topic: string('a' + rune(a%4)), QoS: packets.QoS(b % 3)}
	switch what {
	case 16, 17, 18:
		c.Publish(ctx, m)
	case 19, 20:
		if d, err := c.PublishAsync(ctx, m); err == nil {
			d.Wait(ctx)
		}
	case 21, 22:
		c.Subscribe(ctx, m.Topic, m.QoS, w.handle)
	case 23:
		c.SubscribeAll(ctx, nil, client.Subscription{Filter: m.Topic}, client.Subscription{Filter: "#"})
	case 24, 25:
		c.Unsubscribe(ctx, m.Topic)
	case 26:
		c.Ping(ctx)
	case 27:
		c.Receive(ctx)
	case 28:
		for range c.Messages(ctx, m.Topic) {
			if b < 128 {
				break
			}
		}
	case 29:
		if w.v == packets.V5 {
			c.Request(ctx, m)
		}
	case 30:
		time.Sleep(time.Duration(a) * 100 * time.Millisecond)
	case 31:
		w.mu.Lock()
		held := w.held
		w.held = nil
		w.mu.Unlock()
		for _, m := range held {
			m.Ack()
		}
	}
}
