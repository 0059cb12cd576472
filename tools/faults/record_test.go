package main

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fletchmq/fletch/packets"
)

// TestRecord: what one has recorded another can read, line by line, while it grows.
func TestRecord(t *testing.T) {
	name := filepath.Join(t.TempDir(), "record")
	open := func() *record {
		r, err := openRecord(name)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { r.file.Close() })
		return r
	}
	in, out := open(), open()
	for n := range 3 {
		want := event{what: begins, topic: "t/a b", number: n, qos: twice, dup: n == 1, detail: "a \"word\"\n"}
		in.add(want)
		out.add(event{what: killed}) // by who reads it
		in.file.WriteString("beg")   // and no more for now
		got, err := out.read()
		if err != nil || len(got) != 2 {
			t.Fatalf("got %v, %v", got, err)
		}
		want.detail, got[0].detail = "", ""
		if got[0] != want || got[1].what != killed {
			t.Errorf("got %v, want %v", got, want)
		}
		in.file.WriteString("ins \"\" 0 0 false\n")
		if got, err := out.read(); err != nil || len(got) != 1 {
			t.Fatalf("got %v, %v", got, err)
		}
	}
}

// TestKilled: what may come twice, and what must come, when workers are killed.
func TestKilled(t *testing.T) {
	for _, c := range []struct {
		name, want string
		qos        packets.QoS
		events     string // p and a: publishing and accepted; b, d and e: begins, with DUP, and ends; P and S: killed
	}{
		{"all well", "", twice, "p1 a1 b1 e1 p2 a2 b2 e2"},
		{"accepted, and its publisher killed", "lost", twice, "p1 a1 P"},
		{"not accepted, and its publisher killed", "", twice, "p1 P p2 a2 b2 e2"},
		{"delivered all the same", "", twice, "p1 P p2 a2 b1 e1 b2 e2"},
		{"killed in the handler", "", twice, "p1 a1 b1 S d1 e1"},
		{"killed in the handler, and not again", "lost", twice, "p1 a1 b1 S"},
		{"again without DUP", "conversation", twice, "p1 a1 b1 S b1 e1"},
		{"killed behind the handler", "", twice, "p1 a1 b1 e1 S d1 e1"},
		{"and again", "", twice, "p1 a1 b1 e1 S d1 S d1 e1"},
		{"and again behind it", "", twice, "p1 a1 b1 e1 S d1 e1 S d1 e1"},
		{"and not again", "", twice, "p1 a1 b1 e1 S"},
		{"and once too often", "delivered twice", twice, "p1 a1 b1 e1 S d1 e1 d1 e1"},
		{"twice without being killed", "delivered twice", twice, "p1 a1 b1 e1 d1 e1"},
		{"not the last one", "delivered twice", twice, "p1 a1 p2 a2 b1 e1 b2 e2 S d1 e1"},
		{"not the last one at QoS 1", "", once, "p1 a1 p2 a2 b1 e1 b2 e2 S d1 e1 d2 e2"},
		{"two at a time", "conversation", twice, "p1 a1 p2 a2 b1 b2 e1 e2"},
		{"passed over", "passed over", twice, "p1 a1 p2 a2 b1 S d2 e2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, broke := context.WithCancelCause(t.Context())
			l := newLedger(broke)
			p := &publications{ledger: l, open: map[string]int{}}
			s := &deliveries{ledger: l, name: "r"}
			s.enter(event{what: subscribed, qos: c.qos})
			for _, word := range strings.Fields(c.events) {
				e := event{topic: "t", qos: twice}
				if len(word) == 2 {
					e.number = int(word[1] - '0')
				}
				if e.what = map[byte]string{'p': publishing, 'a': accepted}[word[0]]; e.what != "" {
					p.enter(e)
					continue
				}
				e.qos = c.qos
				switch word[0] {
				case 'P':
					p.enter(event{what: killed})
				case 'S':
					s.enter(event{what: killed})
				default:
					e.what, e.dup = map[byte]string{'b': begins, 'd': begins, 'e': ends}[word[0]], word[0] == 'd'
					s.enter(e)
				}
			}
			l.lost()
			got := ""
			if err := context.Cause(ctx); err != nil {
				got, _, _ = strings.Cut(err.Error(), ":")
			}
			if got != c.want {
				t.Errorf("got %q, want %q: %v", got, c.want, context.Cause(ctx))
			}
		})
	}
}
