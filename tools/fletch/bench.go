package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/fletchmq/fletch/bench/load"
	"github.com/fletchmq/fletch/packets"
)

// bench is a load generator for any broker.
type bench struct {
	Scenario    string        `arg:"" placeholder:"SCENARIO" help:"${scenarios}"`
	Broker      string        `short:"b" default:"localhost:1883" placeholder:"HOST:PORT" help:"Where the broker is, or the path of its unix socket. Default: ${default}."`
	Username    string        `short:"u" placeholder:"NAME" help:"User name."`
	Password    string        `name:"pw" short:"P" placeholder:"PASSWORD" help:"Password."`
	Protocol    string        `name:"protocol-version" short:"V" default:"mqttv311" enum:"mqttv311,mqttv5,311,5" placeholder:"VERSION" help:"Version of MQTT: mqttv5 or mqttv311. Default: mqttv311."`
	QoS         uint8         `name:"qos" short:"q" placeholder:"QOS" help:"Quality of service: 0, 1 or 2. Default: 0."`
	Size        int           `placeholder:"BYTES" help:"Payload, 16 at least. Default: 256."`
	Publishers  int           `placeholder:"N" help:"Default: that of the scenario."`
	Subscribers int           `placeholder:"N" help:"Default: that of the scenario."`
	Batch       int           `placeholder:"N" help:"Messages that a publisher writes with one system call. Default: 32."`
	Credit      int           `placeholder:"N" help:"Messages of a publisher that may be under way, in a closed loop. Default: 64."`
	Rate        float64       `placeholder:"N" help:"Messages a second of all publishers together: an open loop, with latencies. Default: a closed loop, as fast as it goes."`
	Warmup      time.Duration `default:"700ms" placeholder:"TIME" help:"How long it runs before it is measured. Default: ${default}."`
	Duration    time.Duration `default:"2.5s" placeholder:"TIME" help:"How long it is measured. Default: ${default}."`
	PID         int           `name:"pid" placeholder:"PID" help:"Process of the broker, on this machine: its processor time and memory are reported."`
	JSON        string        `name:"json" placeholder:"FILE" help:"Append a line of JSON to this file, - for standard output."`
}

func (b *bench) Run(w *world) error {
	cfg := load.Config{
		Scenario: b.Scenario, Dial: b.dial,
		Username: b.Username, Password: b.Password, Version: versions[b.Protocol], QoS: packets.QoS(b.QoS),
		Size: b.Size, Publishers: b.Publishers, Subscribers: b.Subscribers, Batch: b.Batch, Credit: b.Credit,
		Rate: b.Rate, Warmup: b.Warmup, Duration: b.Duration, PID: b.PID,
		Progress: func(p load.Progress) {
			fmt.Fprintf(w.err, "\r%5.0fs  %-8s %12d done", p.Elapsed.Seconds(), p.Phase, p.Done)
		},
	}
	res, err := load.Run(w.ctx, cfg)
	fmt.Fprint(w.err, "\r", strings.Repeat(" ", 40), "\r")
	if err != nil {
		return err
	}
	if err := b.write(w, res); err != nil {
		return err
	}
	if res.Void() {
		return fmt.Errorf("messages were %+v: the figures are void", res.Tally)
	}
	return nil
}

func (b *bench) dial(ctx context.Context) (net.Conn, error) {
	var d net.Dialer
	if strings.HasPrefix(b.Broker, "/") {
		return d.DialContext(ctx, "unix", b.Broker)
	}
	return d.DialContext(ctx, "tcp", b.Broker)
}

func (b *bench) write(w *world, res *load.Result) (err error) {
	if b.JSON == "" {
		table(w.out, res)
		return nil
	}
	out := w.out
	if b.JSON != "-" {
		table(w.out, res)
		f, err := os.OpenFile(b.JSON, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
		if err != nil {
			return err
		}
		defer func() { err = cmp.Or(err, f.Close()) }()
		out = f
	}
	return json.NewEncoder(out).Encode(res)
}

// table is res for people.
func table(out io.Writer, res *load.Result) {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, m := range res.Metrics {
		fmt.Fprintf(t, "%.4g\t%s\t\n", m.Value, m.Unit)
	}
	fmt.Fprintf(t, "%d\tlost\t\n%d\tduplicated\t\n%d\treordered\t\n", res.Tally.Lost, res.Tally.Duplicated, res.Tally.Reordered)
	t.Flush()
}

// scenarios is the help on them.
func scenarios() string {
	var all []string
	names, help := load.Scenarios()
	for i, n := range names {
		all = append(all, n+": "+help[i])
	}
	return strings.Join(all, "; ") + "."
}
