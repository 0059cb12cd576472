package client_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/fletchmq/fletch/client"
	"github.com/fletchmq/fletch/client/clienttest"
	"github.com/fletchmq/fletch/packets"
)

// refers sends packet with a Server Reference to b.
func refers(peer *clienttest.Peer, t packets.Type, reason packets.ReasonCode) {
	connack, disconnect := &packets.Connack{Reason: reason}, &packets.Disconnect{Reason: reason}
	connack.Props.SetServerReference([]byte("b:1999"))
	disconnect.Props.SetServerReference([]byte("b:1999"))
	if t == packets.TypeConnack {
		peer.Next()
		peer.Send(connack)
	} else {
		peer.Accept(nil)
		peer.Send(disconnect)
	}
	go peer.Ignore()
}

// A server that refers to another is believed if Config says so: for once, or, if it
// has moved, from then on.
func TestFollowReference(t *testing.T) {
	const here, there = "localhost:1883", "b:1999"
	for _, packet := range []packets.Type{packets.TypeConnack, packets.TypeDisconnect} {
		for _, test := range []struct {
			name   string
			follow bool
			reason packets.ReasonCode
			then   [2]string // dialled next, and behind that
		}{
			{"use another", true, packets.UseAnotherServer, [2]string{there, here}},
			{"moved", true, packets.ServerMoved, [2]string{there, there}},
			{"not followed", false, packets.ServerMoved, [2]string{here, here}},
		} {
			t.Run(packet.String()+"/"+test.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					l := clienttest.Listen(t, packets.V5)
					begin(t, l, client.Config{FollowReference: test.follow})
					peer := l.Accept()
					want(t, "first", l.Address(), here)
					refers(peer, packet, test.reason)
					peer = l.Accept()
					want(t, "next", l.Address(), test.then[0])
					peer.Accept(nil)
					peer.Close()
					l.Accept()
					want(t, "behind that", l.Address(), test.then[1])
				})
			})
		}
	}
}

// A server that does not speak 5.0 is asked for 3.1.1, and from then on all are.
func TestFallback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := clienttest.Listen(t, packets.V5)
		ups := make(chan packets.Version, 2)
		c := begin(t, l, client.Config{Fallback: true, OnUp: func(u client.UpEvent) { ups <- u.Version }})
		peer := l.Accept()
		connect, _ := peer.Next().(*packets.Connect)
		want(t, "version", connect.Version, packets.V5)
		peer.Write([]byte("\x20\x02\x00\x01"))
		peer.ExpectEnd()
		l.Version = packets.V311
		for range 2 {
			peer = accept(l, nil)
			want(t, "version", <-ups, packets.V311)
			done := publish(c, 1, "a")
			p, _ := peer.Next().(*packets.Publish)
			acknowledge(peer, p)
			want(t, "publish", <-done, nil)
			peer.Close()
		}
	})
}

// Several addresses are tried in turn, and the error names each that failed.
func TestAddressesInTurn(t *testing.T) {
	worlds(t, func(t *testing.T, l *clienttest.Listener) {
		cfg := client.Config{Version: l.Version, Dialer: l.Dial}
		done := async(func() error { _, err := client.Dial(t.Context(), "localhost:1,localhost:2", cfg); return err })
		strange := [2]error{errors.New("strange"), errors.New("stranger")}
		for i, address := range []string{"localhost:1", "localhost:2"} {
			l.Refuse(strange[i])
			want(t, "address", l.Address(), address)
		}
		wantError(t, <-done, client.ErrNotSent, strange[0], strange[1])

		cfg.Backoff = nil
		c, err := client.Start(t.Context(), "localhost:1,localhost:2", cfg)
		want(t, "start", err, nil)
		l.Refuse(nil)
		accept(l, nil).Close()
		want(t, "address", l.Address(), "localhost:2")
		accept(l, nil)
		want(t, "address", l.Address(), "localhost:1")
		want(t, "Err", c.Err(), nil)
	})
}

// The credentials are asked for anew for each connection. Without them there is none,
// and they are asked again.
func TestCredentials(t *testing.T) {
	worlds(t, func(t *testing.T, l *clienttest.Listener) {
		none := errors.New("no token")
		asked, downs := 0, make(chan error, 10)
		begin(t, l, client.Config{
			Username: "not", Password: "these",
			Credentials: func(ctx context.Context) (string, string, error) {
				if asked++; asked == 2 {
					return "", "", none
				}
				return "user", "token " + string(rune('0'+asked)), ctx.Err()
			},
			OnDown: func(d client.DownEvent) { downs <- d.Err },
		})
		for _, password := range []string{"token 1", "", "token 3"} {
			peer := l.Accept()
			if password == "" {
				peer.ExpectEnd()
				if err := <-downs; !errors.Is(err, none) {
					t.Errorf("down with %v, want that there are no credentials", err)
				}
				continue
			}
			connect, _ := peer.Next().(*packets.Connect)
			want(t, "user name", string(connect.Username), "user")
			want(t, "password", string(connect.Password), password)
			peer.Close()
			<-downs
		}
	})
}
