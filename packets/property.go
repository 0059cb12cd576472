package packets

import (
	"iter"

	"github.com/fletchmq/fletch/packets/wire"
)

// Property is a property identifier, section 2.2.2.2.
type Property uint8

// PropertySet is a set of property identifiers.
type PropertySet uint64

// Has reports whether id is in the set.
func (s PropertySet) Has(id Property) bool { return s>>id&1 != 0 }

func (s *PropertySet) add(id Property)  { *s |= 1 << id }
func (s *PropertySet) drop(id Property) { *s &^= 1 << id }

// UserProperties is a run of user properties as it stands on the wire, each
// behind its identifier. It can be iterated without allocation, and forwarded in
// one piece, which keeps the order [MQTT-3.3.2-18].
type UserProperties []byte

// All gives the user properties in their order. The slices are views into u.
// What is not a run of user properties ends the iteration.
func (u UserProperties) All() iter.Seq2[[]byte, []byte] {
	return func(yield func(key, value []byte) bool) {
		r := wire.NewReader(u)
		for r.Len() > 0 {
			var id byte
			var key, value []byte
			id, r = r.U8()
			key, r = r.Binary()
			value, r = r.Binary()
			if Property(id) != PropUserProperty || value == nil || !yield(key, value) {
				return
			}
		}
	}
}

// Get is the first value of key.
func (u UserProperties) Get(key string) (value []byte, ok bool) {
	for k, v := range u.All() {
		if string(k) == key {
			return v, true
		}
	}
	return nil, false
}

// Append appends a user property to u. Key and value are at most 65 535 bytes of
// UTF-8 each, section 1.5.7.
func (u UserProperties) Append(key, value []byte) UserProperties {
	return wire.AppendBinary(wire.AppendBinary(append(u, byte(PropUserProperty)), key), value)
}

// check reports what keeps u from being a run of user properties.
func (u UserProperties) check() *wire.Fault {
	r := wire.NewReader(u)
	for r.Len() > 0 {
		id, rest := r.U8()
		r = rest.Refuse(Property(id) != PropUserProperty, wire.PropertyUnknown).Pair()
	}
	return r.Done()
}

// userBlock is the user properties of a packet. As long as they stand in one run
// in the packet they are a view of it; else they are gathered in own, which is
// kept for the next packet.
type userBlock struct {
	all  UserProperties
	own  []byte
	left int // how much of the block was left behind the last of them
	mine bool
}

func (u *userBlock) reset() { u.all, u.mine = nil, false }

// read reads the user property at the front of at; r stands behind its identifier.
func (u *userBlock) read(at []byte, r wire.Reader) wire.Reader {
	r = r.Pair()
	one := at[:len(at)-r.Len()]
	switch {
	case u.all == nil:
		u.all = one
	case !u.mine && u.left == len(at):
		u.all = u.all[:len(u.all)+len(one)]
	default:
		u.take()
		u.own = append(u.own, one...)
		u.all = u.own
	}
	u.left = r.Len()
	return r
}

// take makes what is there u's own.
func (u *userBlock) take() {
	if !u.mine {
		u.own = append(u.own[:0], u.all...)
		u.mine = true
	}
}

func (u *userBlock) add(key, value []byte) {
	u.take()
	u.own = UserProperties(u.own).Append(key, value)
	u.all = u.own
}

// get is the block, capped: an append to it copies.
func (u *userBlock) get() UserProperties { return u.all[:len(u.all):len(u.all)] }

func (u *userBlock) set(all UserProperties) { u.all, u.own, u.mine = all, nil, false }
