package client_test

import (
	"context"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fletchmq/fletch/client"
	"github.com/fletchmq/fletch/client/clienttest"
	"github.com/fletchmq/fletch/packets"
)

// What is wrong is named, so that it is found where it was written.
func TestMistakesAreNamed(t *testing.T) {
	c, _ := connect(t, client.Config{}, nil)
	ctx := t.Context()
	_, list := c.SubscribeAll(ctx, nil, client.Subscription{Filter: "a/+"}, client.Subscription{Filter: "a/#/b"})
	for _, test := range []struct {
		err  error
		want string
	}{
		{c.Publish(ctx, client.Message{Topic: "a/+"}), `topic "a/+": PUBLISH breaks [MQTT-3.3.2-2] of MQTT 3.1.1: no wildcard in a topic name`},
		{c.Publish(ctx, client.Message{Topic: "a", QoS: 3}), "QoS 3"},
		{c.Subscribe(ctx, "a#", 0, nil), `filter "a#": `},
		{c.Subscribe(ctx, "a", 3, nil), "a subscription at QoS 3"},
		{list, `filter "a/#/b": `},
		{c.Unsubscribe(ctx, "b", "b+"), `filters ["b" "b+"]: `},
	} {
		wantError(t, test.err, client.ErrInvalid)
		if !strings.Contains(test.err.Error(), test.want) {
			t.Errorf("%v: want %s", test.err, test.want)
		}
	}
	_, err := client.Start(ctx, "localhost", client.Config{KeepSession: true})
	wantError(t, err, client.ErrInvalid)
	if !strings.Contains(err.Error(), "KeepSession: want a ClientID") {
		t.Error(err)
	}
}

// Who waits in vain is told for what.
func TestWaitingInVainIsExplained(t *testing.T) {
	worlds(t, func(t *testing.T, l *clienttest.Listener) {
		c := begin(t, l, kept)
		l.Refuse(nil)
		synctest.Wait()
		for _, do := range []func(context.Context) error{
			func(ctx context.Context) error { return c.Publish(ctx, client.Message{Topic: "a"}) },
			func(ctx context.Context) error { return c.Subscribe(ctx, "a", 0, nil) },
			c.Ping,
		} {
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			err := do(ctx)
			cancel()
			wantError(t, err, client.ErrNotSent, context.DeadlineExceeded)
			if !strings.Contains(err.Error(), "connection refused") {
				t.Errorf("%v: does not say why there is no connection", err)
			}
		}
	})
}

func TestSilentServerIsExplained(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, peer := clienttest.Pipe(t, packets.V311)
		go peer.Ignore()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		dialer := func(context.Context, string, string) (net.Conn, error) { return near, nil }
		_, err := client.Dial(ctx, "localhost", client.Config{Dialer: dialer})
		wantError(t, err, context.DeadlineExceeded)
		want(t, "error", err.Error(), "client: cannot connect: mqtt://localhost:1883: no CONNACK: context deadline exceeded")
	})
}
