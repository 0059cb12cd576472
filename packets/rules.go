package packets

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// The conditions of the rules in package spec that are more than a comparison.

// ValidIn reports whether a packet of type t may carry r in version v; before 5.0 r
// is a return code.
func (r ReasonCode) ValidIn(t Type, v Version) bool { return codePackets[v&7][r]>>t&1 != 0 }

// carriersOf is the packets that may carry every one of codes in version v, a bit for
// each type.
func carriersOf(codes []ReasonCode, v Version) (carriers uint16) {
	carriers = ^carriers
	table := &codePackets[v&7]
	for _, r := range codes {
		carriers &= table[r]
	}
	return carriers
}

// copyCodes makes codes of as many bytes, and is carriersOf at the same time.
func copyCodes(codes []ReasonCode, from []byte, v Version) (carriers uint16) {
	carriers = ^carriers
	table := &codePackets[v&7]
	codes = codes[:len(from)]
	for i, x := range from {
		codes[i] = ReasonCode(x)
		carriers &= table[x]
	}
	return carriers
}

// SentBy reports whether that side may send r in a packet of type t, in 5.0.
func (r ReasonCode) SentBy(t Type, side Side) bool { return reasonSenders[r][side&3]>>t&1 != 0 }

func noWildcard(b []byte) bool { return !hasWildcard(b) }

// simpleFilter reports whether f is a topic filter that keeps all the rules and is
// not shared. One that it is false for may be right as well: wildcards8 is not exact.
func simpleFilter(f []byte) bool {
	if len(f) == 0 || f[0] == '$' {
		return false
	}
	if len(f) < 8 {
		for i, c := range f {
			if (c == '+' || c == '#') && !levelAlone(f, i) {
				return false
			}
		}
		return true
	}
	for i := 0; ; i = min(i+8, len(f)-8) {
		for found := wildcards8(binary.LittleEndian.Uint64(f[i:])); found != 0; found &= found - 1 {
			if !levelAlone(f, i+bits.TrailingZeros64(found)/8) {
				return false
			}
		}
		if i == len(f)-8 {
			return true
		}
	}
}

// levelAlone reports whether the wildcard at i of f has a level to itself, and the
// last one if it is #.
func levelAlone(f []byte, i int) bool {
	return (i == 0 || f[i-1] == '/') && (i+1 == len(f) || f[i] == '+' && f[i+1] == '/')
}

// hashLast reports whether # stands only alone in the last level of filter f.
func hashLast(f []byte) bool {
	i := bytes.IndexByte(f, '#')
	return i < 0 || i == len(f)-1 && (i == 0 || f[i-1] == '/')
}

// plusAlone reports whether every + of filter f has a level to itself.
func plusAlone(f []byte) bool {
	for i := 0; ; i++ {
		n := bytes.IndexByte(f[i:], '+')
		if n < 0 {
			return true
		}
		i += n
		if i > 0 && f[i-1] != '/' || i+1 < len(f) && f[i+1] != '/' {
			return false
		}
	}
}

func notShared(f []byte) bool { return !bytes.HasPrefix(f, []byte(sharePrefix)) }

// shareNamed reports whether f, if it is shared, has a share name.
func shareNamed(f []byte) bool {
	group, _, shared := SplitShared(f)
	return !shared || len(group) > 0
}

// shareFilter reports whether the share name of f, if it has one, has no
// wildcard, and is followed by a slash and a topic filter.
func shareFilter(f []byte) bool {
	group, rest, shared := SplitShared(f)
	return !shared || noWildcard(group) && len(rest) > 0
}
