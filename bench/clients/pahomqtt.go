//go:build linux

package main

import (
	"sync"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

// pahoMQTT is github.com/eclipse/paho.mqtt.golang, 3.1.1. All is as it comes. With
// SetOrderMatters(false), which its documentation recommends, each message is handled
// in a goroutine of its own, and they overtake each other.
type pahoMQTT struct {
	c       mqtt.Client
	ordered bool
	handler sync.Mutex // where they do, one is counted at a time
	tokens  [window]mqtt.Token
	pending
}

func connectPahoMQTT(address string) (client, error)          { return newPahoMQTT(address, true) }
func connectPahoMQTTUnordered(address string) (client, error) { return newPahoMQTT(address, false) }

func newPahoMQTT(address string, ordered bool) (client, error) {
	o := mqtt.NewClientOptions().AddBroker("tcp://" + address).SetClientID("paho.mqtt").SetOrderMatters(ordered)
	p := &pahoMQTT{c: mqtt.NewClient(o), ordered: ordered}
	return p, done(p.c.Connect())
}

func done(t mqtt.Token) error {
	t.Wait()
	return t.Error()
}

func (p *pahoMQTT) publish(topic string, qos byte, payload []byte) error {
	return done(p.c.Publish(topic, qos, false, payload))
}

func (p *pahoMQTT) start(slot int, topic string, qos byte, payload []byte) error {
	p.tokens[slot] = p.c.Publish(topic, qos, false, payload)
	return nil
}

func (p *pahoMQTT) wait(slot int) error { return done(p.tokens[slot]) }

func (p *pahoMQTT) subscribe(filter string, qos byte, handle func([]byte)) error {
	return done(p.c.Subscribe(filter, qos, func(_ mqtt.Client, m mqtt.Message) {
		if !p.ordered {
			p.handler.Lock()
			defer p.handler.Unlock()
		}
		handle(m.Payload())
	}))
}

func (p *pahoMQTT) request(payload []byte) ([]byte, error) {
	return p.pending.request(payload,
		func() error { return p.subscribe(responses, 0, func(b []byte) { p.reply(stamp(b), b) }) },
		func() error { return p.publish(requests, 0, payload) })
}

func (p *pahoMQTT) close() { p.c.Disconnect(0) }
