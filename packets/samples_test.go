package packets

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/fletchmq/fletch/packets/wire"
)

// line is a line of a file in testdata: the version, who sends the packet, the
// packet, and what comes behind it.
type line struct {
	v      Version
	from   Side
	packet []byte
	rest   []string
	number int
}

var versionWords = map[string]Version{"v31": V31, "v311": V311, "v5": V5}

// lines reads a file of packets, one a line.
func lines(t testing.TB, name string) (all []line) {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	in := bufio.NewScanner(f)
	in.Buffer(nil, 1<<20)
	for n := 1; in.Scan(); n++ {
		words := strings.Fields(in.Text())
		if len(words) == 0 || words[0] == "#" {
			continue
		}
		l := line{v: versionWords[words[0]], from: Client, packet: expand(t, words[2]), rest: words[3:], number: n}
		if words[1] == "server" || words[1] == "s>c" {
			l.from = Server
		}
		all = append(all, l)
	}
	if err := in.Err(); err != nil || len(all) == 0 {
		t.Fatalf("%s: %d packets, %v", name, len(all), err)
	}
	return all
}

// expand is the inverse of how gen writes bytes: hex, and 61*300 for a run.
func expand(t testing.TB, s string) (b []byte) {
	t.Helper()
	for part := range strings.SplitSeq(s, ",") {
		digits, count, isRun := strings.Cut(part, "*")
		raw, err := hex.DecodeString(digits)
		if err != nil {
			t.Fatal(err)
		}
		n := 1
		if isRun {
			if n, err = strconv.Atoi(count); err != nil {
				t.Fatal(err)
			}
		}
		b = append(b, bytes.Repeat(raw, n)...)
	}
	return b
}

// split takes a packet apart into its first byte and its body.
func split(t testing.TB, b []byte) (first byte, body []byte) {
	t.Helper()
	r := wire.NewReader(b[1:])
	n, r := r.VarInt()
	body, r = r.Rest()
	if f := r.Done(); f != nil || len(body) != int(n) {
		t.Fatalf("% x is not one packet", b)
	}
	return b[0], body
}

// decoder reads packets as the side they are sent to.
type decoder struct {
	client FromClient
	server FromServer
}

func (d *decoder) decode(from Side, first byte, body []byte, v Version) (Packet, error) {
	if from == Client {
		return d.client.Decode(first, body, v)
	}
	return d.server.Decode(first, body, v)
}
