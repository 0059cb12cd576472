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
		n := 0
		if full {
			n, err = b.fill(p)
		}
		if err == nil {
			err = b.restart(p, one, n)
		}
		p.kill()
		os.RemoveAll(p.dir)
		if err != nil {
			return err
		}
	}
	return nil
}

// fill makes sessions and retained messages, and says how many.
func (b *bench) fill(p *process) (int, error) {
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
		return 0, err
	}
	made := time.Since(begin)
	var t traffic
	defer t.close()
	if err := t.open(p.address, max(1, b.retained/clients), b.window); err != nil {
		return 0, err
	}
	for _, p := range t.publishers {
		p.retain, p.payload = true, p.payload[:100]
	}
	begin = time.Now()
	n, err := t.publish(b.retained, patience)
	if err != nil {
		return 0, err
	}
	b.report.result("load=sessions/broker=written", b.sessions, value{float64(b.sessions) / made.Seconds(), "session/s"})
	b.report.result("load=retained/broker=written", n, value{float64(n) / time.Since(begin).Seconds(), "msg/s"})
	return b.sessions + n, nil
}

// restart kills a broker that has n sessions and retained messages, starts it again,
// and looks whether they are there.
func (b *bench) restart(old *process, one broker, n int) error {
	old.settle()
	before, err := old.memory("VmRSS")
	if err != nil {
		return err
	}
	old.kill()
	size, err := sizeOf(old.dir)
	if err != nil {
		return err
	}
	begin := time.Now()
	p, err := startIn(one, old.dir)
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
	b.report.result(fmt.Sprintf("load=start/broker=%s/kept=%d", one.name, n), 1,
		value{took.Seconds(), "sec"},
		value{cpu.Seconds(), "cpu-sec"},
		value{float64(before), "before-B"},
		value{float64(rss), "started-B"},
		value{float64(settled), "settled-B"},
		value{float64(size), "disk-B"})
	if n == 0 {
		return nil
	}
	return b.kept(p)
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
