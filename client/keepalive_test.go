package client_test

import (
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fletchmq/fletch/client"
	"github.com/fletchmq/fletch/packets"
)

func TestPing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, peer := connect(t, client.Config{}, nil)
		done := async(func() error { return c.Ping(t.Context()) })
		peer.Expect("PINGREQ")
		pending(t, done)
		peer.Send(new(packets.Pingresp))
		want(t, "ping", <-done, nil)
	})
}

// Answers come in the order of the PINGREQs, those of the keep alive included.
func TestPingBehindKeepAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, peer := connect(t, client.Config{KeepAlive: 10 * time.Second}, nil)
		for range 3 {
			peer.Expect("PINGREQ")
			peer.Send(message(0, 0, "a", "the server is there"))
		}
		done := async(func() error { return c.Ping(t.Context()) })
		peer.Expect("PINGREQ")
		peer.Send(new(packets.Pingresp), new(packets.Pingresp), new(packets.Pingresp))
		pending(t, done)
		peer.Send(new(packets.Pingresp))
		want(t, "ping", <-done, nil)
	})
}

// There is never more than the keep alive between two packets of the client.
func TestV5_3_1_2_20(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, peer := connect(t, client.Config{KeepAlive: 10 * time.Second}, nil)
		last := time.Now()
		for range 5 {
			peer.Expect("PINGREQ")
			if silence := time.Since(last); silence > 10*time.Second {
				t.Errorf("silent for %v", silence)
			}
			last = time.Now()
			peer.Send(new(packets.Pingresp))
		}
		for range 20 { // and no PINGREQ while there is something else
			done := publish(c, 0, "a")
			peer.Expect(`PUBLISH topic=a payload="hi"`)
			<-done
			time.Sleep(3 * time.Second)
		}
	})
}

// [MQTT-3.2.2-21]
func TestV5_3_1_2_21(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ack := new(packets.Connack)
		ack.Props.SetServerKeepAlive(2)
		_, peer := connect(t, client.Config{Version: packets.V5, KeepAlive: time.Hour}, ack)
		start := time.Now()
		peer.Expect("PINGREQ")
		if silence := time.Since(start); silence > 2*time.Second {
			t.Errorf("silent for %v", silence)
		}
	})
}

func TestNoKeepAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := connect(t, client.Config{KeepAlive: -1}, nil)
		time.Sleep(24 * time.Hour)
		want(t, "error", c.Err(), nil)
	})
}

// A server that does not answer is gone.
func TestSilentServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, peer := connect(t, client.Config{KeepAlive: 10 * time.Second}, nil)
		start := time.Now()
		peer.Expect("PINGREQ")
		go peer.Ignore()
		<-c.Done()
		wantError(t, c.Err(), client.ErrClosed, os.ErrDeadlineExceeded)
		if after := time.Since(start); after > 25*time.Second {
			t.Errorf("noticed after %v", after)
		}
	})
}

// One that takes nothing is as well.
func TestServerThatTakesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := connect(t, client.Config{KeepAlive: 10 * time.Second}, nil)
		done := publish(c, 0, "a")
		wantError(t, <-done, client.ErrUnknown, client.ErrClosed, os.ErrDeadlineExceeded)
		<-c.Done()
	})
}

// A handler that blocks does not stop the keep alive.
func TestKeepAliveBesideHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, peer := connect(t, client.Config{KeepAlive: 10 * time.Second}, nil)
		release := make(chan struct{})
		subscribe(t, c, peer, "a", calls(func() { <-release }))
		peer.Send(message(1, 1, "a", ""))
		for range 10 {
			peer.Expect("PINGREQ")
			peer.Send(new(packets.Pingresp))
		}
		close(release)
		peer.Expect("PUBACK packet-id=1")
	})
}
