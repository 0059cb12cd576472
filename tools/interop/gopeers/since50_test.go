package gopeers

import (
	"context"
	"fmt"
	"net/url"
	"reflect"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/autopaho"
	"github.com/eclipse/paho.golang/paho"
	"github.com/eclipse/paho.golang/paho/extensions/topicaliases"
)

func TestProperties(t *testing.T) {
	t.Parallel()
	where := startBroker(t, "mqtt")
	sub, pub := dialPaho(t, where, options{id: "sub"}).(*newPaho), dialPaho(t, where, options{id: "pub"}).(*newPaho)
	sub.subscribe(t, "p", 1)
	one, expiry := byte(1), uint32(1000)
	sent := paho.PublishProperties{
		CorrelationData: []byte{0, 1}, ContentType: "text/plain", ResponseTopic: "r", PayloadFormat: &one, MessageExpiry: &expiry,
		User: paho.UserProperties{{Key: "k", Value: "v"}, {Key: "k", Value: "w"}},
	}
	pub.publishWith(t, &paho.Publish{Topic: "p", QoS: 1, Payload: []byte("hi"), Properties: &sent})
	got := sub.nextPublish(t).Properties
	if got.MessageExpiry == nil || *got.MessageExpiry < 990 || *got.MessageExpiry > 1000 {
		t.Errorf("message expiry: got %v", got.MessageExpiry)
	}
	got.MessageExpiry = sent.MessageExpiry
	if !reflect.DeepEqual(got, &sent) {
		t.Errorf("got %+v, want %+v", got, sent)
	}
	sub.close(t)
	pub.close(t)
}

func TestSubscriptionOptions(t *testing.T) {
	t.Parallel()
	where := startBroker(t, "mqtt")
	sub, pub := dialPaho(t, where, options{id: "sub"}).(*newPaho), dialPaho(t, where, options{id: "pub"}).(*newPaho)
	pub.publish(t, message{topic: "kept", payload: "old", qos: 1, retain: true})
	seven := 7
	sub.subscribeWith(t, &paho.Subscribe{
		Subscriptions: []paho.SubscribeOptions{{Topic: "#", QoS: 2, NoLocal: true, RetainAsPublished: true, RetainHandling: 2}},
		Properties:    &paho.SubscribeProperties{SubscriptionIdentifier: &seven},
	})
	sub.publish(t, message{topic: "own", qos: 1})
	pub.publish(t, message{topic: "kept", payload: "new", qos: 1, retain: true})
	m := sub.nextPublish(t)
	if m.Topic != "kept" || string(m.Payload) != "new" || !m.Retain || m.Properties.SubscriptionIdentifier == nil || *m.Properties.SubscriptionIdentifier != 7 {
		t.Errorf("got %+v, %+v", m, m.Properties)
	}
	sub.close(t)
	pub.close(t)
}

func TestTopicAliases(t *testing.T) {
	t.Parallel()
	where := startBroker(t, "mqtt")
	sub := dialPaho(t, where, options{id: "sub"})
	sub.subscribe(t, "alias/+", 1)
	aliases := topicaliases.NewTAHandler(4)
	nc := dialTCP(t, where)
	pub := paho.NewClient(paho.ClientConfig{ClientID: "pub", Conn: nc, PacketTimeout: patience, PublishHook: aliases.PublishHook})
	if _, err := pub.Connect(t.Context(), &paho.Connect{ClientID: "pub", CleanStart: true}); err != nil {
		t.Fatal(err)
	}
	for n := range 20 {
		topic := fmt.Sprint("alias/", n%4)
		if _, err := pub.Publish(t.Context(), &paho.Publish{Topic: topic, QoS: 1, Payload: fmt.Append(nil, n)}); err != nil {
			t.Fatal(err)
		}
		want(t, sub, message{topic: topic, payload: fmt.Sprint(n), qos: 1})
	}
	if err := pub.Disconnect(&paho.Disconnect{}); err != nil {
		t.Error(err)
	}
	sub.close(t)
}

// The client is told why: 0x8E, Session taken over.
func TestTakenOver(t *testing.T) {
	t.Parallel()
	where := startBroker(t, "mqtt")
	first := dialPaho(t, where, options{id: "one"}).(*newPaho)
	second := dialPaho(t, where, options{id: "one"})
	wantEnd(t, first)
	if first.reason != 0x8E {
		t.Errorf("DISCONNECT with %#x, want 0x8E", first.reason)
	}
	second.close(t)
}

// autopaho comes back to its session by itself, and sends what it was given meanwhile.
func TestReconnect(t *testing.T) {
	t.Parallel()
	where := startBroker(t, "mqtt")
	p, config := newNewPaho(options{id: "returns"})
	up := make(chan bool, 10)
	c, err := autopaho.NewConnection(context.Background(), autopaho.ClientConfig{
		ServerUrls: []*url.URL{where}, KeepAlive: 60, SessionExpiryInterval: 100, ClientConfig: config,
		ReconnectBackoff: func(int) time.Duration { return time.Millisecond },
		OnConnectionUp:   func(_ *autopaho.ConnectionManager, c *paho.Connack) { up <- c.SessionPresent },
	})
	if err != nil {
		t.Fatal(err)
	}
	p.client = c
	present := func() bool {
		select {
		case present := <-up:
			return present
		case <-time.After(patience):
			t.Fatal("not connected")
			return false
		}
	}
	if present() {
		t.Error("a session that nobody has begun")
	}
	p.subscribe(t, "x", 2)
	for n := range 5 {
		c.TerminateConnectionForTest()
		m := message{topic: "x", payload: fmt.Sprint(n), qos: 2}
		if err := c.PublishViaQueue(t.Context(), &autopaho.QueuePublish{Publish: &paho.Publish{Topic: m.topic, QoS: m.qos, Payload: []byte(m.payload)}}); err != nil {
			t.Fatal(err)
		}
		if !present() {
			t.Error("no session")
		}
		want(t, p, m)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := c.Disconnect(ctx); err != nil {
		t.Error(err)
	}
}
