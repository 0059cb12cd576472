package broker

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/fletchmq/fletch/packets"
)

// session is that of a client as Sessions has it.
func (w *world) session(id string) (found Session, ok bool) {
	w.settle()
	for s := range w.b.Sessions() {
		if s.ClientID == id {
			return s, true
		}
	}
	return found, false
}

func TestSessions(t *testing.T) {
	run(t, Config{MaximumQueuedMessages: 3, MaximumSessionExpiry: time.Hour}, func(w *world) {
		began := time.Now()
		a := w.join(packets.V5, "a", keeping(100), func(c *packets.Connect) { c.Props.SetReceiveMaximum(2) })
		w.join(packets.V311, "old", keeping(0)).subscribe("z", 0)
		for _, filter := range []string{"x", "$share/g/y", "w/#"} {
			a.subscribe(filter, 1)
		}
		a.send(&packets.Unsubscribe{PacketID: 1, Filters: [][]byte{[]byte("w/#")}})
		a.next()
		publish := func(n int) {
			for range n {
				if err := w.b.Publish(w.Context(), Message{Topic: "x", QoS: 1}); err != nil {
					t.Fatal(err)
				}
			}
		}
		publish(2)
		a.next()
		a.next()
		publish(2)
		s, _ := w.session("a")
		if s.RemoteAddr == nil || !s.Connected.Equal(began) || s.QueuedBytes == 0 {
			t.Errorf("%+v", s)
		}
		s.RemoteAddr, s.QueuedBytes = nil, 0
		want := "{a 1m40s [$share/g/y x] 5.0 <nil> " + began.String() + " 0001-01-01 00:00:00 +0000 UTC 2 0 2 {0 0 0 0 0 0}}"
		if got := fmt.Sprint(s); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		a.lose()
		publish(5)
		s, _ = w.session("a")
		if s.Version != 0 || s.RemoteAddr != nil || !s.Connected.IsZero() || !s.Ends.Equal(time.Now().Add(100*time.Second)) ||
			s.Queued != 3 || s.InFlight != 2 || s.Drops != (Drops{QueueFull: 4}) {
			t.Errorf("without a connection: %+v", s)
		}
		s, _ = w.session("old")
		if s.Version != packets.V311 || s.Expiry != time.Hour || !slices.Equal(s.Subscriptions, []string{"z"}) {
			t.Errorf("%+v", s)
		}
		var ids []string
		for s := range w.b.Sessions() {
			ids = append(ids, s.ClientID)
			w.b.EndSession("a")
			w.b.EndSession("old")
			w.settle()
		}
		if len(ids) != 1 {
			t.Errorf("sessions that have ended: %q", ids)
		}
	})
}

// A server may end a connection and say why, only in 5.0. [MQTT-3.14.2-1]
func TestDisconnectByTheProgram(t *testing.T) {
	for _, v := range versions {
		run(t, Config{}, func(w *world) {
			watcher := w.join(packets.V5, "watcher")
			watcher.subscribe("will", 0)
			a := w.join(v, "a", keeping(forever), will("will", "of a"))
			if err := w.b.Disconnect("a", packets.UseAnotherServer); err != nil {
				t.Error(err)
			}
			a.ended(packets.UseAnotherServer)
			watcher.want(`PUBLISH topic=will payload="of a"`)
			w.settle()
			if err := w.b.Disconnect("a", packets.UseAnotherServer); !errors.Is(err, ErrNoClient) {
				t.Errorf("absent: %v", err)
			}
			if err := w.b.Disconnect("nobody", packets.UseAnotherServer); !errors.Is(err, ErrNoClient) {
				t.Errorf("nobody: %v", err)
			}
			w.resume(v, "a")
		})
	}
	run(t, Config{}, func(w *world) {
		a := w.join(packets.V5, "a")
		for _, reason := range []packets.ReasonCode{packets.NormalDisconnection, packets.DisconnectWithWillMessage, packets.BadUserNameOrPassword, 0xFF} {
			if err := w.b.Disconnect("a", reason); err == nil || errors.Is(err, ErrNoClient) {
				t.Errorf("0x%02x: %v", byte(reason), err)
			}
		}
		a.send(&packets.Pingreq{})
		a.want("PINGRESP")
	})
}

func TestEndSession(t *testing.T) {
	for _, v := range versions {
		run(t, Config{}, func(w *world) {
			watcher := w.join(packets.V5, "watcher")
			watcher.subscribe("will", 0)
			for _, there := range []bool{true, false} {
				a := w.join(v, "a", keeping(forever), delayed(1000), will("will", "of a"))
				a.subscribe("x", 1)
				if !there {
					a.lose()
				}
				if err := w.b.EndSession("a"); err != nil {
					t.Error(err)
				}
				if there {
					a.ended(packets.AdministrativeAction)
				}
				watcher.want(`PUBLISH topic=will payload="of a"`)
				w.settle()
				if err := w.b.EndSession("a"); !errors.Is(err, ErrNoClient) {
					t.Errorf("again: %v", err)
				}
				if n := w.b.Stats().Subscriptions; n != 1 {
					t.Errorf("%d subscriptions", n)
				}
			}
		})
	}
}

// A client cannot save a session that the program has ended.
func TestEndSessionWins(t *testing.T) {
	run(t, Config{}, func(w *world) {
		a := w.join(packets.V5, "a", keeping(10))
		w.b.EndSession("a")
		d := &packets.Disconnect{}
		d.Props.SetSessionExpiryInterval(100)
		go a.nc.Write(d.AppendTo(nil, packets.V5))
		w.settle()
		a.nc.Close()
		if _, ok := w.session("a"); ok {
			t.Error("there is a session")
		}
	})
}
