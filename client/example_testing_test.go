package client_test

import (
	"context"
	"log/slog"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fletchmq/fletch/broker"
	"github.com/fletchmq/fletch/client"
	"github.com/fletchmq/fletch/packets"
)

// outage is a test of a program whose server goes away for an hour: what it publishes
// meanwhile arrives. The hour is over at once, for the time is that of synctest, and
// there is no socket.
func outage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, err := broker.New(broker.Config{Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		defer b.Shutdown(t.Context())
		var last net.Conn
		var away time.Time // until then
		c, err := client.Dial(t.Context(), "localhost", client.Config{
			ClientID: "boiler-1", KeepSession: true,
			Dialer: func(ctx context.Context, _, address string) (net.Conn, error) {
				if time.Now().Before(away) {
					return nil, &net.OpError{Op: "dial", Net: "tcp", Err: net.UnknownNetworkError(address)}
				}
				conn, err := b.Dial(ctx)
				last = conn
				return conn, err
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()

		began := time.Now()
		away = began.Add(time.Hour)
		last.Close()
		err = c.Publish(t.Context(), client.Message{Topic: "readings", Payload: []byte("21.5"), QoS: packets.AtLeastOnce})
		if err != nil {
			t.Error(err)
		}
		if waited := time.Since(began); waited < time.Hour || waited > time.Hour+30*time.Second {
			t.Errorf("it took %v, want an hour", waited)
		}
	})
}

// A test of one's own program: with a broker in the same process, whose Dial is for
// Config.Dialer, and with the time of testing/synctest.
func ExampleConfig_test() {
	// outage is called by a test.
	_ = outage
}
