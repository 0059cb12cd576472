package gopeers

import (
	"cmp"
	"context"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/autopaho"
	"github.com/eclipse/paho.golang/paho"
)

// newPaho is a peer of paho.golang or of autopaho.
type newPaho struct {
	client     pahoClient
	publishes  chan *paho.Publish
	messages   chan message
	end        chan struct{}
	cutOff     func()
	disconnect func() error

	reason byte // of DISCONNECT, once the connection has ended
}

// pahoClient is what both can do.
type pahoClient interface {
	Subscribe(context.Context, *paho.Subscribe) (*paho.Suback, error)
	Unsubscribe(context.Context, *paho.Unsubscribe) (*paho.Unsuback, error)
	Publish(context.Context, *paho.Publish) (*paho.PublishResponse, error)
}

// newNewPaho has everything but a client, and what tells it of messages and ends.
func newNewPaho(o options) (*newPaho, paho.ClientConfig) {
	p := &newPaho{publishes: make(chan *paho.Publish, 100), messages: make(chan message, 100), end: make(chan struct{})}
	ended := sync.OnceFunc(func() { close(p.end) })
	return p, paho.ClientConfig{
		ClientID: o.id,
		OnPublishReceived: []func(paho.PublishReceived) (bool, error){func(r paho.PublishReceived) (bool, error) {
			m := r.Packet
			p.publishes <- m
			p.messages <- message{m.Topic, string(m.Payload), m.QoS, m.Retain}
			return true, nil
		}},
		PacketTimeout: patience,
		OnClientError: func(error) { ended() },
		OnServerDisconnect: func(d *paho.Disconnect) {
			p.reason = d.ReasonCode
			ended()
		},
	}
}

func (o options) sessionExpiry() uint32 {
	if o.stays {
		return 100
	}
	return 0
}

func (o options) willMessage() *paho.WillMessage {
	if o.will == "" {
		return nil
	}
	return &paho.WillMessage{Topic: o.will, Payload: []byte("gone"), QoS: 1}
}

func dialPaho(t *testing.T, broker *url.URL, o options) peer {
	t.Helper()
	p, config := newNewPaho(o)
	config.Conn = dialTCP(t, broker)
	c := paho.NewClient(config)
	expiry := o.sessionExpiry()
	answer, err := c.Connect(t.Context(), &paho.Connect{
		ClientID: o.id, KeepAlive: cmp.Or(o.keepAlive, 60), CleanStart: !o.stays, WillMessage: o.willMessage(),
		Properties: &paho.ConnectProperties{SessionExpiryInterval: &expiry},
	})
	if err != nil {
		t.Fatalf("%v, %+v", err, answer)
	}
	p.client = c
	p.cutOff = func() { config.Conn.Close() }
	p.disconnect = func() error { return c.Disconnect(&paho.Disconnect{}) }
	return p
}

// dialAutopaho does not connect again.
func dialAutopaho(t *testing.T, broker *url.URL, o options) peer {
	t.Helper()
	p, config := newNewPaho(o)
	c, err := autopaho.NewConnection(context.Background(), autopaho.ClientConfig{
		ServerUrls: []*url.URL{broker}, KeepAlive: cmp.Or(o.keepAlive, 60), CleanStartOnInitialConnection: !o.stays,
		SessionExpiryInterval: o.sessionExpiry(), WillMessage: o.willMessage(), ClientConfig: config,
		OnConnectionDown: func() bool { return false },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := c.AwaitConnection(ctx); err != nil {
		t.Fatal(err)
	}
	p.client = c
	p.cutOff = c.TerminateConnectionForTest
	p.disconnect = func() error {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		return c.Disconnect(ctx)
	}
	return p
}

func (p *newPaho) subscribe(t *testing.T, filter string, qos byte) {
	t.Helper()
	p.subscribeWith(t, &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{{Topic: filter, QoS: qos}}})
}

func (p *newPaho) subscribeWith(t *testing.T, s *paho.Subscribe) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	answer, err := p.client.Subscribe(ctx, s)
	if err != nil {
		t.Fatal(err)
	}
	if want := s.Subscriptions[0]; answer.Reasons[0] != want.QoS {
		t.Fatalf("subscribe to %s at QoS %d: got %#x", want.Topic, want.QoS, answer.Reasons[0])
	}
}

func (p *newPaho) unsubscribe(t *testing.T, filter string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if answer, err := p.client.Unsubscribe(ctx, &paho.Unsubscribe{Topics: []string{filter}}); err != nil {
		t.Fatalf("%v, %+v", err, answer)
	}
}

func (p *newPaho) publish(t *testing.T, m message) {
	t.Helper()
	p.publishWith(t, &paho.Publish{Topic: m.topic, QoS: m.qos, Retain: m.retain, Payload: []byte(m.payload)})
}

func (p *newPaho) publishWith(t *testing.T, m *paho.Publish) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if answer, err := p.client.Publish(ctx, m); err != nil {
		t.Fatalf("%v, %+v", err, answer)
	}
}

// nextPublish is next, with all that the packet says.
func (p *newPaho) nextPublish(t *testing.T) *paho.Publish {
	t.Helper()
	select {
	case m := <-p.publishes:
		return m
	case <-time.After(patience):
		t.Fatal("no message")
		return nil
	}
}

func (p *newPaho) received() <-chan message { return p.messages }
func (p *newPaho) ended() <-chan struct{}   { return p.end }
func (p *newPaho) cut()                     { p.cutOff() }

func (p *newPaho) close(t *testing.T) {
	t.Helper()
	if err := p.disconnect(); err != nil {
		t.Error(err)
	}
}
