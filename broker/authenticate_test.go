package broker

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/fletchmq/fletch/packets"
)

// script is an Exchange that does as the client says.
type script struct{}

func (script) Step(ctx context.Context, data []byte) ([]byte, bool, error) {
	switch string(data) {
	case "":
		return nil, false, nil
	case "fine":
		return []byte("welcome"), true, nil
	case "silently fine":
		return nil, true, nil
	case "bad":
		return []byte("not sent"), true, errors.New("who?")
	case "banned":
		return nil, false, Refuse(packets.Banned)
	case "panic":
		panic("step")
	case "large":
		return make([]byte, 1<<16), false, nil
	case "slow":
		<-ctx.Done()
		return []byte("welcome"), true, nil
	}
	return append([]byte("more than "), data...), false, nil
}

var scripted = Config{
	ConnectTimeout: 5 * time.Second,
	Methods: map[string]Method{
		"script": func(*Login) Exchange { return script{} },
		"panic":  func(*Login) Exchange { panic("method") },
	},
}

// proving is for a CONNECT with a method, and with data if there is any.
func proving(method, data string) func(*packets.Connect) {
	return func(c *packets.Connect) {
		c.Props.SetAuthenticationMethod([]byte(method))
		if data != "" {
			c.Props.SetAuthenticationData([]byte(data))
		}
	}
}

func auth(reason packets.ReasonCode, method, data string) *packets.Auth {
	a := &packets.Auth{Reason: reason}
	a.Props.SetAuthenticationMethod([]byte(method))
	if data != "" {
		a.Props.SetAuthenticationData([]byte(data))
	}
	return a
}

// gets demands AUTH with that reason and data, and the method "script".
func (p *peer) gets(reason packets.ReasonCode, data string) {
	p.Helper()
	a, ok := p.next().(*packets.Auth)
	if !ok {
		p.Fatalf("no AUTH\n%s", p.log)
	}
	method, _ := a.Props.AuthenticationMethod()
	got, there := a.Props.AuthenticationData()
	if a.Reason != reason || string(method) != "script" || string(got) != data || there != (data != "") {
		p.Fatalf("%s with %q, want reason 0x%02x and %q", a, got, byte(reason), data)
	}
}

// welcomed demands a CONNACK that accepts, with the method and that data.
func (p *peer) welcomed(data string) {
	p.Helper()
	a, ok := p.next().(*packets.Connack)
	if !ok || a.Reason != packets.Success {
		p.Fatalf("CONNACK %v\n%s", a, p.log)
	}
	method, _ := a.Props.AuthenticationMethod()
	got, there := a.Props.AuthenticationData()
	if string(method) != "script" || string(got) != data || there != (data != "") {
		p.Errorf("CONNACK with method %q and data %q, want %q", method, got, data)
	}
}

func (w *world) joinProving(id string) *peer {
	w.Helper()
	a := w.dial(packets.V5)
	a.connect(id, proving("script", "fine"))
	a.welcomed("welcome")
	return a
}

// [MQTT-4.12.0-2] [MQTT-4.12.0-5]: what CONNECT says besides is not lost on the way.
func TestEnhancedAuthentication(t *testing.T) {
	run(t, scripted, func(w *world) {
		watcher := w.joinProving("watcher")
		watcher.subscribe("will", 0)
		a := w.dial(packets.V5)
		a.connect("a", proving("script", ""), will("will", "of a"), keeping(100))
		a.gets(packets.ContinueAuthentication, "")
		a.send(auth(packets.ContinueAuthentication, "script", "1"))
		a.gets(packets.ContinueAuthentication, "more than 1")
		a.send(auth(packets.ContinueAuthentication, "script", strings.Repeat("2", 1000)))
		a.gets(packets.ContinueAuthentication, "more than "+strings.Repeat("2", 1000))
		a.send(auth(packets.ContinueAuthentication, "script", "silently fine"))
		a.welcomed("")
		a.subscribe("x", 1)
		a.lose()
		watcher.want(`PUBLISH topic=will payload="of a"`)
		back := w.dial(packets.V5)
		back.connect("a", proving("script", "fine"), keeping(100))
		if c := back.next().(*packets.Connack); !c.SessionPresent {
			t.Error("the session has gone")
		}
	})
}

