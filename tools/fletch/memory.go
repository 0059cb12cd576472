package main

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// Many clients that come at once, or go, leave garbage. The runtime collects it when
// as much again has been allocated, which may never be, and keeps the memory for the
// next time. So where it has become quiet, it is collected at once, and goes back to
// the system.
const (
	look  = time.Second // how often there is a look at what has been allocated
	few   = 100         // it is quiet while less than one in few bytes in use is new since the last look
	many  = 4           // one in many bytes in use may be garbage
	least = 2 << 20     // bytes that are worth the work
)

// tidy gives back to the system what is garbage when it is quiet, until ctx ends.
func tidy(ctx context.Context) {
	tick := time.NewTicker(look)
	defer tick.Stop()
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}, {Name: "/memory/classes/heap/objects:bytes"}}
	for t := new(tidier); ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		metrics.Read(sample)
		if t.due(sample[0].Value.Uint64(), sample[1].Value.Uint64()) {
			debug.FreeOSMemory()
		}
	}
}

// tidier knows how many bytes had ever been allocated at the last look, and when it
// was tidied.
type tidier struct{ looked, tidied uint64 }

// due is a look: the bytes that have ever been allocated, and those in use, garbage
// included.
func (t *tidier) due(allocated, inUse uint64) bool {
	fresh := allocated - t.looked
	t.looked = allocated
	if fresh > inUse/few || allocated-t.tidied < max(inUse/many, least) {
		return false
	}
	t.tidied = allocated
	return true
}
