package broker

import (
	"iter"
	"math"
	"time"
)

// load is how often something happens in a minute: averages in which what is long
// ago counts little.
type load struct {
	count    uint64 // at the time of the last
	averages [len(loadMinutes)]float64
}

// loadMinutes are how far back an average looks, more or less.
var loadMinutes = [...]int{1, 5, 15}

// after gives the averages, by their minutes, when so much time has passed and it
// has happened count times in all.
func (l *load) after(d time.Duration, count uint64) iter.Seq2[int, float64] {
	if d > 0 {
		rate := float64(count-l.count) / d.Minutes()
		for i, minutes := range loadMinutes {
			weight := math.Exp(-d.Minutes() / float64(minutes))
			l.averages[i] = rate + weight*(l.averages[i]-rate)
		}
	}
	l.count = count
	return func(yield func(int, float64) bool) {
		for i, minutes := range loadMinutes {
			if !yield(minutes, l.averages[i]) {
				return
			}
		}
	}
}

// loads are what there are averages of.
func (s *Stats) loads() []figure {
	return []figure{
		{"sockets", s.Accepted},
		{"messages/received", s.Received.Packets},
		{"messages/sent", s.Sent.Packets},
		{"publish/received", s.Received.Messages},
		{"publish/sent", s.Sent.Messages},
		{"publish/dropped", s.Dropped},
		{"bytes/received", s.Received.Bytes},
		{"bytes/sent", s.Sent.Bytes},
	}
}
