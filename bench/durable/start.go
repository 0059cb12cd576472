//go:build linux

package main

import (
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/fletchmq/fletch/packets"
)

// starts measures how long a broker takes to answer that was killed with many
// sessions and retained messages, beside one with none.
func (b *bench) starts() error {
	one, ok := b.called("written")
	if !ok {
		return nil
	}
	for _, full := range []bool{false, true} {
		p, err := b.start(one)
		if err != nil {
			return err
		}
		if full {
			err = b.fill(p)
		}
		p.kill()
		if err == nil {
			err = b.restart(one, p.dir, full)
		}
		os.RemoveAll(p.dir)
		if err != nil {
			return err
		}
	}
	return nil
}

// fill makes sessions and retained messages.
func (b *bench) fill(p *process) error {
	begin := time.Now()
	err := each(b.sessions, func(i int) error {
		c, err := subscribed(p.address, lasting(fmt.Sprint("session-", i)), fmt.Sprint("command/", i), packets.TypeSuback)
		if err != nil {
			return err
		}
		c.Conn.(*net.TCPConn).SetLinger(0) // so many ports would not be free again soon enough
		return c.Close()
	})
	if err != nil {
		return err
	}
	made := time.Since(begin)
	var t traffic
	defer t.close()
	if err := t.open(p.address, max(1, b.retained/clients), b.window); err != nil {
		return err
	}
	for _, p := range t.publishers {
		p.retain, p.payload = true, p.payload[:100]
	}
	begin = time.Now()
	n, err := t.publish(b.retained, patience)
	if err != nil {
		return err
	}
	b.report.result("load=sessions/broker=written", b.sessions, value{float64(b.sessions) / made.Seconds(), "session/s"})
	b.report.result("load=retained/broker=written", n, value{float64(n) / time.Since(begin).Seconds(), "msg/s"})
	return nil
}

// restart starts one with what there is in dir, and looks whether it is there.
func (b *bench) restart(one broker, dir string, full bool) error {
	size, err := sizeOf(dir)
	if err != nil {
		return err
	}
	begin := time.Now()
	p, err := startIn(one, dir)
	if err != nil {
		return err
	}
	defer p.kill()
	took, cpu := time.Since(begin), p.cpu()
	rss, err := p.memory("VmRSS")
	if err != nil {
		return err
	}
	p.settle()
	settled, err := p.memory("VmRSS")
	if err != nil {
		return err
	}
	n := 0
	if full {
		n = b.sessions + b.retained
		if err := b.kept(p); err != nil {
			return err
		}
	}
	b.report.result(fmt.Sprintf("load=start/broker=%s/sessions+retained=%d", one.name, n), 1,
		value{took.Seconds(), "sec"},
		value{cpu.Seconds(), "cpu-sec"},
		value{float64(rss), "rss-B"},
		value{float64(settled), "settled-B"},
		value{float64(size), "disk-B"})
	return nil
}

// kept is an error if one of a hundred sessions and retained messages is not there.
func (b *bench) kept(p *process) error {
	err := each(100, func(i int) error {
		c, err := connect(p.address, lasting(fmt.Sprint("session-", i*b.sessions/100)))
		if err == nil && !c.present {
			err = fmt.Errorf("session %s is gone", c.LocalAddr())
		}
		return err
	})
	if err != nil {
		return err
	}
	return each(100, func(i int) error {
		_, err := subscribed(p.address, passing(fmt.Sprint("reader-", i)), string(topic(nil, i*b.retained/100)), packets.TypePublish)
		return err
	})
}

func sizeOf(dir string) (n int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		n += info.Size()
		return err
	})
	return n, err
}
