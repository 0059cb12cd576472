//go:build linux

package main

import (
	"context"
	"net/url"

	"github.com/eclipse/paho.golang/autopaho"
	"github.com/eclipse/paho.golang/paho"
)

// autopahoClient is github.com/eclipse/paho.golang/autopaho, 5.0. Its Publish is that
// of package paho behind a lock, and it has no handles: what it publishes without
// waiting, from its queue or by PublishMethod_AsyncSend, has no outcome to wait for.
type autopahoClient struct {
	c      *autopaho.ConnectionManager
	cancel context.CancelFunc
	handle func(*paho.Publish)
	pending
}

func connectAutopaho(address string) (client, error) {
	ctx, cancel := context.WithCancel(context.Background())
	a := &autopahoClient{cancel: cancel}
	config := autopaho.ClientConfig{
		ServerUrls:                    []*url.URL{{Scheme: "mqtt", Host: address}},
		KeepAlive:                     20,
		CleanStartOnInitialConnection: true,
		ClientConfig: paho.ClientConfig{
			ClientID: "autopaho",
			OnPublishReceived: []func(paho.PublishReceived) (bool, error){func(p paho.PublishReceived) (bool, error) {
				a.handle(p.Packet)
				return true, nil
			}},
		},
	}
	var err error
	if a.c, err = autopaho.NewConnection(ctx, config); err == nil {
		err = a.c.AwaitConnection(ctx)
	}
	return a, err
}

func (a *autopahoClient) publish(topic string, qos byte, payload []byte) error {
	_, err := a.c.Publish(context.Background(), &paho.Publish{Topic: topic, QoS: qos, Payload: payload})
	return err
}

func (a *autopahoClient) subscribe(filter string, qos byte, handle func([]byte)) error {
	return a.subscribePackets(filter, qos, func(p *paho.Publish) { handle(p.Payload) })
}

func (a *autopahoClient) subscribePackets(filter string, qos byte, handle func(*paho.Publish)) error {
	a.handle = handle
	_, err := a.c.Subscribe(context.Background(), &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{{Topic: filter, QoS: qos}}})
	return err
}

// request does what extensions/rpc does, but for two things: that drops a reply which
// comes before it waits, and takes the time for the identifier of a request.
func (a *autopahoClient) request(payload []byte) ([]byte, error) {
	const replies = "bench/replies/autopaho"
	return a.pending.request(payload,
		func() error {
			return a.subscribePackets(replies, 0, func(p *paho.Publish) { a.reply(stamp(p.Properties.CorrelationData), p.Payload) })
		},
		func() error {
			id := stamp(payload)
			_, err := a.c.Publish(context.Background(), &paho.Publish{
				Topic: requests, Payload: payload,
				Properties: &paho.PublishProperties{ResponseTopic: replies, CorrelationData: id[:]},
			})
			return err
		})
}

func (a *autopahoClient) close() {
	a.c.Disconnect(context.Background())
	a.cancel()
}
