package client_test

import (
	"fmt"
	"slices"

	"github.com/fletchmq/fletch/packets"
)

// keptServer is the server of a keptWorld, with the session of its client, under
// keptWorld.mu. It holds against the client what leaves before it is stored.
type keptServer struct {
	w       *keptWorld
	present bool

	// What the client publishes.
	ledger   []string          // published
	held     map[uint16]string // QoS 2, until PUBREL
	released map[string]bool   // PUBREL has come

	// What the client receives.
	waiting []string
	flight  []*flight // in the order of sending
}

// flight is a message on its way to the client.
type flight struct {
	id       uint16
	name     string
	released bool // PUBREC has come
}

func (s *keptServer) queue(i int) {
	s.waiting = append(s.waiting, fmt.Sprintf("in-%02d-qos%d", i, 1+min(1, i%3)))
}

// lose is the end of the session. What it has sent, it does not send again.
func (s *keptServer) lose() {
	for _, f := range s.flight {
		s.w.lost[f.name] = true
	}
	s.present, s.held, s.flight = false, map[uint16]string{}, nil
}

func (s *keptServer) sending(id uint16) string {
	if f := s.find(id); f != nil {
		return f.name
	}
	return ""
}

func (s *keptServer) find(id uint16) *flight {
	for _, f := range s.flight {
		if f.id == id {
			return f
		}
	}
	return nil
}

// take handles a packet and gives the answers.
func (s *keptServer) take(p packets.Packet) (answers []packets.Packet) {
	switch p := p.(type) {
	case *packets.Connect:
		answers = append(answers, &packets.Connack{SessionPresent: s.present})
		s.present = true
		for _, f := range s.flight {
			if f.released {
				answers = append(answers, &packets.Pubrel{PacketID: f.id})
			} else {
				answers = append(answers, f.publish(true))
			}
		}
	case *packets.Publish:
		answers = append(answers, s.onPublish(p))
	case *packets.Pubrel:
		answers = append(answers, s.onPubrel(p.PacketID))
	case *packets.Puback:
		s.finish(p.PacketID)
	case *packets.Pubrec:
		if f := s.find(p.PacketID); f != nil {
			f.released = true
			if !s.w.kept[f.name] {
				s.w.t.Errorf("PUBREC for %s, which is not stored", f.name)
			}
		}
		answers = append(answers, &packets.Pubrel{PacketID: p.PacketID})
	case *packets.Pubcomp:
		if s.w.storesHeld(p.PacketID) {
			s.w.t.Errorf("PUBCOMP for %d, which is stored as held", p.PacketID)
		}
		s.finish(p.PacketID)
	}
	return append(answers, s.send()...)
}

func (s *keptServer) onPublish(p *packets.Publish) packets.Packet {
	name := string(p.Payload)
	if !s.w.stores(keptMessage, name) {
		s.w.t.Errorf("%v, which is not stored", p)
	}
	if p.QoS == packets.AtLeastOnce {
		s.ledger = append(s.ledger, name)
		return &packets.Puback{PacketID: p.PacketID}
	}
	if s.released[name] {
		s.w.t.Errorf("%v, behind its PUBREL", p)
	}
	before, ok := s.held[p.PacketID]
	switch {
	case !ok:
		s.ledger = append(s.ledger, name)
		s.held[p.PacketID] = name
	case before != name:
		s.w.t.Errorf("%v, and the identifier is that of %s", p, before)
	}
	return &packets.Pubrec{PacketID: p.PacketID}
}

func (s *keptServer) onPubrel(id uint16) packets.Packet {
	name, ok := s.held[id]
	if ok {
		s.released[name] = true
		delete(s.held, id)
		if s.w.stores(keptMessage, name) || !s.w.stores(keptReleased, string([]byte{byte(id >> 8), byte(id)})) {
			s.w.t.Errorf("PUBREL of %s, and that is not stored", name)
		}
	}
	return &packets.Pubcomp{PacketID: id}
}

func (s *keptServer) finish(id uint16) {
	s.flight = slices.DeleteFunc(s.flight, func(f *flight) bool { return f.id == id })
}

// send sends what waits, three at a time, with the lowest identifiers that are free.
func (s *keptServer) send() (all []packets.Packet) {
	for len(s.flight) < 3 && len(s.waiting) > 0 {
		f := &flight{id: 1, name: s.waiting[0]}
		for s.find(f.id) != nil {
			f.id++
		}
		s.waiting = s.waiting[1:]
		s.flight = append(s.flight, f)
		all = append(all, f.publish(false))
	}
	return all
}

func (f *flight) publish(dup bool) packets.Packet {
	return &packets.Publish{Dup: dup, QoS: qosOf(f.name), Topic: []byte("t"), PacketID: f.id, Payload: []byte(f.name)}
}
