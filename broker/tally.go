package broker

import "sync/atomic"

// tallies is how many tallies a broker has, so that connections which count at
// the same time seldom wait for one another.
const tallies = 16

// tally counts what some of the connections move: a reader or writer adds what it
// has counted by itself once for each call of Read or Write.
type tally struct {
	received, sent traffic
	_              [80]byte // alone in two cache lines
}

// traffic is Traffic while it is being counted.
type traffic struct{ bytes, packets, messages atomic.Uint64 }

func (t *traffic) add(x Traffic) {
	if x.Bytes > 0 {
		t.bytes.Add(x.Bytes)
	}
	if x.Packets > 0 {
		t.packets.Add(x.Packets)
	}
	if x.Messages > 0 {
		t.messages.Add(x.Messages)
	}
}

func (t *traffic) addTo(sum *Traffic) {
	sum.Bytes += t.bytes.Load()
	sum.Packets += t.packets.Load()
	sum.Messages += t.messages.Load()
}

// countPackets is how many packets there are in b, which has whole ones.
func countPackets(b []byte) (n uint64) {
	for ; len(b) > 0; n++ {
		size, at := 0, 1
		for shift := 0; ; shift += 7 {
			x := b[at]
			at++
			size |= int(x&0x7f) << shift
			if x < 0x80 {
				break
			}
		}
		b = b[at+size:]
	}
	return n
}
