package flow

// ring has what is pending, at its sequence number modulo the length, a power of two.
type ring struct{ places []pending }

const minRing = 8

func (r *ring) at(seq uint32) *pending { return &r.places[seq&uint32(len(r.places)-1)] }

// push adds p to the ring and gives its sequence number.
func (r *Receiver) push(p pending) uint32 {
	if r.ring == nil {
		r.ring = &ring{make([]pending, minRing)}
	}
	if n := len(r.ring.places); int(r.tail-r.head) == n {
		larger := &ring{make([]pending, 2*n)}
		for seq := r.head; seq != r.tail; seq++ {
			*larger.at(seq) = *r.ring.at(seq)
		}
		r.ring = larger
	}
	seq := r.tail
	*r.ring.at(seq) = p
	r.tail++
	return seq
}
