//go:build linux

package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/fletchmq/fletch/bench/load"
)

// bench is a run.
type bench struct {
	brokers []broker
	rounds  int
	quick   bool
}

// line is one of what a run leaves behind: that it has begun, or a measurement.
type line struct {
	Run string // when the run began

	Header *header `json:",omitempty"`

	Row    string       `json:",omitempty"`
	Broker string       `json:",omitempty"`
	Round  int          `json:",omitempty"`
	Result *load.Result `json:",omitempty"`
	Failed string       `json:",omitempty"` // why there is no result
}

// record measures the rows of those names, and writes a line for each measurement.
func (b *bench) record(ctx context.Context, which *regexp.Regexp, anew bool) error {
	flags := os.O_CREATE | os.O_WRONLY | os.O_APPEND
	if anew {
		flags |= os.O_TRUNC
	}
	f, err := os.OpenFile(linesAt, flags, 0o666)
	if err != nil {
		return err
	}
	defer f.Close()
	out := json.NewEncoder(f)
	run := time.Now().UTC().Format(time.RFC3339)
	if err := out.Encode(line{Run: run, Header: b.header()}); err != nil {
		return err
	}
	for _, r := range rows() {
		if !which.MatchString(r.name) {
			continue
		}
		err := b.row(ctx, r, func(l line) error {
			l.Run = run
			return out.Encode(l)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// row measures one broker after the other, and all again in the next round. One that
// has failed is left alone.
func (b *bench) row(ctx context.Context, r row, keep func(line) error) error {
	failed := map[string]bool{}
	for round := range min(b.rounds, cmp.Or(r.rounds, b.rounds)) {
		for _, one := range b.brokers {
			if !r.has(one.name) || failed[one.name] {
				continue
			}
			l := line{Row: r.name, Broker: one.name, Round: round + 1}
			begin := time.Now()
			res, err := b.measure(ctx, r, one)
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err != nil {
				l.Failed, failed[one.name] = err.Error(), true
			}
			l.Result = res
			tell(l, time.Since(begin))
			if err := keep(l); err != nil {
				return err
			}
		}
	}
	return nil
}

// has is whether a broker is measured in the row.
func (r *row) has(broker string) bool {
	switch {
	case broker == relayName:
		return r.floor != ""
	case r.section == growth:
		return broker == fletchName
	}
	return true
}

// measure starts a broker and puts it under load, once.
func (b *bench) measure(ctx context.Context, r row, one broker) (*load.Result, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, cmp.Or(r.limit, time.Minute), errors.New("it takes too long"))
	defer cancel()
	load, more := r.args, ""
	switch one.name {
	case relayName:
		load = r.floor
	case fletchName:
		more = r.serve
	}
	p, err := start(ctx, one, strings.Fields(more))
	if err != nil {
		return nil, err
	}
	defer p.end()
	args := append([]string{"bench"}, strings.Fields(load)...)
	if b.quick {
		args = append(args, strings.Fields(r.quick)...)
	}
	args = append(args, "--broker", at(p.port), "--pid", fmt.Sprint(p.Process.Pid), "--json", "-")
	res, err := fletchBench(ctx, args)
	if err != nil {
		return nil, cmp.Or(p.over(), err)
	}
	return res, nil
}

// fletchBench gives the result even if that is void. The load is a process of its own,
// so that it ends when a broker takes no more, and leaves no memory to the next.
func fletchBench(ctx context.Context, args []string) (*load.Result, error) {
	var out, said bytes.Buffer
	c := exec.CommandContext(ctx, programs+"/fletch", args...)
	c.Stdout, c.Stderr = &out, &said
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	err := c.Run()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	res := new(load.Result)
	if json.Unmarshal(out.Bytes(), res) == nil {
		return res, nil
	}
	if err == nil {
		return nil, fmt.Errorf("fletch bench says %q: expected a result in JSON", out.Bytes())
	}
	return nil, errors.New(cmp.Or(strings.TrimPrefix(lastLine(said.String()), "fletch: "), err.Error()))
}

// tell says on standard error how far the run is.
func tell(l line, took time.Duration) {
	what := l.Failed
	if l.Result != nil {
		figures := slices.Clone(l.Result.Metrics)
		for _, m := range figures[:min(2, len(figures))] {
			what += fmt.Sprintf("  %.4g %s", m.Value, m.Unit)
		}
		if l.Result.Void() {
			what += fmt.Sprintf("  void: %+v", l.Result.Tally)
		}
	}
	fmt.Fprintf(os.Stderr, "%-34s %-12s round %d, %4.1fs: %s\n", l.Row, l.Broker, l.Round, took.Seconds(), what)
}
