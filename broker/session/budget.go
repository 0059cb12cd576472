package session

import "sync/atomic"

// Limits bound what waits in the Outboxes of a broker.
type Limits struct {
	Messages int // that wait in one
	Bytes    int // of messages that wait in one, and as many may be sent and not acknowledged
	Total    int // bytes of memory for all, 0 without a limit

	// InFlight is how many messages one may have sent and not acknowledged, 0 for
	// as many as the peer allows.
	InFlight uint16

	// DropOldest makes room for a message by dropping what has waited longest.
	DropOldest bool

	// PushBack lets Push say when a queue is Crowded.
	PushBack bool
}

// Reason is why a message was dropped.
type Reason uint8

// The reasons.
const (
	QueueFull     Reason = iota // Limits.Messages or Limits.Bytes
	MemoryFull                  // Limits.Total
	Expired                     // its Message Expiry Interval has passed
	TooLarge                    // for the Maximum Packet Size of the receiver
	NotAuthorized               // the receiver may not have it
	Missing                     // the store does not have it any more
	reasons
)

// Drops is how many messages were dropped, by Reason.
type Drops [reasons]uint64

// Budget is what the Outboxes of a broker share: their limits, the memory that
// they may take together, and the count of what they have dropped. Any number of
// goroutines may use it.
//
// A message counts its bytes and what they are kept in once, whoever waits for it,
// and its place in a queue, or among what is not acknowledged, for each receiver, but
// for the first few.
type Budget struct {
	limits   Limits
	spill    int64
	outboxes atomic.Int64
	next     atomic.Uint32
	used     atomic.Int64 // bytes, without what the parts have
	parts    [parts]part
	drops    [reasons]atomic.Uint64
}

// parts is how many places there are to count at, so that those who count at the
// same time seldom wait for one another.
const parts = 16

// part counts up to spill in either direction by itself.
type part struct {
	n atomic.Int64
	_ [120]byte // alone in two cache lines
}

// mostSpill is how many bytes a part may be off at most.
const mostSpill = 64 << 10

// NewBudget is a Budget of which nothing is used.
func NewBudget(l Limits) *Budget {
	return &Budget{limits: l, spill: min(mostSpill, int64(l.Total)/1024)}
}

// add counts n bytes, which may be fewer than none.
func (b *Budget) add(at uint8, n int) {
	p := &b.parts[at%parts]
	if v := p.n.Add(int64(n)); v >= b.spill || v <= -b.spill {
		b.used.Add(p.n.Swap(0))
	}
}

// place is where somebody new may count.
func (b *Budget) place() uint8 { return uint8(b.next.Add(1)) }

// Used is how many bytes there are.
func (b *Budget) Used() int {
	n := b.used.Load()
	for i := range b.parts {
		n += b.parts[i].n.Load()
	}
	return int(n)
}

// reserve is the part of the total by which it may be exceeded, so that those
// with little to send are served while others have taken all.
const reserve = 8

// allows reports whether an Outbox whose queue holds so many bytes may take more.
// Whose queue is no more than a fair share of the reserve always may.
func (b *Budget) allows(held int) bool { return b.within(int64(b.limits.Total), held) }

// ample is allows while a quarter of the total is still left.
func (b *Budget) ample(held int) bool { return b.within(int64(b.limits.Total)/4*3, held) }

func (b *Budget) within(limit int64, held int) bool {
	if b.limits.Total == 0 || b.used.Load() < limit {
		return true
	}
	return int64(held) < int64(b.limits.Total)/reserve/max(b.outboxes.Load(), 1)
}

// Drops is what all Outboxes have dropped, those that have ended included.
func (b *Budget) Drops() (d Drops) {
	for i := range d {
		d[i] = b.drops[i].Load()
	}
	return d
}

// freePlaces is how many places of an Outbox do not count: those who take messages
// as they come need not count theirs.
const freePlaces = chunkSize

// The memory that a message and each of its places take beside its bytes, more or
// less.
const (
	messageMemory = 512
	placeMemory   = 128
	refMemory     = 24
)
