package spec

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// section is a section with numbered statements and the last of its numbers.
type section struct {
	name string
	last int
}

// The sections of both standards, counted in their appendices.
var (
	sections311 = []section{
		{"1.5.3", 3},
		{"2.2.2", 2},
		{"2.3.1", 7},
		{"3.1.0", 2},
		{"3.1.2", 24},
		{"3.1.3", 11},
		{"3.1.4", 5},
		{"3.2.0", 1},
		{"3.2.2", 6},
		{"3.3.1", 12},
		{"3.3.2", 3},
		{"3.3.4", 1},
		{"3.3.5", 2},
		{"3.6.1", 1},
		{"3.8.1", 1},
		{"3.8.3", 4},
		{"3.8.4", 6},
		{"3.9.3", 2},
		{"3.10.1", 1},
		{"3.10.3", 2},
		{"3.10.4", 6},
		{"3.12.4", 1},
		{"3.14.1", 1},
		{"3.14.4", 3},
		{"4.1.0", 2},
		{"4.3.1", 1},
		{"4.3.2", 2},
		{"4.3.3", 2},
		{"4.4.0", 1},
		{"4.5.0", 2},
		{"4.6.0", 6},
		{"4.7.1", 3},
		{"4.7.2", 1},
		{"4.7.3", 4},
		{"4.8.0", 2},
		{"6.0.0", 4},
		{"7.0.0", 2},
		{"7.1.1", 1},
		{"7.1.2", 1},
	}
	sections50 = []section{
		{"1.5.4", 3},
		{"1.5.5", 1},
		{"1.5.7", 1},
		{"2.1.3", 1},
		{"2.2.1", 6},
		{"2.2.2", 1},
		{"3.1.0", 2},
		{"3.1.2", 30},
		{"3.1.3", 12},
		{"3.1.4", 6},
		{"3.2.0", 2},
		{"3.2.2", 22},
		{"3.3.1", 13},
		{"3.3.2", 20},
		{"3.3.4", 10},
		{"3.4.2", 3},
		{"3.5.2", 3},
		{"3.6.1", 1},
		{"3.6.2", 3},
		{"3.7.2", 3},
		{"3.8.1", 1},
		{"3.8.3", 5},
		{"3.8.4", 8},
		{"3.9.2", 2},
		{"3.9.3", 2},
		{"3.10.1", 1},
		{"3.10.3", 2},
		{"3.10.4", 6},
		{"3.11.2", 2},
		{"3.11.3", 2},
		{"3.12.4", 1},
		{"3.14.0", 1},
		{"3.14.1", 1},
		{"3.14.2", 4},
		{"3.14.4", 3},
		{"3.15.1", 1},
		{"3.15.2", 3},
		{"4.1.0", 2},
		{"4.2", 1},
		{"4.3.1", 1},
		{"4.3.2", 5},
		{"4.3.3", 13},
		{"4.4.0", 2},
		{"4.5.0", 2},
		{"4.6.0", 6},
		{"4.7.0", 1},
		{"4.7.1", 2},
		{"4.7.2", 1},
		{"4.7.3", 4},
		{"4.8.2", 6},
		{"4.9.0", 3},
		{"4.12.0", 7},
		{"4.12.1", 2},
		{"4.13.1", 1},
		{"4.13.2", 1},
		{"6.0.0", 4},
	}
)

// numbers gives the numbers of the sections, without those the standard left out.
func numbers(sections []section, leftOut ...string) []string {
	var all []string
	for _, s := range sections {
		for n := 1; n <= s.last; n++ {
			all = append(all, fmt.Sprintf("%s-%d", s.name, n))
		}
	}
	return slices.DeleteFunc(all, func(n string) bool { return slices.Contains(leftOut, n) })
}

var (
	numbers311 = numbers(sections311)
	numbers50  = numbers(sections50, "2.2.1-1")
)

func TestStatementsComplete(t *testing.T) {
	for _, std := range []struct {
		name  string
		want  []string
		total int
		of    func(Statement) string
	}{
		{"3.1.1", numbers311, 141, func(s Statement) string { return s.V3 }},
		{"5.0", numbers50, 251, func(s Statement) string { return s.V5 }},
	} {
		if len(std.want) != std.total {
			t.Errorf("%s: the sections have %d numbers, the standard %d", std.name, len(std.want), std.total)
		}
		rows := map[string]int{}
		for _, s := range Statements {
			if n := std.of(s); n != "" {
				rows[n]++
			}
		}
		for _, n := range std.want {
			if rows[n] != 1 {
				t.Errorf("%s: %s has %d rows, want 1", std.name, n, rows[n])
			}
			delete(rows, n)
		}
		for n := range rows {
			t.Errorf("%s: no statement has the number %s", std.name, n)
		}
	}
}

func TestStatementsOrder(t *testing.T) {
	var last Statement
	for i, s := range Statements {
		switch {
		case s.V5 == "":
			if !besideNeighbour(i) {
				t.Errorf("%s of 3.1.1 is neither behind the statement before it nor before the one behind it", s.V3)
			}
		case last.V5 != "" && slices.Compare(parts(t, s.V5), parts(t, last.V5)) <= 0:
			t.Errorf("%s stands behind %s", s.V5, last.V5)
			fallthrough
		default:
			last = s
		}
	}
}

// besideNeighbour tells whether row i is next to a row that is next to it in 3.1.1.
func besideNeighbour(i int) bool {
	at := slices.Index(numbers311, Statements[i].V3)
	before := i > 0 && at > 0 && Statements[i-1].V3 == numbers311[at-1]
	behind := i+1 < len(Statements) && at+1 < len(numbers311) && Statements[i+1].V3 == numbers311[at+1]
	return before || behind
}

// parts gives the numbers that a number of the standard is made of.
func parts(t *testing.T, number string) []int {
	var ns []int
	for f := range strings.FieldsFuncSeq(number, func(r rune) bool { return r == '.' || r == '-' }) {
		n, err := strconv.Atoi(f)
		if err != nil {
			t.Fatal(err)
		}
		ns = append(ns, n)
	}
	return ns
}

func TestStatementsKept(t *testing.T) {
	for _, s := range Statements {
		name := s.V3 + "/" + s.V5
		if s.Keeper > Codec|Flow|Broker|User {
			t.Errorf("%s has a keeper without a name", name)
		}
		if (s.Keeper == 0) == (s.Why == "") {
			t.Errorf("%s must have either a keeper or a why", name)
		}
		if s.Doc == "" || len(s.Doc) >= 90 {
			t.Errorf("%s: Doc must be a short line: %q", name, s.Doc)
		}
		if strings.HasSuffix(s.Doc, ".") || strings.HasSuffix(s.Why, ".") {
			t.Errorf("%s must have no full stop behind Doc and Why", name)
		}
	}
}
