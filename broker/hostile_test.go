package broker

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/fletchmq/fletch/packets"
)

// Random bytes, and good packets with random bytes in them.
func TestRandomBytes(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	good := (&packets.Subscribe{PacketID: 1, Filters: []packets.Subscription{{Filter: []byte("a/+/#"), QoS: 2}}}).AppendTo(nil, packets.V5)
	good = message("a/b", "payload", 2, retained, lasting(7)).AppendTo(good, packets.V5)
	good = (&packets.Pubrel{PacketID: 1}).AppendTo(good, packets.V5)
	run(t, Config{ConnectTimeout: time.Second}, func(w *world) {
		bystander := w.join(packets.V5, "bystander")
		for i := range 500 {
			v := versions[i%3]
			p := w.dial(v)
			go io.Copy(io.Discard, p.nc)
			b := (&packets.Connect{ClientID: []byte("x"), CleanStart: true, KeepAlive: 1}).AppendTo(nil, v)
			b = append(b, good...)
			for range 1 + random.IntN(4) {
				b[random.IntN(len(b))] = byte(random.Uint32())
			}
			p.nc.SetWriteDeadline(time.Now().Add(time.Minute))
			p.nc.Write(b)
		}
		time.Sleep(48 * time.Hour) // longer than any keep alive
		w.settle()
		bystander.send(&packets.Pingreq{})
		bystander.want("PINGRESP")
		if strings.Contains(w.log.String(), "panic") {
			t.Error(w.log)
		}
	})
}

func TestByteByByte(t *testing.T) {
	run(t, Config{}, func(w *world) {
		p := w.dial(packets.V5)
		var b []byte
		for _, x := range []packets.Packet{
			&packets.Connect{ClientID: []byte("a"), CleanStart: true},
			&packets.Subscribe{PacketID: 1, Filters: []packets.Subscription{{Filter: []byte("x")}}},
			message("x", kilobyte, 0),
		} {
			b = x.AppendTo(b, packets.V5)
		}
		go func() {
			for i := range b {
				p.nc.Write(b[i : i+1])
			}
		}()
		p.next()
		p.want("SUBACK packet-id=1 reason=0x00")
		if got := p.next().(*packets.Publish); string(got.Payload) != kilobyte {
			t.Errorf("got %s", got)
		}
		p.send(&packets.Disconnect{})
		p.closed()
	})
}

func TestV5_3_2_2_15_OversizePacket(t *testing.T) {
	run(t, Config{MaximumPacketSize: 1000}, func(w *world) {
		a := w.join(packets.V5, "a")
		go a.nc.Write(message("x", kilobyte, 0).AppendTo(nil, packets.V5))
		a.ended(packets.PacketTooLarge)
		b := w.join(packets.V311, "b")
		b.hex("30 ff ff ff 7f") // 256 MB are announced
		b.ended(packets.PacketTooLarge)
	})
}

// The reason reaches a TCP peer that is in the midst of sending.
func TestReasonReachesWhoIsSending(t *testing.T) {
	w := newWorld(t, Config{MaximumPacketSize: 1000})
	addr := w.serve()
	for range 20 {
		p := w.tcp(addr, packets.V5)
		p.connect("a")
		p.next()
		b := message("x", "", 0).AppendTo(nil, packets.V5)
		b = message("x", strings.Repeat("x", 500_000), 0).AppendTo(b, packets.V5)
		p.write(b)
		p.ended(packets.PacketTooLarge)
	}
}

// badConn panics when it is read or written for the nth time.
type badConn struct {
	net.Conn
	reads, writes int
}

func (c *badConn) Read(b []byte) (int, error) {
	if c.reads--; c.reads == 0 {
		panic("bad Read")
	}
	return c.Conn.Read(b)
}

func (c *badConn) Write(b []byte) (int, error) {
	if c.writes--; c.writes == 0 {
		panic("bad Write")
	}
	return c.Conn.Write(b)
}

// A panic ends its connection, in order, and nothing else.
func TestPanic(t *testing.T) {
	for name, bad := range map[string]*badConn{
		"bad Read":  {reads: 3},
		"bad Write": {writes: 3},
	} {
		run(t, Config{}, func(w *world) {
			watcher := w.join(packets.V5, "watcher")
			watcher.subscribe("will", 0)
			client, server := net.Pipe()
			if err := w.b.start(&badConn{server, bad.reads, bad.writes}); err != nil {
				t.Fatal(err)
			}
			p := w.over(client, packets.V5)
			p.connect("bad", will("will", name))
			p.next()
			p.subscribe("x", 0)
			p.send(&packets.Pingreq{})
			watcher.want(fmt.Sprintf("PUBLISH topic=will payload=%q", name))
			p.nc.Close()
			w.settle()
			if log := w.log.String(); !strings.Contains(log, "panic: "+name) || !strings.Contains(log, "stack=") {
				t.Errorf("log:\n%s", log)
			}
			if _, there := w.b.clients["bad"]; there || w.b.subscriptions.Len() != 1 {
				t.Error("something is left of it")
			}
		})
	}
}

type badLog struct{ slog.Handler }

func TestPanicOfLogger(t *testing.T) {
	run(t, Config{Logger: slog.New(&badLog{})}, func(w *world) {
		watcher := w.join(packets.V5, "watcher")
		watcher.subscribe("will", 0)
		p := w.join(packets.V5, "p", will("will", "x"))
		p.hex("f0 00 00 00") // whose end is worth a line
		watcher.want(`PUBLISH topic=will payload="x"`)
		if _, err := p.read(10 * time.Second); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error("not closed")
		}
	})
}
