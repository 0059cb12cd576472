package client_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fletchmq/fletch/client"
	"github.com/fletchmq/fletch/client/clienttest"
	"github.com/fletchmq/fletch/packets"
)

// phases is how far a client has come when it is ended. A peer that is returned has
// to read, and to see the end.
var phases = []struct {
	name, scheme string
	reach        func(l *clienttest.Listener) *clienttest.Peer
}{
	{"dialling", "mqtt", func(l *clienttest.Listener) *clienttest.Peer { go l.Hang(); return nil }},
	{"TLS", "mqtts", (*clienttest.Listener).Accept},
	{"CONNECT", "mqtt", (*clienttest.Listener).Accept},
	{"CONNACK", "mqtt", func(l *clienttest.Listener) *clienttest.Peer {
		peer := l.Accept()
		peer.Next()
		return peer
	}},
	{"waiting", "mqtt", func(l *clienttest.Listener) *clienttest.Peer { l.Refuse(nil); return nil }},
	{"up", "mqtt", func(l *clienttest.Listener) *clienttest.Peer { return accept(l, nil) }},
}

// A client ends in each phase of its life, by the context of Start and by Close.
func TestEndInEachPhase(t *testing.T) {
	ends := map[string]func(*client.Client, context.CancelFunc) error{
		"Close":   func(c *client.Client, _ context.CancelFunc) error { return c.Close() },
		"context": func(_ *client.Client, cancel context.CancelFunc) error { cancel(); return nil },
	}
	for name, end := range ends {
		for _, phase := range phases {
			t.Run(name+"/"+phase.name, func(t *testing.T) {
				worlds(t, func(t *testing.T, l *clienttest.Listener) {
					ctx, cancel := context.WithCancel(t.Context())
					c, err := client.Start(ctx, phase.scheme+"://localhost", client.Config{Version: l.Version, Dialer: l.Dial})
					if err != nil {
						t.Fatal(err)
					}
					peer := phase.reach(l)
					published := async(func() error { return c.Publish(t.Context(), client.Message{Topic: "waits", QoS: 1}) })
					synctest.Wait()
					want(t, "Err", c.Err(), nil)
					start := time.Now()
					if peer != nil {
						go peer.Ignore()
					}
					ended := async(func() error { return end(c, cancel) })
					<-c.Done()
					wantError(t, c.Err(), client.ErrClosed)
					if took := time.Since(start); took > 3*time.Second {
						t.Errorf("it took %v", took)
					}
					err = <-published
					if phase.name == "up" {
						wantError(t, err, client.ErrUnknown, client.ErrClosed)
					} else {
						wantError(t, err, client.ErrNotSent, client.ErrClosed)
					}
					if err := <-ended; err != nil && phase.name != "waiting" {
						t.Errorf("%v", err)
					}
					want(t, "state", c.State(), client.Closed)
					cancel()
				})
			})
		}
	}
}

// Dial ends with its context, and the error says what it was at.
func TestDialEndsWithItsContext(t *testing.T) {
	for _, phase := range phases {
		if phase.name == "waiting" || phase.name == "up" {
			continue
		}
		t.Run(phase.name, func(t *testing.T) {
			worlds(t, func(t *testing.T, l *clienttest.Listener) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				cfg := client.Config{Version: l.Version, Dialer: l.Dial, TLS: &tls.Config{ServerName: "x"}}
				done := async(func() error { _, err := client.Dial(ctx, phase.scheme+"://localhost", cfg); return err })
				if peer := phase.reach(l); peer != nil {
					go peer.Ignore()
				}
				if err := <-done; !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%v: want the end of the context", err)
				}
			})
		})
	}
}

// A connection that is never made costs nothing in the end, however often it is tried.
// TestMain looks for goroutines that are left.
func TestManyConnectionsFail(t *testing.T) {
	worlds(t, func(t *testing.T, l *clienttest.Listener) {
		c := begin(t, l, client.Config{ConnectTimeout: time.Second, OnDown: func(client.DownEvent) {}})
		for range 60 {
			l.Refuse(nil)
			l.Hang()
			l.Accept().Close()
			l.Accept().Ignore() // until ConnectTimeout
			peer := l.Accept()
			peer.Next()
			peer.Reset()
			peer = l.Accept()
			peer.Next()
			peer.Send(&packets.Pingresp{}) // which is no answer
			peer.Ignore()
			peer = accept(l, nil)
			peer.Write([]byte{0})
			peer.Ignore()
		}
		want(t, "connects", c.Stats().Connects, 60)
	})
}

// Where another connection would end as well there is none, and Err says why.
func TestFinalCauses(t *testing.T) {
	worlds(t, func(t *testing.T, l *clienttest.Listener) {
		for packet, reasons := range map[packets.Type][]packets.ReasonCode{
			packets.TypeConnack: {packets.UnsupportedProtocolVersion, packets.ClientIdentifierNotValid},
		} {
			for _, reason := range reasons {
				c := begin(t, l, client.Config{})
				peer := l.Accept()
				peer.Next()
				switch {
				case l.Version == packets.V5:
					peer.Send(&packets.Connack{Reason: reason})
				default: // the return codes 1 and 2
					peer.Send(&packets.Connack{Reason: reason - packets.UnsupportedProtocolVersion + 1})
				}
				go peer.Ignore()
				<-c.Done()
				wantError(t, c.Err(), client.ErrClosed, net.ErrClosed)
				wantRefused(t, c.Err(), packet, reason)
				wantRefused(t, c.AwaitUp(t.Context()), packet, reason)
			}
		}
	})
}

// Who is taken over takes its time: it may be another client, with the same identifier,
// that would take turns with this one for ever.
func TestTakenOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := clienttest.Listen(t, packets.V5)
		begin(t, l, client.Config{})
		peer := accept(l, nil)
		peer.Send(&packets.Disconnect{Reason: packets.SessionTakenOver})
		ended := time.Now()
		go peer.Ignore()
		accept(l, nil)
		if waited := time.Since(ended); waited < 10*time.Second {
			t.Errorf("there again after %v", waited)
		}
	})
}
