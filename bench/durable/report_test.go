//go:build linux

package main

import "testing"

// A promise that is missed fails, unless the room for noise covers it, and what counts
// is the median of the rounds.
func TestVerdict(t *testing.T) {
	for name, test := range map[string]struct {
		bar     bar
		samples []float64
		missed  bool
	}{
		"at most, kept":          {bar{limit: 2}, []float64{1.9}, false},
		"at most, just kept":     {bar{limit: 2}, []float64{2}, false},
		"at most, in the room":   {bar{limit: 2}, []float64{2.19}, false},
		"at most, missed":        {bar{limit: 2}, []float64{2.21}, true},
		"at most, one outlier":   {bar{limit: 2}, []float64{9, 1, 1.5}, false},
		"at most, two outliers":  {bar{limit: 2}, []float64{9, 9, 1}, true},
		"at most, half way":      {bar{limit: 2}, []float64{1, 9, 1.5, 2.4}, false},
		"at least, kept":         {bar{limit: 50, atLeast: true}, []float64{51}, false},
		"at least, just kept":    {bar{limit: 50, atLeast: true}, []float64{50}, false},
		"at least, in the room":  {bar{limit: 50, atLeast: true}, []float64{46}, false},
		"at least, missed":       {bar{limit: 50, atLeast: true}, []float64{45}, true},
		"at least, two outliers": {bar{limit: 50, atLeast: true}, []float64{90, 1, 1}, true},
	} {
		t.Run(name, func(t *testing.T) {
			r := report{room: 0.1}
			for _, s := range test.samples {
				r.sample(test.bar, s)
			}
			if err := r.verdict(); (err != nil) != test.missed {
				t.Errorf("%v: %v", test.samples, err)
			}
		})
	}
}
