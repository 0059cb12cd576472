//go:build linux

package main

import (
	"context"

	mqtt "github.com/at-wat/mqtt-go"
)

// mqttGo is github.com/at-wat/mqtt-go, 3.1.1: its BaseClient, as the one that
// reconnects returns from Publish before the message is sent.
type mqttGo struct {
	c *mqtt.BaseClient
	pending
}

func connectMQTTGo(address string) (client, error) {
	c, err := mqtt.DialContext(context.Background(), "mqtt://"+address)
	if err == nil {
		_, err = c.Connect(context.Background(), "mqtt-go", mqtt.WithCleanSession(true))
	}
	return &mqttGo{c: c}, err
}

func (m *mqttGo) publish(topic string, qos byte, payload []byte) error {
	return m.c.Publish(context.Background(), &mqtt.Message{Topic: topic, QoS: mqtt.QoS(qos), Payload: payload})
}

func (m *mqttGo) subscribe(filter string, qos byte, handle func([]byte)) error {
	m.c.Handle(mqtt.HandlerFunc(func(p *mqtt.Message) { handle(p.Payload) }))
	_, err := m.c.Subscribe(context.Background(), mqtt.Subscription{Topic: filter, QoS: mqtt.QoS(qos)})
	return err
}

func (m *mqttGo) request(payload []byte) ([]byte, error) {
	return m.pending.request(payload,
		func() error { return m.subscribe(responses, 0, func(b []byte) { m.reply(stamp(b), b) }) },
		func() error { return m.publish(requests, 0, payload) })
}

func (m *mqttGo) close() { m.c.Disconnect(context.Background()) }
