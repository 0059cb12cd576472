//go:build linux

package main

import (
	"errors"

	"github.com/fletchmq/fletch/packets"
)

// bare is a socket without a library, used by one goroutine: what nobody who waits for
// each message can be faster than.
type bare struct {
	*wire
	got []byte // the payload of the last PUBLISH
}

func connectBare(address string) (client, error) {
	w, err := subscribed(address, packets.V311, responses)
	return &bare{wire: w}, err
}

func (b *bare) publish(topic string, qos byte, payload []byte) error {
	p := packets.Publish{QoS: packets.QoS(qos), Topic: []byte(topic), PacketID: 1, Payload: payload}
	b.out = p.AppendTo(b.out, b.version)
	if err := b.flush(); err != nil || qos == 0 {
		return err
	}
	if qos == 1 {
		return b.await(packets.TypePuback)
	}
	if err := b.await(packets.TypePubrec); err != nil {
		return err
	}
	b.out = (&packets.Pubrel{PacketID: 1}).AppendTo(b.out, b.version)
	if err := b.flush(); err != nil {
		return err
	}
	return b.await(packets.TypePubcomp)
}

func (b *bare) await(t packets.Type) (err error) {
	for came := false; err == nil && !came; {
		err = b.turn(func(p packets.Packet) error {
			came = p.Type() == t
			if m, ok := p.(*packets.Publish); ok {
				b.got = m.Payload
			}
			return nil
		})
	}
	return err
}

func (b *bare) request(payload []byte) ([]byte, error) {
	if err := b.publish(requests, 0, payload); err != nil {
		return nil, err
	}
	err := b.await(packets.TypePublish)
	return b.got, err
}

func (b *bare) subscribe(string, byte, func([]byte)) error { return errors.ErrUnsupported }

func (b *bare) close() { b.Close() }
