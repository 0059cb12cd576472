package broker

import (
	"iter"
	"slices"
)

// filters is the set of filters that a client has subscribed to. Most have one, for
// which there is no memory but its own.
type filters struct {
	one  string   // "", which is no filter, if there is none, or several
	more *several // nil unless there are
}

// several is a set of which the larger have a map, which would be large for few.
type several struct {
	few  []string            // sorted
	many map[string]struct{} // then few is empty
}

// fewFilters is how many there are before there is a map.
const fewFilters = 256

func (s *filters) len() int {
	switch {
	case s.more != nil:
		return len(s.more.few) + len(s.more.many)
	case s.one != "":
		return 1
	}
	return 0
}

func (s *filters) has(filter string) bool {
	if s.more == nil {
		return s.one == filter
	}
	if s.more.many != nil {
		_, ok := s.more.many[filter]
		return ok
	}
	_, ok := slices.BinarySearch(s.more.few, filter)
	return ok
}

// add puts in a filter that is not there.
func (s *filters) add(filter string) {
	switch {
	case s.more != nil:
		s.more.add(filter)
	case s.one == "":
		s.one = filter
	default:
		s.more = new(several)
		s.more.add(s.one)
		s.more.add(filter)
		s.one = ""
	}
}

func (s *several) add(filter string) {
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
func (s *filters) remove(filter string) (found bool) {
	if s.more != nil {
		if found = s.more.remove(filter); s.len() == 0 {
			s.more = nil
		}
		return found
	}
	if found = s.one == filter; found {
		s.one = ""
	}
	return found
}

func (s *several) remove(filter string) bool {
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
		if s.more == nil {
			if s.one != "" {
				yield(s.one)
			}
			return
		}
		for _, f := range s.more.few {
			if !yield(f) {
				return
			}
		}
		for f := range s.more.many {
			if !yield(f) {
				return
			}
		}
	}
}