// [MQTT-4.12.0-1] [MQTT-4.12.0-4] [MQTT-3.1.4-2]
func TestEnhancedAuthenticationRefused(t *testing.T) {
	run(t, scripted, func(w *world) {
		for _, x := range []struct{ method, data, connack string }{
			{"other", "fine", "0x8c"},
			{"script", "bad", "0x87"},
			{"script", "banned", "0x8a"},
			{"script", "panic", "0x80"},
			{"script", "large", "0x83"},
			{"script", "slow", "0x89"},
			{"panic", "fine", "0x80"},
		} {
			a := w.dial(packets.V5)
			a.connect("a", proving(x.method, x.data), will("will", "never"))
			a.want("CONNACK reason=" + x.connack)
			a.closed()
		}
		a := w.dial(packets.V5) // in a later step, and behind a session that must stay
		holder := w.joinProving("a")
		a.connect("a", proving("script", ""))
		a.gets(packets.ContinueAuthentication, "")
		a.send(auth(packets.ContinueAuthentication, "script", "bad"))
		a.want("CONNACK reason=0x87")
		a.closed()
		holder.quiet()
		if s := w.log.String(); !strings.Contains(s, "who?") || !strings.Contains(s, `\"other\"`) {
			t.Errorf("log:\n%s", s)
		}
	})
}

// [MQTT-3.1.4-6]
func TestNothingIsReadBehindARefusal(t *testing.T) {
	run(t, scripted, func(w *world) {
		watcher := w.joinProving("watcher")
		watcher.subscribe("x", 0)
		a := w.dial(packets.V5)
		connect := &packets.Connect{ClientID: []byte("a"), CleanStart: true}
		proving("script", "bad")(connect)
		a.send(connect, message("x", "behind", 0))
		a.want("CONNACK reason=0x87")
		a.closed()
		watcher.quiet()
	})
}

// [MQTT-3.15.2-2] [MQTT-3.15.2-3] [MQTT-3.1.2-24]: AUTH has nothing that could be
// left out, so one that does not fit the client is not sent at all.
func TestAuthTooLargeForTheClient(t *testing.T) {
	run(t, scripted, func(w *world) {
		data := strings.Repeat("1", 100)
		size := len(auth(packets.ContinueAuthentication, "script", "more than "+data).AppendTo(nil, packets.V5))
		most := func(n int) func(*packets.Connect) {
			return func(c *packets.Connect) { c.Props.SetMaximumPacketSize(uint32(n)) }
		}
		a := w.dial(packets.V5)
		a.connect("a", proving("script", data), most(size))
		a.gets(packets.ContinueAuthentication, "more than "+data)
		b := w.dial(packets.V5)
		b.connect("b", proving("script", data), most(size-1))
		b.want("CONNACK reason=0x95")
		b.closed()
		c := w.dial(packets.V5)
		c.connect("c", proving("script", "silently fine"), most(size-1))
		c.welcomed("")
		c.send(auth(packets.ReAuthenticate, "script", data))
		c.ended(packets.PacketTooLarge)
	})
}

// With methods and nobody to ask about others, those who name none stay outside.
func TestMethodsWithoutAuthenticate(t *testing.T) {
	run(t, scripted, func(w *world) {
		for v, want := range map[packets.Version]string{packets.V5: "0x87", packets.V311: "0x05", packets.V31: "0x05"} {
			a := w.dial(v)
			a.connect("a")
			a.want("CONNACK reason=" + want)
			a.closed()
		}
	})
	both := scripted
	both.Authenticate = func(_ context.Context, l *Login) error {
		if l.Username != "good" {
			return errors.New("who?")
		}
		return nil
	}
	run(t, both, func(w *world) {
		w.joinProving("a")
		b := w.dial(packets.V5)
		b.connect("b", func(c *packets.Connect) { c.HasUsername, c.Username = true, []byte("good") })
		if c := b.next().(*packets.Connack); c.Reason != packets.Success || c.Props.Has().Has(packets.PropAuthenticationMethod) {
			t.Errorf("%s, want success and no method", c) // [MQTT-4.12.0-6]
		}
		b.send(auth(packets.ReAuthenticate, "script", "fine"))
		b.ended(packets.ProtocolError) // [MQTT-4.12.0-7]
	})
}

func TestV5_3_1_2_30_OnlyAuthAndDisconnect(t *testing.T) {
	run(t, scripted, func(w *world) {
		for _, p := range []packets.Packet{
			&packets.Pingreq{},
			message("x", "early", 0),
			&packets.Connect{ClientID: []byte("a")},
			auth(packets.ReAuthenticate, "script", "fine"),         // [MQTT-4.12.0-3]
			auth(packets.ContinueAuthentication, "panic", "other"), // [MQTT-4.12.0-5]
		} {
			a := w.dial(packets.V5)
			a.connect("a", proving("script", ""))
			a.gets(packets.ContinueAuthentication, "")
			a.send(p)
			a.want("CONNACK reason=0x82")
			a.closed()
		}
		a := w.dial(packets.V5)
		a.connect("a", proving("script", ""))
		a.gets(packets.ContinueAuthentication, "")
		a.send(&packets.Disconnect{})
		a.closed()
	})
}

