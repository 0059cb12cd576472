// Statements prints every numbered statement of the standards, who keeps it and
// where, and the test that would notice if nobody did:
//
//	go run ./tools/statements [-gaps]
//
// A line of code keeps a statement by naming it in a comment, or as what a packet is
// refused for: [MQTT-3.1.4-3] is a number of 5.0, [MQTT3-3.1.4-2] one of 3.1.1.
// A test checks the statement that it is called after, as TestV5_3_1_4_3 is, or
// those that it names in its comment or inside; a helper of tests names nothing.
// The packets of packets/testdata/breakers.txt are checked by TestBreakers.
//
// With -gaps only what no line keeps or no test checks is printed, and what the
// broker has to keep and no test of the broker checks. The exit status is 1 if there
// is anything. A number that the standard does not have is a gap as well.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/fletchmq/fletch/spec"
)

func main() {
	gaps := flag.Bool("gaps", false, "print only statements without a line that keeps them or without a test, and fail if there are any")
	flag.Parse()
	found, err := search(".")
	if err != nil {
		fmt.Fprintln(os.Stderr, "statements:", err)
		os.Exit(2)
	}
	out := bufio.NewWriter(os.Stdout)
	missing := report(out, found, *gaps)
	if err := out.Flush(); err != nil {
		fmt.Fprintln(os.Stderr, "statements:", err)
		os.Exit(2)
	}
	if *gaps && missing > 0 {
		os.Exit(1)
	}
}

// report writes the table, or its gaps alone: statements that have a keeper, but no
// line that names them, or no test, or the broker as keeper, and no test there. It
// gives their number.
func report(out io.Writer, found places, gaps bool) (missing int) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "3.1.1\t5.0\tkept by\tin\ttested by\tstatement")
	for _, s := range spec.Statements {
		code, test := found.of(s)
		gap := s.Keeper != 0 && (code == "" || test == "") || s.Keeper&spec.Broker != 0 && !inBroker(test)
		if gap {
			missing++
		}
		if gap || !gaps {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", s.V3, s.V5, keepers(s), code, test, s.Doc)
		}
	}
	w.Flush()
	for _, line := range found.unknown() {
		missing++
		fmt.Fprintln(out, line)
	}
	fmt.Fprintf(out, "%d statements, %d gaps\n", len(spec.Statements), missing)
	return missing
}

func keepers(s spec.Statement) string {
	var words []string
	for i, word := range []string{"codec", "flow", "broker", "client"} {
		if s.Keeper>>i&1 != 0 {
			words = append(words, word)
		}
	}
	if s.Keeper == 0 {
		return "nothing"
	}
	return strings.Join(words, "+")
}
