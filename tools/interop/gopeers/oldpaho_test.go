package gopeers

import (
	"cmp"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

// oldPaho is a peer of paho.mqtt.golang.
type oldPaho struct {
	client   mqtt.Client
	conn     net.Conn
	messages chan message
	end      chan struct{}
}

func dialOldPaho(version uint) func(t *testing.T, broker *url.URL, o options) peer {
	return func(t *testing.T, broker *url.URL, o options) peer {
		t.Helper()
		p := &oldPaho{messages: make(chan message, 100), end: make(chan struct{})}
		ended := sync.OnceFunc(func() { close(p.end) })
		config := mqtt.NewClientOptions().AddBroker(broker.String()).SetClientID(o.id).SetProtocolVersion(version)
		config.SetCleanSession(!o.stays).SetAutoReconnect(false)
		config.SetKeepAlive(time.Duration(cmp.Or(o.keepAlive, 60)) * time.Second)
		config.SetConnectionLostHandler(func(mqtt.Client, error) { ended() })
		config.SetDefaultPublishHandler(func(_ mqtt.Client, m mqtt.Message) {
			p.messages <- message{m.Topic(), string(m.Payload()), m.Qos(), m.Retained()}
		})
		config.SetCustomOpenConnectionFn(func(u *url.URL, _ mqtt.ClientOptions) (nc net.Conn, err error) {
			if u.Scheme == "ws" {
				nc, err = mqtt.NewWebsocket(u.String(), nil, patience, nil, nil)
			} else {
				nc, err = net.Dial("tcp", u.Host)
			}
			p.conn = nc
			return nc, err
		})
		if o.will != "" {
			config.SetWill(o.will, "gone", 1, false)
		}
		p.client = mqtt.NewClient(config)
		done(t, p.client.Connect())
		return p
	}
}

func done(t *testing.T, token mqtt.Token) {
	t.Helper()
	if !token.WaitTimeout(patience) {
		t.Fatal("no answer")
	}
	if err := token.Error(); err != nil {
		t.Fatal(err)
	}
}

func (p *oldPaho) subscribe(t *testing.T, filter string, qos byte) {
	t.Helper()
	token := p.client.Subscribe(filter, qos, nil).(*mqtt.SubscribeToken)
	done(t, token)
	for _, granted := range token.Result() { // the one, whose key is not filter if that is shared
		if granted != qos {
			t.Fatalf("subscribe to %s at QoS %d: got %#x", filter, qos, granted)
		}
	}
}

func (p *oldPaho) unsubscribe(t *testing.T, filter string) {
	t.Helper()
	done(t, p.client.Unsubscribe(filter))
}

func (p *oldPaho) publish(t *testing.T, m message) {
	t.Helper()
	done(t, p.client.Publish(m.topic, m.qos, m.retain, m.payload))
}

func (p *oldPaho) received() <-chan message { return p.messages }
func (p *oldPaho) ended() <-chan struct{}   { return p.end }
func (p *oldPaho) cut()                     { p.conn.Close() }

// close waits until DISCONNECT is sent, and not the whole time.
func (p *oldPaho) close(*testing.T) { p.client.Disconnect(uint(patience.Milliseconds())) }
