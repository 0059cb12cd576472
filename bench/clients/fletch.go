//go:build linux

package main

import (
	"bytes"
	"context"

	fletch "github.com/fletchmq/fletch/client"
	"github.com/fletchmq/fletch/packets"
)

// fletchClient is package client of this tree.
type fletchClient struct {
	c          *fletch.Client
	version    packets.Version
	deliveries [window]*fletch.Delivery
	pending
}

func connectFletch311(address string) (client, error) { return connectFletch(address, packets.V311) }
func connectFletch5(address string) (client, error)   { return connectFletch(address, packets.V5) }

func connectFletch(address string, v packets.Version) (client, error) {
	c, err := fletch.Dial(context.Background(), address, fletch.Config{Version: v})
	if err != nil {
		return nil, err
	}
	return &fletchClient{c: c, version: v}, nil
}

func (f *fletchClient) publish(topic string, qos byte, payload []byte) error {
	return f.c.Publish(context.Background(), fletch.Message{Topic: topic, QoS: packets.QoS(qos), Payload: payload})
}

func (f *fletchClient) start(slot int, topic string, qos byte, payload []byte) (err error) {
	f.deliveries[slot], err = f.c.PublishAsync(context.Background(), fletch.Message{Topic: topic, QoS: packets.QoS(qos), Payload: payload})
	return err
}

func (f *fletchClient) wait(slot int) error { return f.deliveries[slot].Wait(context.Background()) }

func (f *fletchClient) subscribe(filter string, qos byte, handle func([]byte)) error {
	return f.c.Subscribe(context.Background(), filter, packets.QoS(qos), func(m *fletch.Message) error {
		handle(m.Payload)
		return nil
	})
}

func (f *fletchClient) request(payload []byte) ([]byte, error) {
	if f.version == packets.V5 {
		m, err := f.c.Request(context.Background(), fletch.Message{Topic: requests, Payload: payload})
		if err != nil {
			return nil, err
		}
		return m.Payload, nil
	}
	return f.pending.request(payload,
		func() error {
			return f.subscribe(responses, 0, func(p []byte) { f.reply(stamp(p), bytes.Clone(p)) })
		},
		func() error { return f.publish(requests, 0, payload) })
}

func (f *fletchClient) close() { f.c.Close() }
