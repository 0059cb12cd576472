//go:build linux

package main

import (
	"testing"
	"time"
)

// TestLibraries has each library do each row for a moment with a sink, which sees that
// all that was published arrives as its QoS says; what is received is seen by the row.
func TestLibraries(t *testing.T) {
	for _, l := range libraries {
		t.Run(l.name, func(t *testing.T) {
			for _, r := range rows() {
				if !l.takes(r) {
					continue
				}
				s, err := openSink("bench/load", r)
				if err != nil {
					t.Fatal(err)
				}
				c, err := l.connect(s.Addr().String())
				if err != nil {
					t.Fatal(err)
				}
				const moment = 10 * time.Millisecond
				k := task{Row: r, Topic: "bench/load", Warm: moment, Time: moment}
				got, err := k.measure(c)
				c.close()
				tally := s.close()
				if err != nil || got.Sent+got.Tally.Messages == 0 {
					t.Errorf("%v: no message, %v", r, err)
				}
				var p report
				p.check(r, l, r.arrived(got, arrival{got.Sent, tally}))
				if p.faults != nil || p.lost != nil {
					t.Errorf("%q %q", p.faults, p.lost)
				}
			}
		})
	}
}
