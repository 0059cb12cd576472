package client_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"testing"
	"testing/synctest"

	"github.com/fletchmq/fletch/broker"
	"github.com/fletchmq/fletch/broker/auth"
	"github.com/fletchmq/fletch/client"
	"github.com/fletchmq/fletch/client/clienttest"
	"github.com/fletchmq/fletch/packets"
)

// reauthenticating is a client that has authenticated, and does so once more: up to its AUTH 0x19.
func reauthenticating(t *testing.T, l *clienttest.Listener) (*client.Client, *clienttest.Peer, <-chan error) {
	t.Helper()
	c := begin(t, l, client.Config{Authentication: new(echo)})
	peer := accept(l, proof("proof"))
	done := async(func() error { return c.Reauthenticate(context.Background()) })
	first := challenge("ECHO", "2")
	first.Reason = packets.ReAuthenticate
	peer.Expect(first.String())
	return c, peer, done
}

// Other packets come and go meanwhile. [MQTT-4.12.1-1] [MQTT-4.12.0-3]
func TestReauthenticate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, peer, done := reauthenticating(t, clienttest.Listen(t, packets.V5))
		peer.Send(challenge("ECHO", "abc"))
		peer.Expect(challenge("ECHO", "cba").String())
		published := publish(c, 0, "a")
		peer.Expect(`PUBLISH topic=a payload="hi"`)
		want(t, "publish", <-published, nil)
		wantError(t, c.Reauthenticate(t.Context()), client.ErrNotSent)
		pending(t, done)
		success := challenge("ECHO", "proof")
		success.Reason = packets.Success
		peer.Send(success)
		want(t, "reauthenticate", <-done, nil)

		done = async(func() error { return c.Reauthenticate(context.Background()) })
		peer.Next()
		peer.Send(success)
		want(t, "once more", <-done, nil)
	})
}

// Whatever goes wrong ends the connection, and the next one is authenticated anew.
// [MQTT-4.12.1-2] [MQTT-4.12.0-5]
func TestReauthenticateFails(t *testing.T) {
	success := func(method, data string) *packets.Auth {
		p := challenge(method, data)
		p.Reason = packets.Success
		return p
	}
	for name, test := range map[string]struct {
		answer  packets.Packet // nil: the server goes
		goodbye string         // of the client, empty for none
		check   func(t *testing.T, err error)
	}{
		"refused": {&packets.Disconnect{Reason: packets.NotAuthorized}, "", func(t *testing.T, err error) {
			wantRefused(t, err, packets.TypeDisconnect, packets.NotAuthorized)
		}},
		"no proof": {success("ECHO", "none"), "DISCONNECT reason=0x80", func(t *testing.T, err error) {
			want(t, "is that of Finish", errors.Is(err, errUnproved), true)
		}},
		"another method": {success("OTHER", "proof"), "DISCONNECT reason=0x82", func(t *testing.T, err error) {
			wantBroken(t, err, "MQTT-4.12.0-5")
		}},
		"gone": {nil, "", func(t *testing.T, err error) { wantError(t, err, client.ErrUnknown, client.ErrClosed) }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := clienttest.Listen(t, packets.V5)
				c, peer, done := reauthenticating(t, l)
				if test.answer == nil {
					peer.Close()
				} else {
					peer.Send(test.answer)
				}
				if test.goodbye != "" {
					peer.Expect(test.goodbye)
				}
				go peer.Ignore()
				err := <-done
				wantError(t, err, client.ErrUnknown, client.ErrClosed)
				test.check(t, err)
				accept(l, proof("proof"))
				synctest.Wait()
				want(t, "state", c.State(), client.Up)
			})
		})
	}
}

// An AUTH that nobody has asked for, or that comes while one is being answered, is
// against the standard.
func TestAuthUnasked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := clienttest.Listen(t, packets.V5)
		begin(t, l, client.Config{Authentication: new(echo)})
		peer := accept(l, proof("proof"))
		peer.Send(challenge("ECHO", "abc"))
		peer.Expect("DISCONNECT reason=0x82")
		peer.ExpectEnd()
	})
}

func TestReauthenticateNeedsAuthentication(t *testing.T) {
	c, _ := connect(t, client.Config{Version: packets.V5}, nil)
	wantError(t, c.Reauthenticate(t.Context()), client.ErrInvalid)
}

// SCRAM with our own broker, twice on one connection.
func TestReauthenticateWithTheBroker(t *testing.T) {
	known := credentials(t, "secret")
	scram := auth.NewSCRAM(func(context.Context, string) (auth.Credentials, bool) { return known, true }, nil)
	synctest.Test(t, func(t *testing.T) {
		b, err := broker.New(broker.Config{Logger: slog.New(slog.DiscardHandler), Methods: map[string]broker.Method{
			"SCRAM-SHA-256": func(*broker.Login) broker.Exchange { return scram.Start(nil) },
		}})
		if err != nil {
			t.Fatal(err)
		}
		c, err := client.Dial(t.Context(), "localhost", client.Config{
			Version: packets.V5, Authentication: client.ScramSHA256("user", "secret"),
			Dialer: func(ctx context.Context, _, _ string) (net.Conn, error) { return b.Dial(ctx) },
		})
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			want(t, "reauthenticate", c.Reauthenticate(t.Context()), nil)
		}
		want(t, "connects", c.Stats().Connects, 1)
		want(t, "close", c.Close(), nil)
		want(t, "shutdown", b.Shutdown(t.Context()), nil)
	})
}
