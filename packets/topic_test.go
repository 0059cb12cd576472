package packets

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/fletchmq/fletch/bench/cputime"
)

func TestMatchTopicAgainstOracle(t *testing.T) {
	topics := testTopics(4)
	filters := testFilters(4)
	for _, f := range filters {
		shared := "$share/g/" + f
		for _, topic := range topics {
			want := oracleMatch(f, topic)
			if got := MatchTopic(f, topic); got != want {
				t.Errorf("MatchTopic(%q, %q) = %v", f, topic, got)
			}
			if got := MatchTopic([]byte(shared), topic); got != want {
				t.Errorf("MatchTopic(%q, %q) = %v", shared, topic, got)
			}
		}
	}
}

func TestValidityAgainstOracle(t *testing.T) {
	const alphabet = "a/+#$\x00"
	const length = 6
	check := func(s string) {
		if got, want := ValidTopicName(s), oracleName(s); got != want {
			t.Errorf("ValidTopicName(%q) = %v", s, got)
		}
		if got, want := ValidTopicFilter(s), oracleFilter(s); got != want {
			t.Errorf("ValidTopicFilter(%q) = %v", s, got)
		}
		if got, want := hasWildcard([]byte(s)), strings.ContainsAny(s, "+#"); got != want {
			t.Errorf("hasWildcard(%q) = %v", s, got)
		}
	}
	var walk func(s string, n int)
	walk = func(s string, n int) {
		check(s)
		check("$share" + s)
		check("$share/" + s)
		for i := 0; n > 0 && i < len(alphabet); i++ {
			walk(s+alphabet[i:i+1], n-1)
		}
	}
	walk("", length)
}

// What a topic name and a topic filter may be made of. [MQTT-4.7.3-2] [MQTT-4.7.3-3]
func TestValidText(t *testing.T) {
	for _, c := range []struct {
		text string
		ok   bool
	}{
		{"größe/温度/🌡", true},
		{"\ufeff", true}, // [MQTT-1.5.4-3]
		{"\ufffd", true},
		{"\U0010ffff", true},
		{" ", true},
		{"\x7f", true},
		{"a\x00b", false},
		{"\x80", false},
		{"a/\xc3", false},
		{"\xc3a", false},
		{"\xc0\x80", false},         // U+0000 in too many bytes
		{"\xed\xa0\x80", false},     // U+D800, a surrogate
		{"\xed\xbf\xbf", false},     // U+DFFF
		{"\xf4\x90\x80\x80", false}, // above U+10FFFF
		{strings.Repeat("a", 65535), true},
		{strings.Repeat("a", 65536), false},
		{strings.Repeat("ü", 32767) + "a", true},
		{strings.Repeat("ü", 32768), false},
	} {
		if got := ValidTopicName(c.text); got != c.ok {
			t.Errorf("ValidTopicName(%.20q) = %v", c.text, got)
		}
		if got := ValidTopicFilter([]byte(c.text)); got != c.ok {
			t.Errorf("ValidTopicFilter(%.20q) = %v", c.text, got)
		}
		share := "$share/" + c.text + "/a"
		if got := ValidTopicFilter(share); got != (c.ok && len(share) <= 65535) {
			t.Errorf("ValidTopicFilter(%.20q…/a) = %v", share, got)
		}
	}
}

// The examples of sections 4.7.1 to 4.7.3.
func TestStandardMatches(t *testing.T) {
	for _, c := range []struct {
		filter  string
		matches string
		not     string
	}{
		{"sport/tennis/player1/#", "sport/tennis/player1 sport/tennis/player1/ranking sport/tennis/player1/score/wimbledon", "sport/tennis/player2"},
		{"sport/#", "sport sport/", "sports"},
		{"#", "sport /finance /", "$SYS/x $SYS"},
		{"sport/tennis/+", "sport/tennis/player1 sport/tennis/player2", "sport/tennis/player1/ranking"},
		{"sport/+", "sport/", "sport"},
		{"+/+", "/finance", "finance"},
		{"/+", "/finance", "finance"},
		{"+", "finance", "/finance"},
		{"+/tennis/#", "sport/tennis sport/tennis/x /tennis", "tennis"},
		{"sport/+/player1", "sport/tennis/player1 sport//player1", "sport/player1"},
		{"+/#", "sport sport/tennis /", "$SYS"},
		{"+/monitor/Clients", "x/monitor/Clients", "$SYS/monitor/Clients"},
		{"$SYS/#", "$SYS/x $SYS", "SYS/x"},
		{"$SYS/monitor/+", "$SYS/monitor/Clients", "$SYS/monitor"},
		{"ACCOUNTS", "ACCOUNTS", "Accounts /ACCOUNTS ACCOUNTS/"}, // [MQTT-4.7.3-4]
		{"$share/consumer1/sport/tennis/+", "sport/tennis/player1", "$share/consumer1/sport/tennis/player1"},
		{"$share/consumer2/#", "sport", "$SYS/x"},
	} {
		for _, topic := range strings.Fields(c.matches) {
			if !MatchTopic(c.filter, topic) {
				t.Errorf("%q does not match %q", c.filter, topic)
			}
		}
		for _, topic := range strings.Fields(c.not) {
			if MatchTopic(c.filter, topic) {
				t.Errorf("%q matches %q", c.filter, topic)
			}
		}
	}
}

