package topics

import "slices"

// siblings is the children of an item in the order of their first levels. They are
// in parts, so that one more among many does not move all of them.
type siblings[M any] struct {
	parts [][]place[M] // none is empty
}

// place has the first bytes of the level, by which most are told apart.
type place[M any] struct {
	prefix uint64
	item   *item[M]
}

// largest is how many places a part has at most.
const largest = 256

// prefix is the first eight bytes of level as a number in the same order.
func prefix[L string | []byte](level L) (p uint64) {
	n := min(len(level), 8)
	for i := range n {
		p = p<<8 | uint64(level[i])
	}
	return p << (64 - 8*n)
}

// whole reports whether the prefix is all of the level: no topic name has a null
// character in it, section 4.7.3.
func whole(prefix uint64) bool { return prefix&0xff == 0 }

// before reports whether p is before a level.
func (p *place[M]) before(prefix uint64, level string) bool {
	return p.prefix < prefix || p.prefix == prefix && p.item.level() < level
}

// is reports whether p has that level.
func (p *place[M]) is(prefix uint64, level string) bool {
	return p.prefix == prefix && (whole(prefix) || p.item.level() == level)
}

// search is the first place that is not before level. It is behind the end of a
// part if that would be the place for level.
func (s *siblings[M]) search(prefix uint64, level string) (part, i int) {
	lo, hi := 0, len(s.parts)-1
	for lo < hi { // the last part that begins before level, or else the first
		mid := (lo + hi + 1) / 2
		if p := s.parts[mid]; p[0].before(prefix, level) || p[0].is(prefix, level) {
			lo = mid
		} else {
			hi = mid - 1
		}
	}
	part = lo
	p := s.parts[part]
	lo, hi = 0, len(p)
	for lo < hi {
		mid := (lo + hi) / 2
		if p[mid].before(prefix, level) {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return part, lo
}

// find is the one with that level, or nil. Who has nil siblings has none.
func (s *siblings[M]) find(prefix uint64, level string) *item[M] {
	if s == nil {
		return nil
	}
	part, i := s.search(prefix, level)
	if p := s.parts[part]; i < len(p) && p[i].is(prefix, level) {
		return p[i].item
	}
	return nil
}

// insert takes in x, whose level none of them has.
func (s *siblings[M]) insert(x *item[M]) {
	level := x.level()
	one := place[M]{prefix(level), x}
	if len(s.parts) == 0 {
		s.parts = [][]place[M]{{one}}
		return
	}
	part, i := s.search(one.prefix, level)
	p := slices.Insert(s.parts[part], i, one)
	s.parts[part] = p
	if half := len(p) / 2; len(p) > largest {
		s.parts[part] = slices.Clone(p[:half])
		s.parts = slices.Insert(s.parts, part+1, slices.Clone(p[half:]))
	}
}

// at is where x is.
func (s *siblings[M]) at(x *item[M]) (part, i int) {
	level := x.level()
	return s.search(prefix(level), level)
}

// replace puts one with the same level in the place of x.
func (s *siblings[M]) replace(x, with *item[M]) {
	part, i := s.at(x)
	s.parts[part][i].item = with
}

// remove takes out x. A part that has become small is one with the next.
func (s *siblings[M]) remove(x *item[M]) {
	part, i := s.at(x)
	p := slices.Delete(s.parts[part], i, i+1)
	if part+1 < len(s.parts) && len(p)+len(s.parts[part+1]) <= largest/2 {
		p = append(p, s.parts[part+1]...)
		s.parts = slices.Delete(s.parts, part+1, part+2)
	}
	if 4*len(p) < cap(p) {
		p = slices.Clone(p)
	}
	s.parts[part] = p
	if len(p) == 0 {
		s.parts = slices.Delete(s.parts, part, part+1)
	}
}

// only is the single one, or nil if there are more.
func (s *siblings[M]) only() *item[M] {
	if len(s.parts) == 1 && len(s.parts[0]) == 1 {
		return s.parts[0][0].item
	}
	return nil
}
