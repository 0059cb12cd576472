package client_test

import (
	"errors"
	"testing"
	"testing/synctest"

	"github.com/fletchmq/fletch/client"
	"github.com/fletchmq/fletch/client/clienttest"
	"github.com/fletchmq/fletch/packets"
)

// hold is a handler that holds what it gets.
func hold(held chan<- *client.Message) client.Handler {
	return func(m *client.Message) error {
		held <- m.Hold()
		return nil
	}
}

// Acknowledgements go out in the order of arrival, whatever that of Ack. [MQTT-4.6.0-2]
// [MQTT3-4.6.0-2] [MQTT-4.6.0-3] [MQTT3-4.6.0-3]
func TestHold(t *testing.T) {
	worlds(t, func(t *testing.T, l *clienttest.Listener) {
		c := begin(t, l, kept)
		peer := accept(l, nil)
		held := make(chan *client.Message, 10)
		subscribe(t, c, peer, "a", hold(held))
		subscribe(t, c, peer, "b", calls(func() {}))
		peer.Send(message(1, 1, "a", "one"), message(2, 2, "a", "two"), message(1, 3, "b", "is handled"), message(1, 4, "a", "four"))
		synctest.Wait()
		one, two, four := <-held, <-held, <-held
		want(t, "payload", string(one.Payload)+string(two.Payload), "onetwo") // its own memory
		four.Ack()
		two.Ack()
		acked := async(func() error { peer.Expect("PUBACK packet-id=1"); return nil })
		pending(t, acked)
		one.Ack()
		<-acked
		peer.Expect("PUBREC packet-id=2")
		peer.Expect("PUBACK packet-id=3")
		peer.Expect("PUBACK packet-id=4")
		one.Ack() // does nothing
		published := publish(c, 0, "end")
		peer.Expect(`PUBLISH topic=end payload="hi"`)
		want(t, "publish", <-published, nil)
	})
}

// Acknowledging what came on an earlier connection does nothing: it comes again, and
// at QoS 2 only its PUBREC is owed.
func TestAckBehindAReconnect(t *testing.T) {
	worlds(t, func(t *testing.T, l *clienttest.Listener) {
		c := begin(t, l, kept)
		peer := accept(l, nil)
		held := make(chan *client.Message, 10)
		subscribe(t, c, peer, "a", hold(held))
		peer.Send(message(1, 1, "a", "one"), message(2, 2, "a", "two"))
		synctest.Wait()
		peer.Close()
		peer = accept(l, present())
		one, two := <-held, <-held
		one.Ack()
		two.Ack()
		peer.Send(message(1, 1, "a", "one"), message(2, 2, "a", "two"))
		synctest.Wait()
		want(t, "messages that came again", len(held), 1)
		acked := async(func() error { peer.Expect("PUBACK packet-id=1"); return nil })
		pending(t, acked)
		(<-held).Ack()
		<-acked
		peer.Expect("PUBREC packet-id=2")
	})
}

// A handler that fails has its message sent again, and with it what came behind.
func TestHandlerFails(t *testing.T) {
	failures := map[string]func() error{
		"error": func() error { return errors.New("disk full") },
		"panic": func() error { panic("disk full") },
	}
	for name, failure := range failures {
		t.Run(name, func(t *testing.T) {
			worlds(t, func(t *testing.T, l *clienttest.Listener) {
				c := begin(t, l, kept)
				peer := accept(l, nil)
				got, fail := make(chan string, 10), true
				subscribe(t, c, peer, "a", func(m *client.Message) error {
					if fail {
						fail = false
						return failure()
					}
					got <- string(m.Payload)
					return nil
				})
				for qos, answer := range map[packets.QoS]string{1: "PUBACK packet-id=1", 2: "PUBREC packet-id=1"} {
					fail = true
					peer.Send(message(qos, 1, "a", "one"))
					if l.Version == packets.V5 {
						peer.Expect("DISCONNECT reason=0x80")
					}
					peer.ExpectEnd()
					peer = accept(l, present())
					peer.Send(message(qos, 1, "a", "one"))
					peer.Expect(answer)
					want(t, "message", <-got, "one")
				}
			})
		})
	}
}

// A *RefusedError refuses the message with its reason, where the server can be told,
// and the connection goes on. [MQTT-4.3.3-9]
func TestHandlerRefuses(t *testing.T) {
	worlds(t, func(t *testing.T, l *clienttest.Listener) {
		c := begin(t, l, kept)
		peer := accept(l, nil)
		subscribe(t, c, peer, "a", func(m *client.Message) error {
			return &client.RefusedError{Reason: packets.QuotaExceeded}
		})
		peer.Send(message(1, 1, "a", "one"), message(2, 2, "a", "two"))
		reason := ""
		if l.Version == packets.V5 {
			reason = " reason=0x97"
		}
		peer.Expect("PUBACK packet-id=1" + reason)
		peer.Expect("PUBREC packet-id=2" + reason)
		want(t, "state", c.State(), client.Up)
	})
}

// Where the session ends with the connection, a new one would not bring it back.
func TestHandlerFailsWithoutASession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := clienttest.Listen(t, packets.V311)
		c := begin(t, l, client.Config{})
		peer := accept(l, nil)
		subscribe(t, c, peer, "a", func(m *client.Message) error { return errors.New("disk full") })
		peer.Send(message(1, 1, "a", "one"))
		peer.Expect("PUBACK packet-id=1")
		want(t, "state", c.State(), client.Up)
	})
}
