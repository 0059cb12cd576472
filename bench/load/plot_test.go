package load

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
)

// Each nine is a step of the axis, and the line is where its latencies are.
func TestPlot(t *testing.T) {
	res := Result{
		Config:  Config{Scenario: "pairs", Rate: 1000, Size: 256, Publishers: 2, Subscribers: 2},
		Latency: []Quantile{{0, 1000}, {0.9, 2000}, {0.99, 4000}, {0.999, 10_000}, {1, 10_000}},
	}
	var b bytes.Buffer
	if err := res.Plot(&b); err != nil {
		t.Fatal(err)
	}
	got := b.String()
	for d := xml.NewDecoder(strings.NewReader(got)); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{
		">0%<", ">90%<", ">99%<", ">99.9%<", ">0<", ">2<", ">10<", "pairs, QoS 0, 256 bytes, 2 publishers, 2 subscribers, 1000 messages/s",
		`points="80.0,346.0 306.7,312.0 533.3,244.0 760.0,40.0 760.0,40.0"`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the plot has no %s:\n%s", want, got)
		}
	}
	if err := new(Result).Plot(io.Discard); err == nil {
		t.Error("there is a plot without latencies")
	}
}
