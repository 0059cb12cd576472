package client_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fletchmq/fletch/client"
	"github.com/fletchmq/fletch/client/clienttest"
	"github.com/fletchmq/fletch/packets"
)

// Topic aliases are of their connection, both ways. [MQTT-3.3.2-7] [MQTT-3.2.2-17]
func TestAliasesEndWithTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := clienttest.Listen(t, packets.V5)
		cfg := kept
		cfg.TopicAliasMaximum = 2
		c := begin(t, l, cfg)
		got := make(chan string, 10)
		for i := range 2 {
			ack := &packets.Connack{SessionPresent: i > 0}
			ack.Props.SetTopicAliasMaximum(1)
			peer := accept(l, ack)
			if i == 0 {
				subscribe(t, c, peer, "#", collect(got))
			}
			for _, want := range []string{"topic=long/topic topic-alias=1", `topic="" topic-alias=1`} {
				done := publish(c, 0, "long/topic")
				peer.Expect("PUBLISH " + want + ` payload="hi"`)
				<-done
			}
			m := message(0, 0, "in", "hi")
			m.Props.SetTopicAlias(2)
			peer.Send(m)
			m.Topic = nil
			peer.Send(m)
			want(t, "messages", (<-got)+(<-got), "in=hiin=hi")
			peer.Close()
		}
		peer := accept(l, present())
		done := publish(c, 0, "long/topic") // this server has no aliases
		peer.Expect(`PUBLISH topic=long/topic payload="hi"`)
		want(t, "publish", <-done, nil)
		m := message(0, 0, "", "of the connection before")
		m.Props.SetTopicAlias(2)
		peer.Send(m)
		peer.Expect("DISCONNECT reason=0x82")
	})
}

// A message that is sent again has its topic, whatever the alias was.
func TestSentAgainWithItsTopic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := clienttest.Listen(t, packets.V5)
		c := begin(t, l, kept)
		ack := new(packets.Connack)
		ack.Props.SetTopicAliasMaximum(1)
		peer := accept(l, ack)
		inTurn(t, c, client.Message{Topic: "long/topic", QoS: 1}, client.Message{Topic: "long/topic", QoS: 1})
		peer.Expect(`PUBLISH qos=1 topic=long/topic packet-id=1 topic-alias=1 payload=""`)
		peer.Expect(`PUBLISH qos=1 topic="" packet-id=2 topic-alias=1 payload=""`)
		peer.Close()
		peer = accept(l, present())
		peer.Expect(`PUBLISH dup qos=1 topic=long/topic packet-id=1 payload=""`)
		peer.Expect(`PUBLISH dup qos=1 topic=long/topic packet-id=2 payload=""`)
	})
}

// The keep alive is that which the server of this connection has named.
// [MQTT-3.1.2-21] [MQTT-3.2.2-21]
func TestServerKeepAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := clienttest.Listen(t, packets.V5)
		begin(t, l, client.Config{ClientID: "x", KeepSession: true, KeepAlive: 100 * time.Second})
		for i, seconds := range []uint16{10, 0, 40} {
			ack := &packets.Connack{SessionPresent: i > 0}
			ack.Props.SetServerKeepAlive(seconds)
			peer := accept(l, ack)
			start := time.Now()
			if seconds == 0 {
				time.Sleep(time.Hour) // and no PINGREQ
			} else {
				peer.Expect("PINGREQ")
				if silence := time.Since(start); silence > time.Duration(seconds)*time.Second {
					t.Errorf("silent for %v with a keep alive of %d s", silence, seconds)
				}
			}
			peer.Close()
		}
		peer := accept(l, present()) // says nothing: that of Config
		start := time.Now()
		peer.Expect("PINGREQ")
		want(t, "silence", time.Since(start), 50*time.Second)
	})
}

// The identifier that a server has assigned is that of the session.
// [MQTT-3.1.3-2]
func TestAssignedClientIDIsUsedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := clienttest.Listen(t, packets.V5)
		c := begin(t, l, client.Config{KeepSession: true})
		ack := new(packets.Connack)
		ack.Props.SetAssignedClientIdentifier([]byte("auto-1"))
		accept(l, ack).Close()
		peer := l.Accept()
		connect, _ := peer.Next().(*packets.Connect)
		want(t, "client identifier", string(connect.ClientID), "auto-1")
		want(t, "clean start", connect.CleanStart, false)
		want(t, "of the Client", c.ClientID(), "auto-1")
	})
}

// Receive Maximum of the client is that of each connection. [MQTT-3.3.4-9]
func TestReceiveMaximumOfEachConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := clienttest.Listen(t, packets.V5)
		cfg := kept
		cfg.ReceiveMaximum = 2
		c := begin(t, l, cfg)
		peer := accept(l, nil)
		held := make(chan *client.Message, 10)
		subscribe(t, c, peer, "a", hold(held))
		for range 3 {
			peer.Send(message(1, 1, "a", "one"), message(1, 2, "a", "two"))
			synctest.Wait()
			want(t, "state", c.State(), client.Up)
			peer.Close()
			peer = accept(l, present())
		}
		peer.Send(message(1, 1, "a", "one"), message(1, 2, "a", "two"), message(1, 3, "a", "too much"))
		peer.Expect("DISCONNECT reason=0x93")
	})
}

// A topic alias makes no packet larger than the server takes. [MQTT-3.2.2-15]
func TestTopicAliasWithoutRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		full := message(0, 0, "long/topic", "just small enough")
		ack := new(packets.Connack)
		ack.Props.SetTopicAliasMaximum(10)
		ack.Props.SetMaximumPacketSize(uint32(len(full.AppendTo(nil, packets.V5))))
		c, peer := connect(t, client.Config{Version: packets.V5}, ack)
		for _, want := range []string{
			full.String(), // and the alias is not known
			`PUBLISH topic=long/topic topic-alias=1 payload=""`,
			`PUBLISH topic="" topic-alias=1 payload="just small enough"`,
		} {
			m := client.Message{Topic: "long/topic", Payload: full.Payload}
			if strings.HasSuffix(want, `""`) {
				m.Payload = nil
			}
			done := async(func() error { return c.Publish(t.Context(), m) })
			peer.Expect(want)
			<-done
		}
	})
}
