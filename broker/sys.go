package broker

import (
	"fmt"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/fletchmq/fletch/broker/session"
	"github.com/fletchmq/fletch/packets"
)

// sysRoot is where Stats are published, under names that many monitors know.
const sysRoot = "$SYS/broker/"

// reporter publishes Stats.
type reporter struct {
	b     *Broker
	said  map[string]string // by topic name below sysRoot
	loads map[string]*load
	last  time.Time
}

// report publishes Stats until Shutdown.
func (b *Broker) report() {
	defer b.running.Done()
	t := time.NewTicker(b.config.SysInterval)
	defer t.Stop()
	r := &reporter{b: b, said: make(map[string]string), loads: make(map[string]*load), last: time.Now()}
	for {
		if err := guard(func() error { r.report(); return nil }); err != nil {
			guard(func() error { // it may be the Logger that panics
				b.config.Logger.Error("$SYS", "error", err)
				return nil
			})
		}
		select {
		case <-t.C:
		case <-b.ctx.Done():
			return
		}
	}
}

// report publishes what is not as it was said.
func (r *reporter) report() {
	s := r.b.Stats() // before any of what follows counts
	t := begin()
	defer t.end()
	r.say(t, "version", release())
	r.say(t, "uptime", fmt.Sprintf("%d seconds", time.Since(r.b.began)/time.Second))
	r.say(t, "store/trouble", s.Trouble)
	for _, x := range s.sys() {
		r.say(t, x.name, strconv.FormatUint(x.value, 10))
	}
	now := time.Now()
	for _, x := range s.loads() {
		if r.loads[x.name] == nil {
			r.loads[x.name] = new(load)
		}
		for minutes, average := range r.loads[x.name].after(now.Sub(r.last), x.value) {
			r.say(t, fmt.Sprintf("load/%s/%dmin", x.name, minutes), fmt.Sprintf("%.2f", average))
		}
	}
	r.last = now
}

func (r *reporter) say(t *turn, name, value string) {
	if r.said[name] == value {
		return
	}
	r.said[name] = value
	m := session.NewMessage(&packets.Publish{
		Retain:  !r.b.config.Without.has(RetainedMessages),
		Topic:   []byte(sysRoot + name),
		Payload: []byte(value),
	})
	defer m.Release()
	r.b.publish(m, t)
}

// figure is a topic name below sysRoot and what is published there.
type figure struct {
	name  string
	value uint64
}

func (s *Stats) sys() []figure {
	return []figure{
		{"clients/connected", uint64(s.Connected)},
		{"clients/disconnected", uint64(s.Sessions - s.Connected)},
		{"clients/total", uint64(s.Sessions)},
		{"clients/maximum", uint64(s.MostConnected)},
		{"clients/expired", s.Expired},
		{"messages/received", s.Received.Packets},
		{"messages/sent", s.Sent.Packets},
		{"publish/messages/received", s.Received.Messages},
		{"publish/messages/sent", s.Sent.Messages},
		{"publish/messages/dropped", s.Dropped},
		{"publish/messages/dropped/queue_full", s.Drops.QueueFull},
		{"publish/messages/dropped/memory_full", s.Drops.MemoryFull},
		{"publish/messages/dropped/expired", s.Drops.Expired},
		{"publish/messages/dropped/too_large", s.Drops.TooLarge},
		{"publish/messages/dropped/not_authorized", s.Drops.NotAuthorized},
		{"publish/messages/dropped/missing", s.Drops.Missing},
		{"publish/messages/refused", s.Refused},
		{"store/messages/bytes", uint64(max(s.QueuedMemory, 0))},
		{"bytes/received", s.Received.Bytes},
		{"bytes/sent", s.Sent.Bytes},
		{"subscriptions/count", uint64(s.Subscriptions - s.SharedSubscriptions)},
		{"shared_subscriptions/count", uint64(s.SharedSubscriptions)},
		{"retained messages/count", uint64(s.Retained)},
	}
}

// release is the version of this module in the program that it is a part of.
func release() string {
	const path, name = "github.com/fletchmq/fletch", "fletch version "
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return name + "(unknown)"
	}
	for _, m := range info.Deps {
		if m.Path == path {
			return name + m.Version
		}
	}
	return name + info.Main.Version
}
