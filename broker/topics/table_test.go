package topics

import (
	"math/rand/v2"
	"testing"
)

// As long as a table is the same one, what comes back into it has the place that it
// had, so that who goes through it does not find it again.
func TestTableKeepsPlaces(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	var table *table[uint64]
	places := map[uint64]*slot[uint64]{}
	for range 10_000 {
		key := random.Uint64N(200)
		find := func() (*slot[uint64], *uint64) {
			return table.find(tagOfID(key), func(x *uint64) bool { return *x == key })
		}
		before := table
		if at, _ := find(); at != nil {
			table = table.without(at)
		} else {
			table = table.with(tagOfID(key), &key)
		}
		if table != before {
			clear(places)
		}
		at, _ := find()
		switch had := places[key]; {
		case at == nil:
		case had != nil && at != had:
			t.Fatalf("%d has another place", key)
		default:
			places[key] = at
		}
	}
}
