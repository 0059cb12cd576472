package disk

import (
	"sync"

	"github.com/cockroachdb/pebble/v2"
)

// notices are the damaged tables that have been met while the store is open.
type notices struct {
	mu   sync.Mutex
	seen map[string]struct{}
}

// first says whether path has not been met before.
func (n *notices) first(path string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, seen := n.seen[path]; seen {
		return false
	}
	if n.seen == nil {
		n.seen = make(map[string]struct{})
	}
	n.seen[path] = struct{}{}
	return true
}

// noticed is called by Pebble, with no lock held, by whoever has met damage. That may
// be who rewrites tables, and he takes no breath before he tries it again: so he waits
// here. When nothing is written any more, what was not is no damage.
func (s *Store) noticed(i pebble.DataCorruptionInfo) {
	if !s.patience.isOver() && s.notices.first(i.Path) {
		s.log.Error("store: a file is damaged, the store needs a repair", "file", i.Path, "error", i.Details.Error())
	}
	s.patience.pause(maxPause)
}

// listener is told what happens in the background.
func (s *Store) listener() *pebble.EventListener {
	return &pebble.EventListener{
		DataCorruption: s.noticed, // the default ends the process
		BackgroundError: func(err error) {
			if !pebble.IsCorruptionError(err) { // of which noticed has been told
				s.log.Error("store: what goes on in the background has failed", "error", err.Error())
			}
		},
	}
}
