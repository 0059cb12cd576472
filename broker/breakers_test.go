package broker

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fletchmq/fletch/packets"
)

// breaker is a packet that is wrong in one way.
type breaker struct {
	version packets.Version
	client  bool // it is one that a client sends
	bytes   []byte
	reason  packets.ReasonCode
	line    string
}

func breakers(t *testing.T) (all []breaker) {
	f, err := os.Open("../packets/testdata/breakers.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	names := map[string]packets.Version{"v31": packets.V31, "v311": packets.V311, "v5": packets.V5}
	in := bufio.NewScanner(f)
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		fields := strings.Fields(in.Text())
		if len(fields) < 5 || fields[0] == "#" {
			continue
		}
		reason, err := strconv.ParseUint(fields[4], 0, 8)
		if err != nil {
			t.Fatalf("%s: %v", in.Text(), err)
		}
		all = append(all, breaker{names[fields[0]], fields[1] == "client", unpack(t, fields[2]), packets.ReasonCode(reason), in.Text()})
	}
	if err := in.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// unpack reads "00ff,61*300".
func unpack(t *testing.T, s string) (b []byte) {
	for part := range strings.SplitSeq(s, ",") {
		digits, times, repeated := strings.Cut(part, "*")
		one, err := hex.DecodeString(digits)
		n := 1
		if repeated && err == nil {
			n, err = strconv.Atoi(times)
		}
		if err != nil {
			t.Fatalf("%.80s: %v", s, err)
		}
		for range n {
			b = append(b, one...)
		}
	}
	return b
}

// Each packet that is wrong ends the connection that sends it, with the reason
// where the version has a place for it, and no other. [MQTT-4.13.1-1]
// [MQTT3-4.8.0-1] [MQTT3-2.2.2-2]
func TestBreakers(t *testing.T) {
	all := breakers(t)
	if len(all) == 0 {
		t.Fatal("no breakers")
	}
	run(t, Config{MaximumPacketSize: 1 << 20}, func(w *world) {
		bystander := w.join(packets.V5, "bystander")
		bystander.subscribe("still/here", 0)
		for i, x := range all {
			if len(x.bytes) > 1<<20 {
				t.Errorf("%.80s: larger than what the broker accepts", x.line)
			}
			switch {
			case !x.client: // no matter how it ends
				p := w.join(x.version, "breaker")
				go io.Copy(io.Discard, p.nc)
				p.nc.Write(x.bytes)
				p.nc.Close()
			case packets.Type(x.bytes[0]>>4) == packets.TypeConnect:
				w.breakConnect(x)
			default:
				p := w.join(x.version, "breaker")
				go p.nc.Write(x.bytes) // it may not be read to the end
				p.endedWith(x)
			}
			bystander.send(message("still/here", fmt.Sprint(i), 0))
			bystander.want(fmt.Sprintf("PUBLISH topic=still/here payload=%q", fmt.Sprint(i)))
		}
	})
}

func (p *peer) endedWith(x breaker) {
	p.Helper()
	p.nc.SetReadDeadline(time.Now().Add(10 * time.Second))
	for {
		first, body, err := p.in.Next()
		if err != nil {
			if p.v == packets.V5 || !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrClosedPipe) {
				p.Errorf("%.200s: not ended as it should be: %v", x.line, err)
			}
			return
		}
		got, err := p.dec.Decode(first, body, p.v)
		if d, ok := got.(*packets.Disconnect); ok && err == nil {
			if want := disconnectReason(x.reason); d.Reason != want {
				p.Errorf("%.200s: %s, want 0x%02x", x.line, d, byte(want))
			}
			p.closed()
			return
		}
		p.Errorf("%.200s: %v %v", x.line, got, err)
	}
}

// disconnectReason is reason, or what is said when DISCONNECT must not carry it.
func disconnectReason(reason packets.ReasonCode) packets.ReasonCode {
	if (&packets.Disconnect{Reason: reason}).Validate(packets.V5) != nil {
		return packets.ProtocolError
	}
	return reason
}

// breakConnect sends a CONNECT. A length that is wrong is wrong
// before the version is known.
func (w *world) breakConnect(x breaker) {
	p := w.dial(x.version)
	go p.nc.Write(x.bytes)
	code, ok := x.reason.ReturnCode()
	want := ""
	switch {
	case strings.Contains(x.line, "a variable byte integer") && x.bytes[4] >= 0x80:
	case strings.Contains(x.line, "a protocol name"):
	case x.version == packets.V5:
		p.want(fmt.Sprintf("CONNACK reason=0x%02x", byte(x.reason)))
		if !strings.HasPrefix(p.text, "CONNECT breaks [") {
			p.Errorf("%.200s: %q", x.line, p.text)
		}
	case ok:
		want = fmt.Sprintf("200200%02x", byte(code))
	}
	if got := p.rest(); hex.EncodeToString(got) != want {
		w.Errorf("%.200s: %x, want %s", x.line, got, want)
	}
}
