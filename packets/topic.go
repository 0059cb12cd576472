package packets

import (
	"cmp"
	"encoding/binary"
	"unicode/utf8"

	"github.com/fletchmq/fletch/packets/wire"
)

// TopicText is a topic name or a topic filter in either form Go keeps text.
type TopicText interface{ ~string | ~[]byte }

const sharePrefix = "$share/"

// ValidTopicName reports whether a message can be published to t: 1 to 65 535
// bytes of UTF-8 without U+0000 and without the wildcards + and #.
// Section 4.7.3.
func ValidTopicName[T TopicText](t T) bool {
	// [MQTT-4.7.3-1] [MQTT-4.7.3-3]
	return len(t) > 0 && len(t) <= wire.MaxField && validLiteral(t)
}

// ValidTopicFilter reports whether f can be subscribed to: 1 to 65 535 bytes of
// UTF-8 without U+0000, + only as a whole level, # only as the whole last
// level. Sections 4.7.1 and 4.7.3.
//
// What starts with "$share/" must go on with a share name and a filter, section
// 4.8.2, in every version: 3.1.1 leaves names that start with $ to the server.
func ValidTopicFilter[T TopicText](f T) bool {
	if len(f) > wire.MaxField { // [MQTT-4.7.3-3]
		return false
	}
	group, f, shared := SplitShared(f)
	if shared && (len(group) == 0 || !validLiteral(group)) { // [MQTT-4.8.2-1] [MQTT-4.8.2-2]
		return false
	}
	for i := 0; i < len(f); {
		if isPlain(f[i]) {
			i++
			continue
		}
		starts := i == 0 || f[i-1] == '/'
		switch last := i+1 == len(f); f[i] {
		case '#':
			return starts && last // [MQTT-4.7.1-1]
		case '+':
			if !starts || !last && f[i+1] != '/' { // [MQTT-4.7.1-2]
				return false
			}
			i++
		default:
			n := charLen(f, i)
			if n == 0 {
				return false
			}
			i += n
		}
	}
	return len(f) > 0 // [MQTT-4.7.3-1]
}

// MatchTopic reports whether a subscription to filter receives what is published
// to topic, section 4.7. A shared filter matches by the part behind the share
// name. Both must be valid: the answer is not specified otherwise. Characters are
// compared by their bytes [MQTT-4.7.3-4].
func MatchTopic[F, T TopicText](filter F, topic T) bool {
	_, filter, _ = SplitShared(filter)
	if len(filter) == 0 || len(topic) == 0 {
		return false
	}
	if topic[0] == '$' && (filter[0] == '+' || filter[0] == '#') { // [MQTT-4.7.2-1]
		return false
	}
	j := 0
	for i := range len(filter) {
		switch c := filter[i]; {
		case c == '#':
			return true
		case c == '+':
			for j < len(topic) && topic[j] != '/' {
				j++
			}
		case j == len(topic):
			// # includes the parent level, section 4.7.1.2.
			return c == '/' && i+2 == len(filter) && filter[i+1] == '#'
		case c != topic[j]:
			return false
		default:
			j++
		}
	}
	return j == len(topic)
}

// CompareFilters orders valid topic filters, more specific first, for
// [slices.SortFunc]: a filter that matches only a part of what another matches
// stands before it. Level by level a name comes before +, and + before #; names
// are in the order of their bytes. A shared filter stands where the part behind
// its share name does, after the same filter unshared.
func CompareFilters[T TopicText](a, b T) int {
	groupA, a, _ := SplitShared(a)
	groupB, b, _ := SplitShared(b)
	return cmp.Or(compareLevels(a, b), compareLevels(groupA, groupB))
}

// SplitShared takes a shared filter apart: "$share/group/rest", section 4.8.2.
// For any other filter shared is false and rest is all of it. Of a filter that
// is not valid, group or rest may be empty. Both are views into filter.
func SplitShared[T TopicText](filter T) (group, rest T, shared bool) {
	if len(filter) < len(sharePrefix) || string(filter[:len(sharePrefix)]) != sharePrefix {
		return group, filter, false
	}
	filter = filter[len(sharePrefix):]
	for i := range len(filter) {
		if filter[i] == '/' {
			return filter[:i], filter[i+1:], true
		}
	}
	return filter, rest, true
}

// compareLevels compares the first bytes that differ. In a valid filter a
// wildcard is a whole level, so that byte tells the kind of level.
func compareLevels[T TopicText](a, b T) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return cmp.Compare(rank(a[i]), rank(b[i]))
		}
	}
	return cmp.Compare(len(a), len(b))
}

// rank puts the end of a level before its continuation and wildcards behind all
// names.
func rank(c byte) int {
	switch c {
	case '/':
		return -1
	case '+':
		return 0x100
	case '#':
		return 0x101
	}
	return int(c)
}

// hasWildcard reports whether b, which may be empty, cannot be part of a topic
// name for a wildcard in it. [MQTT-4.7.0-1]
func hasWildcard(b []byte) bool {
	n := len(b)
	if n < 4 {
		for _, c := range b {
			if c == '+' || c == '#' {
				return true
			}
		}
		return false
	}
	if n < 8 {
		return hasWildcard8(uint64(binary.LittleEndian.Uint32(b)) | uint64(binary.LittleEndian.Uint32(b[n-4:]))<<32)
	}
	for i := 0; i < n-8; i += 8 {
		if hasWildcard8(binary.LittleEndian.Uint64(b[i:])) {
			return true
		}
	}
	return hasWildcard8(binary.LittleEndian.Uint64(b[n-8:]))
}

// hasWildcard8 is hasWildcard of eight bytes.
func hasWildcard8(x uint64) bool { return wildcards8(x) != 0 }

// wildcards8 is the highest bit of each of eight bytes that is a wildcard. + and #
// differ in one bit, so that a byte that is either becomes zero, and a byte that is
// zero is found as in package wire: above it, one that becomes 1 may be taken for one.
func wildcards8(x uint64) uint64 {
	const ones = 0x0101010101010101
	x = x&^(('+'^'#')*ones) ^ ('#'&^('+'^'#'))*ones
	return (x - ones) &^ x & (0x80 * ones)
}

// validLiteral reports whether t is UTF-8 without U+0000 and without wildcards.
func validLiteral[T TopicText](t T) bool {
	for i := 0; i < len(t); {
		if isPlain(t[i]) {
			i++
			continue
		}
		n := charLen(t, i)
		if n == 0 || t[i] == '+' || t[i] == '#' { // [MQTT-4.7.0-1]
			return false
		}
		i += n
	}
	return true
}

// isPlain is the short cut for nearly all characters of nearly all topics: ASCII
// above the wildcards and U+0000.
func isPlain(c byte) bool {
	return c > '+' && c < utf8.RuneSelf
}

// charLen is the length in bytes of the character at i, 0 if a text may not have
// it. [MQTT-1.5.4-1] [MQTT-1.5.4-2] [MQTT-4.7.3-2]
func charLen[T TopicText](t T, i int) int {
	if c := t[i]; c < utf8.RuneSelf {
		return int(min(c, 1))
	}
	// The conversion copies at most four bytes, on the stack.
	r, n := utf8.DecodeRuneInString(string(t[i:min(i+utf8.UTFMax, len(t))]))
	if r == utf8.RuneError && n == 1 {
		return 0
	}
	return n
}
