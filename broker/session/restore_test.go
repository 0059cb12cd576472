package session

import (
	"testing"

	"github.com/fletchmq/fletch/packets"
	"github.com/fletchmq/fletch/packets/flow"
)

// The next identifier is behind all that are in use, in whatever order they have come
// back.
func TestReserveBehindARestart(t *testing.T) {
	for _, c := range []struct {
		waiting   []uint16
		exchanges []flow.OutID
		want      uint16
	}{
		{want: 1},
		{waiting: []uint16{4, 5}, want: 6},
		{waiting: []uint16{6, 5}, want: 7},
		{exchanges: []flow.OutID{3, 2}, want: 4},
		{waiting: []uint16{1}, exchanges: []flow.OutID{3, 2}, want: 4},
		{waiting: []uint16{5}, exchanges: []flow.OutID{3}, want: 6},
		{waiting: []uint16{40000}, want: 40001},
		{waiting: []uint16{65534, 65535, 1, 2}, want: 3},
		{waiting: []uint16{2}, exchanges: []flow.OutID{65535}, want: 3},
		{exchanges: []flow.OutID{65535}, want: 1},
	} {
		o := NewStoredOutbox(NewBudget(Limits{}), nil, 1)
		for i, id := range c.waiting {
			o.Restore(Terms{QoS: packets.ExactlyOnce, Kept: Kept{Sequence: uint64(i + 1), PacketID: id}}, 1)
		}
		for i, id := range c.exchanges {
			o.RestoreExchange(id, uint64(i+1))
		}
		if got := o.Reserve(); got != c.want {
			t.Errorf("%v and %v are in use, the next is %d, want %d", c.waiting, c.exchanges, got, c.want)
		}
	}
}
