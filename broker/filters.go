package broker

import (
	"iter"
	"slices"
)

// filters is the set of filters that a client has subscribed to. Most have few,
// for which a map would be large.
type filters struct {
	few  []string            // sorted
	many map[string]struct{} // then few is empty
}

// fewFilters is how many there are before there is a map.
const fewFilters = 256

func (s *filters) len() int { return len(s.few) + len(s.many) }

func (s *filters) has(filter string) bool {
	if s.many != nil {
		_, ok := s.many[filter]
		return ok
	}
	_, ok := slices.BinarySearch(s.few, filter)
	return ok
}

// add puts in a filter that is not there.
func (s *filters) add(filter string) {
	if s.many == nil && len(s.few) < fewFilters {
		i, _ := slices.BinarySearch(s.few, filter)
		s.few = slices.Insert(s.few, i, filter)
		return
	}
	if s.many == nil {
		s.many = make(map[string]struct{}, 2*fewFilters)
		for _, f := range s.few {
			s.many[f] = struct{}{}
		}
		s.few = nil
	}
	s.many[filter] = struct{}{}
}

// remove takes out a filter, and reports whether it was there.
func (s *filters) remove(filter string) bool {
	if s.many != nil {
		n := len(s.many)
		delete(s.many, filter)
		return len(s.many) < n
	}
	i, found := slices.BinarySearch(s.few, filter)
	if found {
		s.few = slices.Delete(s.few, i, i+1)
	}
	return found
}

func (s *filters) all() iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, f := range s.few {
			if !yield(f) {
				return
			}
		}
		for f := range s.many {
			if !yield(f) {
				return
			}
		}
	}
}
