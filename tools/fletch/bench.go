package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/fletchmq/fletch/bench/load"
	"github.com/fletchmq/fletch/packets"
)

// bench is a load generator for any broker.
type bench struct {
	Scenario    string   `arg:"" placeholder:"SCENARIO" help:"What to do, see above."`
	Broker      string   `short:"b" default:"localhost:1883" placeholder:"ADDRESS" help:"Where the broker is: HOST:PORT, mqtt://HOST, mqtts://HOST or the path of a unix socket. Default: ${default}."`
	Username    string   `short:"u" placeholder:"NAME" help:"User name."`
	Password    string   `name:"pw" short:"P" placeholder:"PASSWORD" help:"Password."`
	Protocol    string   `name:"protocol-version" short:"V" default:"mqttv311" enum:"mqttv311,mqttv5,311,5" placeholder:"VERSION" help:"Version of MQTT: mqttv5 or mqttv311. Default: mqttv311."`
	QoS         uint8    `name:"qos" short:"q" placeholder:"QOS" help:"Quality of service: 0, 1 or 2. Default: 0."`
	Size        positive `placeholder:"BYTES" help:"Payload, 16 at least. Default: 256; 1024 for slow, 64 for retained."`
	Publishers  positive `placeholder:"N" help:"Default: see above."`
	Subscribers positive `placeholder:"N" help:"Default: see above."`
	Count       positive `placeholder:"N" help:"Filters of wild, topics of retained. Default: see above."`
	Batch       positive `placeholder:"N" help:"Messages that a publisher writes with one system call, in a closed loop. Default: 32."`
	Credit      positive `placeholder:"N" help:"Messages of a publisher that may be under way, in a closed loop. Default: 64."`
	Rate        float64  `placeholder:"N" help:"Messages a second of all publishers together: an open loop, with latencies. Default: 0, a closed loop, as fast as it goes; 20 000 for slow."`
	Warmup      span     `placeholder:"TIME" help:"How long it runs before it is measured. Default: 700ms."`
	Duration    span     `placeholder:"TIME" help:"How long it is measured. Default: 2.5s; 10s for slow."`
	PID         uint32   `name:"pid" placeholder:"PID" help:"Process of the broker, on this machine: its processor time and memory are reported as well."`
	JSON        string   `name:"json" placeholder:"FILE" help:"Append a line of JSON to this file; - for standard output, instead of the table."`
	Plot        string   `placeholder:"FILE.svg" help:"Draw the latencies of an open loop."`
	encryption
}

// exitInterrupted is what a shell makes of SIGINT.
const exitInterrupted = 130

// Run measures, and writes what it has seen. A signal ends it without figures.
func (b *bench) Run(w *world) error {
	cfg, err := b.config(w)
	if err != nil {
		return err
	}
	res, err := load.Run(w.ctx, cfg)
	if cfg.Progress != nil {
		fmt.Fprint(w.err, "\r", strings.Repeat(" ", 40), "\r")
	}
	switch {
	case w.ctx.Err() != nil:
		return failure{exitInterrupted, errors.New("interrupted: there are no figures")}
	case err != nil:
		return b.explain(err)
	}
	if err := b.write(w.out, res); err != nil {
		return err
	}
	if res.Void() {
		return fmt.Errorf("the figures are void: %s", tally(res.Tally))
	}
	return nil
}

func (b *bench) config(w *world) (load.Config, error) {
	dial, err := b.dialer()
	if err != nil {
		return load.Config{}, err
	}
	cfg, err := load.Config{
		Scenario: b.Scenario, Dial: dial,
		Username: b.Username, Password: b.Password, Version: versions[b.Protocol], QoS: packets.QoS(b.QoS),
		Size: int(b.Size), Publishers: int(b.Publishers), Subscribers: int(b.Subscribers), Count: int(b.Count),
		Batch: int(b.Batch), Credit: int(b.Credit), Rate: b.Rate,
		Warmup: time.Duration(b.Warmup), Duration: time.Duration(b.Duration), PID: int(b.PID),
		Progress: progress(w.err),
	}.Complete()
	if err != nil {
		return cfg, b.explain(err)
	}
	switch {
	case b.Plot != "" && cfg.Rate == 0:
		return cfg, fmt.Errorf("--plot %s: expected --rate beside it, as a closed loop has no latencies", b.Plot)
	case b.Plot != "" && !strings.HasSuffix(b.Plot, ".svg"):
		return cfg, fmt.Errorf("--plot %s: expected a name that ends in .svg", b.Plot)
	}
	return cfg, nil
}

// progress is for who looks on, and nil where nobody does.
func progress(out io.Writer) func(load.Progress) {
	f, ok := out.(*os.File)
	if !ok {
		return nil
	}
	if is, err := f.Stat(); err != nil || is.Mode()&os.ModeCharDevice == 0 {
		return nil
	}
	return func(p load.Progress) {
		fmt.Fprintf(out, "\r%5.0fs  %-8s %12d done", p.Elapsed.Seconds(), p.Phase, p.Done)
	}
}

func (b *bench) write(out io.Writer, res *load.Result) error {
	if b.JSON != "-" {
		table(out, res)
	}
	if b.JSON != "" {
		if err := b.writeJSON(out, res); err != nil {
			return fmt.Errorf("--json: %w", err)
		}
	}
	if b.Plot != "" {
		if err := b.draw(res); err != nil {
			return fmt.Errorf("--plot: %w", err)
		}
	}
	return nil
}

func (b *bench) writeJSON(out io.Writer, res *load.Result) error {
	if b.JSON == "-" {
		return json.NewEncoder(out).Encode(res)
	}
	f, err := os.OpenFile(b.JSON, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
	if err != nil {
		return err
	}
	return errors.Join(json.NewEncoder(f).Encode(res), f.Close())
}

func (b *bench) draw(res *load.Result) error {
	f, err := os.Create(b.Plot)
	if err != nil {
		return err
	}
	return errors.Join(res.Plot(f), f.Close())
}

// positive is a number that, where it is given, is 1 at least.
type positive int

// UnmarshalText is of [encoding.TextUnmarshaler].
func (p *positive) UnmarshalText(text []byte) error {
	n, err := strconv.ParseInt(string(text), 10, 32)
	if err != nil || n < 1 {
		return fmt.Errorf("%s: expected a whole number from 1 to %d", text, 1<<31-1)
	}
	*p = positive(n)
	return nil
}

// span is a time that, where it is given, is more than none.
type span time.Duration

// UnmarshalText is of [encoding.TextUnmarshaler].
func (s *span) UnmarshalText(text []byte) error {
	d, err := time.ParseDuration(string(text))
	if err != nil || d <= 0 {
		return fmt.Errorf("%s: expected a time as 500ms or 10s", text)
	}
	*s = span(d)
	return nil
}
