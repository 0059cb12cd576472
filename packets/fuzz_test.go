package packets

import (
	"bytes"
	"errors"
	"testing"
)

var versions = []Version{V31, V311, V5}

// FuzzDecode: no bytes make a decoder panic, and what decodes, encodes to no more
// bytes, decodes again to the same packet, and encodes to the same bytes.
func FuzzDecode(f *testing.F) {
	for _, name := range []string{"testdata/seeds.txt", "testdata/breakers.txt"} {
		for _, l := range lines(f, name) {
			if len(l.packet) > 1000 {
				continue // the fuzzer is quicker on small ones
			}
			first, body := split(f, l.packet)
			f.Add(uint8(l.v-V31), l.from == Client, first, body)
		}
	}
	var d, again decoder
	f.Fuzz(func(t *testing.T, version uint8, fromClient bool, first byte, body []byte) {
		v, from := versions[version%3], Server
		if fromClient {
			from = Client
		}
		p, err := d.decode(from, first, body, v)
		if err != nil {
			var broken *BrokenError
			if !errors.As(err, &broken) || broken.Reason < UnspecifiedError || broken.Statement == "" {
				t.Fatalf("refused without a statement: %v", err)
			}
			return
		}
		if c, ok := p.(*Connect); ok {
			v = c.Version
		}
		if err := CheckFixedHeader(first, v); err != nil {
			t.Fatalf("decoded, but for the fixed header: %v", err)
		}
		if err := p.Validate(v); err != nil {
			t.Fatalf("decoded, but not valid: %v", err)
		}
		out := p.AppendTo(nil, v)
		if n := p.Size(v); n > len(body) {
			t.Fatalf("it has grown from %d to %d bytes", len(body), n)
		}
		first, rest := split(t, out)
		if len(rest) != p.Size(v) {
			t.Fatalf("size %d, written %d", p.Size(v), len(rest))
		}
		q, err := again.decode(from, first, rest, v)
		if err != nil {
			t.Fatalf("what was written is refused: %v", err)
		}
		if q.String() != p.String() {
			t.Fatalf("read again as\n%v, it was\n%v", q, p)
		}
		if twice := q.AppendTo(nil, v); !bytes.Equal(out, twice) {
			t.Fatalf("written again as\n% x, it was\n% x", twice, out)
		}
	})
}