// The examples of sections 4.7.1 and 4.8.2.
func TestStandardFilters(t *testing.T) {
	for _, f := range strings.Fields("# + +/tennis/# sport/+/player1 sport/tennis/# / // a// $share $shared/a $share/g/a $share/g// $share/consumer1//finance $share/g/+/#") {
		if !ValidTopicFilter(f) {
			t.Errorf("%q is not valid", f)
		}
	}
	for _, f := range strings.Fields("sport/tennis# sport/tennis/#/ranking sport+ +sport ++ ## #/ $share/ $share/g $share/g/ $share//a $share/+/a $share/#/a $share/g+/a $share/g/a+ $share/g/#/a") {
		if ValidTopicFilter(f) {
			t.Errorf("%q is valid", f)
		}
	}
}

func TestSplitShared(t *testing.T) {
	for _, c := range []struct {
		filter, group, rest string
		shared              bool
	}{
		{"$share/g/a/b", "g", "a/b", true},
		{"$share/g//a", "g", "/a", true},
		{"$share/g/$share/h/a", "g", "$share/h/a", true},
		{"$share/g", "g", "", true},
		{"$share/", "", "", true},
		{"$share", "", "$share", false},
		{"$Share/g/a", "", "$Share/g/a", false},
		{"a/$share/g/a", "", "a/$share/g/a", false},
	} {
		group, rest, shared := SplitShared([]byte(c.filter))
		if string(group) != c.group || string(rest) != c.rest || shared != c.shared {
			t.Errorf("SplitShared(%q) = %q, %q, %v", c.filter, group, rest, shared)
		}
	}
}

// A filter stands before every other that matches strictly more. What filters of
// three levels match, topics of four levels tell apart.
func TestCompareFiltersBySubset(t *testing.T) {
	topics := testTopics(4)
	filters := append(testFilters(3), "$share/g/#", "$share/g/a", "$share/h/a/+", "$share/g/+/a")
	sets := make([][]uint64, len(filters))
	for i, f := range filters {
		sets[i] = make([]uint64, len(topics)/64+1)
		for j, topic := range topics {
			if oracleMatch(f, topic) {
				sets[i][j/64] |= 1 << (j % 64)
			}
		}
	}
	for i, a := range filters {
		for j, b := range filters {
			if subset(sets[i], sets[j]) && !subset(sets[j], sets[i]) && CompareFilters(a, b) >= 0 {
				t.Errorf("%q matches less than %q and does not stand before it", a, b)
			}
		}
	}
}

func subset(a, b []uint64) bool {
	for i := range a {
		if a[i]&^b[i] != 0 {
			return false
		}
	}
	return true
}

// The order is total: no matter how the filters come, they are sorted in one way.
func TestCompareFiltersIsTotal(t *testing.T) {
	filters := testFilters(2)
	for _, f := range filters[:len(filters):len(filters)] {
		filters = append(filters, "$share/g/"+f, "$share/h/"+f)
	}
	for i, a := range filters {
		for j, b := range filters {
			ab := CompareFilters(a, b)
			if (ab == 0) != (i == j) || CompareFilters(b, a) != -ab {
				t.Fatalf("%q and %q: %d, the other way round %d", a, b, ab, CompareFilters(b, a))
			}
			for _, c := range filters {
				if ab < 0 && CompareFilters(b, c) < 0 && CompareFilters(a, c) >= 0 {
					t.Fatalf("%q < %q < %q, but not the first before the last", a, b, c)
				}
			}
		}
	}
}

func TestCompareFilters(t *testing.T) {
	want := strings.Fields("a $share/g/a $share/h/a a/ a/b a/b/# a/c a/+ a/# a!b ab b/a + +/a +/+ +/# #")
	got := slices.Clone(want)
	slices.Sort(got)
	slices.SortFunc(got, CompareFilters)
	if !slices.Equal(got, want) {
		t.Errorf("sorted %q", got)
	}
}

func TestTopicsDoNotAllocate(t *testing.T) {
	name := []byte(strings.Repeat("größe/", 20))
	filter := bytes.Replace(append([]byte("$share/g/"), name...), []byte("/größe/"), []byte("/+/"), 3)
	if n := testing.AllocsPerRun(100, func() {
		if !ValidTopicName(name) || !ValidTopicFilter(filter) || !MatchTopic(filter, name) ||
			hasWildcard(name) || CompareFilters(filter, filter) != 0 {
			t.Error("wrong")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkTopic(b *testing.B) {
	name := []byte("factory/line7/temp01")
	filter := []byte("factory/+/temp01")
	for _, op := range []struct {
		name string
		run  func() bool
	}{
		{"name", func() bool { return ValidTopicName(name) }},
		{"filter", func() bool { return ValidTopicFilter(filter) }},
		{"match", func() bool { return MatchTopic(filter, name) }},
		{"wildcard", func() bool { return !hasWildcard(name) }},
		{"compare", func() bool { return CompareFilters(filter, name) > 0 }},
	} {
		b.Run("op="+op.name+"/size=20", func(b *testing.B) {
			cputime.Report(b)
			for b.Loop() {
				if !op.run() {
					b.Fatal(op.name)
				}
			}
		})
	}
}
