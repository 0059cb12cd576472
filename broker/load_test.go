package broker

import (
	"math"
	"testing"
	"time"

	"github.com/fletchmq/fletch/packets"
)

// A steady rate is the average in the end, and a past one fades, by half in
// ln 2 times the minutes.
func TestLoad(t *testing.T) {
	var l load
	var count uint64
	averages := func(more uint64) (all []float64) {
		count += more
		for _, a := range l.after(10*time.Second, count) {
			all = append(all, a)
		}
		return all
	}
	for range 6 * 150 {
		averages(7) // in 10 seconds
	}
	for i, a := range averages(7) {
		if math.Abs(a-42) > 0.01 {
			t.Errorf("over %d minutes: %f, want 42", loadMinutes[i], a)
		}
	}
	for step := range 100 {
		for i, a := range averages(0) {
			seconds := float64(10 * (step + 1))
			if want := 42 * math.Exp(-seconds/60/float64(loadMinutes[i])); math.Abs(a-want) > 0.01 {
				t.Fatalf("over %d minutes, after %f s: %f, want %f", loadMinutes[i], seconds, a, want)
			}
		}
	}
}

func TestSysLoad(t *testing.T) {
	run(t, Config{SysInterval: time.Minute}, func(w *world) {
		a := w.join(packets.V5, "a")
		w.settle()
		a.passes(message("x", "", 1), message("x", "", 1))
		time.Sleep(time.Minute)
		w.settle()
		monitor := w.join(packets.V311, "monitor")
		monitor.subscribe("$SYS/#", 0)
		wantSys(t, monitor.sys(), map[string]string{
			"load/sockets/1min": "0.00", "load/publish/received/1min": "1.26", "load/publish/received/5min": "0.36", "load/publish/received/15min": "0.13",
		})
	})
}