// The time of an exchange is that of the connection, however many steps it has.
func TestEnhancedAuthenticationHasConnectTimeout(t *testing.T) {
	run(t, scripted, func(w *world) {
		start := time.Now()
		a := w.dial(packets.V5)
		a.connect("a", proving("script", "1"))
		for time.Since(start) < 4*time.Second {
			a.gets(packets.ContinueAuthentication, "more than 1")
			time.Sleep(1500 * time.Millisecond)
			a.send(auth(packets.ContinueAuthentication, "script", "1"))
		}
		a.gets(packets.ContinueAuthentication, "more than 1")
		a.want("CONNACK reason=0x89")
		a.closed()
		if d := time.Since(start); d != 5*time.Second {
			t.Errorf("after %s", d)
		}
		b := w.dial(packets.V5) // and for who does not read
		b.connect("b", proving("script", "1"))
		time.Sleep(10 * time.Second)
		b.nc.SetReadDeadline(time.Now().Add(time.Second))
		if _, err := io.ReadAll(b.nc); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error("not closed")
		}
	})
}

// Other packets come and go in between.
func TestReAuthentication(t *testing.T) {
	run(t, scripted, func(w *world) {
		a := w.joinProving("a")
		a.subscribe("x", 0)
		for range 2 {
			a.send(auth(packets.ReAuthenticate, "script", "1"))
			a.gets(packets.ContinueAuthentication, "more than 1")
			a.send(message("x", "meanwhile", 0))
			a.want(`PUBLISH topic=x payload="meanwhile"`)
			a.send(auth(packets.ContinueAuthentication, "script", "fine"))
			a.gets(packets.Success, "welcome")
		}
		time.Sleep(time.Minute) // the time for it does not go on
		a.send(&packets.Pingreq{})
		a.want("PINGRESP")
	})
}

func TestV5_4_12_1_2_ReAuthenticationRefused(t *testing.T) {
	run(t, scripted, func(w *world) {
		for data, want := range map[string]packets.ReasonCode{
			"bad":    packets.NotAuthorized,
			"banned": packets.NotAuthorized, // DISCONNECT cannot say Banned
			"panic":  packets.UnspecifiedError,
			"large":  packets.ImplementationSpecificError,
			"slow":   packets.NotAuthorized,
		} {
			a := w.joinProving("a")
			a.send(auth(packets.ReAuthenticate, "script", data))
			a.ended(want)
		}
		a := w.joinProving("a") // who does not answer
		a.send(auth(packets.ReAuthenticate, "script", "1"))
		a.gets(packets.ContinueAuthentication, "more than 1")
		a.ended(packets.NotAuthorized)
	})
}

func TestReAuthenticationOutOfOrder(t *testing.T) {
	run(t, scripted, func(w *world) {
		a := w.joinProving("a")
		a.send(auth(packets.ContinueAuthentication, "script", "fine")) // [MQTT-4.12.0-3]
		a.ended(packets.ProtocolError)
		b := w.joinProving("b")
		b.send(auth(packets.ReAuthenticate, "script", "1"))
		b.gets(packets.ContinueAuthentication, "more than 1")
		b.send(auth(packets.ReAuthenticate, "script", "1"))
		b.ended(packets.ProtocolError)
		c := w.joinProving("c")
		c.send(auth(packets.ReAuthenticate, "panic", "1")) // [MQTT-4.12.1-1]
		c.ended(packets.ProtocolError)
	})
}

// A method that does not come back keeps neither Shutdown nor a takeover waiting.
func TestSlowMethodKeepsNobodyWaiting(t *testing.T) {
	run(t, scripted, func(w *world) {
		start := time.Now()
		a := w.joinProving("a")
		a.send(auth(packets.ReAuthenticate, "script", "slow"))
		w.settle()
		young := w.joinProving("a")
		a.ended(packets.SessionTakenOver)
		b := w.joinProving("b")
		b.send(auth(packets.ReAuthenticate, "script", "slow"))
		c := w.dial(packets.V5)
		c.connect("c", proving("script", "slow"))
		w.settle()
		done := make(chan error)
		go func() { done <- w.b.Shutdown(context.Background()) }()
		b.ended(packets.ServerShuttingDown)
		c.want("CONNACK reason=0x88") // CONNACK has no 0x8B
		c.closed()
		young.ended(packets.ServerShuttingDown)
		if err := <-done; err != nil || time.Since(start) != 0 {
			t.Errorf("%v after %s", err, time.Since(start))
		}
	})
}

func TestConfigMethodsNil(t *testing.T) {
	if _, err := New(Config{Methods: map[string]Method{"m": nil}}); err == nil || err.Error() != `broker: Config.Methods["m"] is nil: expected a method` {
		t.Error(err)
	}
}
