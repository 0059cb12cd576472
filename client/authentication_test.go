package client_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"testing"
	"testing/synctest"

	"github.com/fletchmq/fletch/broker"
	"github.com/fletchmq/fletch/broker/auth"
	"github.com/fletchmq/fletch/client"
	"github.com/fletchmq/fletch/client/clienttest"
	"github.com/fletchmq/fletch/packets"
)

// echo is a method of authentication: the answer is the challenge backwards.
type echo struct{ starts int }

var errUnproved = errors.New("the server is not the one")

func (*echo) Method() string { return "ECHO" }

func (e *echo) Start() ([]byte, error) {
	e.starts++
	return []byte{'0' + byte(e.starts)}, nil
}

func (*echo) Continue(data []byte) ([]byte, error) {
	if len(data) == 0 {
		return nil, errUnproved
	}
	answer := bytes.Clone(data)
	for i := range answer {
		answer[i] = data[len(data)-1-i]
	}
	return answer, nil
}

func (*echo) Finish(data []byte) error {
	if string(data) != "proof" {
		return errUnproved
	}
	return nil
}

func challenge(method, data string) *packets.Auth {
	p := &packets.Auth{Reason: packets.ContinueAuthentication}
	p.Props.SetAuthenticationMethod([]byte(method))
	if data != "" {
		p.Props.SetAuthenticationData([]byte(data))
	}
	return p
}

func proof(data string) *packets.Connack {
	ack := new(packets.Connack)
	ack.Props.SetAuthenticationMethod([]byte("ECHO"))
	ack.Props.SetAuthenticationData([]byte(data))
	return ack
}

// Each connection is authenticated anew, by as many AUTH as the server likes.
// [MQTT-4.12.0-3] [MQTT-4.12.0-5] [MQTT-3.1.2-30]
func TestAuthentication(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := clienttest.Listen(t, packets.V5)
		c := begin(t, l, client.Config{Authentication: new(echo)})
		published := publish(c, 0, "a") // and not before CONNACK
		for i, rounds := range []int{2, 0, 1} {
			peer := l.Accept()
			connect, _ := peer.Next().(*packets.Connect)
			method, _ := connect.Props.AuthenticationMethod()
			data, _ := connect.Props.AuthenticationData()
			want(t, "in CONNECT", string(method)+" "+string(data), "ECHO "+string(rune('1'+i)))
			for range rounds {
				peer.Send(challenge("ECHO", "abc"))
				peer.Expect(challenge("ECHO", "cba").String())
			}
			peer.Send(proof("proof"))
			if i == 0 {
				peer.Expect(`PUBLISH topic=a payload="hi"`)
				want(t, "publish", <-published, nil)
			}
			synctest.Wait()
			want(t, "state", c.State(), client.Up)
			peer.Close()
		}
	})
}

// A server that does not prove itself, or breaks the exchange, is left, and asked again.
func TestAuthenticationFails(t *testing.T) {
	for name, test := range map[string]struct {
		answer    packets.Packet
		statement string
		cause     error
	}{
		"no proof":       {proof("none"), "", errUnproved},
		"no data":        {challenge("ECHO", ""), "", errUnproved},
		"another method": {challenge("OTHER", "x"), "MQTT-4.12.0-5", nil},
		"success":        {&packets.Auth{}, "MQTT-4.12.0-5", nil},
		"no method":      {&packets.Connack{}, "MQTT-4.12.0-5", nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := clienttest.Listen(t, packets.V5)
				downs := make(chan error, 1)
				c := begin(t, l, client.Config{Authentication: new(echo), OnDown: func(d client.DownEvent) { downs <- d.Err }})
				peer := l.Accept()
				peer.Next()
				peer.Send(test.answer)
				peer.ExpectEnd()
				err := <-downs
				if test.cause != nil && !errors.Is(err, test.cause) {
					t.Errorf("%v: want %v", err, test.cause)
				}
				if test.statement != "" {
					wantBroken(t, err, test.statement)
				}
				want(t, "connects", c.Stats().Connects, 0)
				accept(l, proof("proof"))
				synctest.Wait()
				want(t, "state", c.State(), client.Up)
			})
		})
	}
}

// Without a method in CONNECT the client sends no AUTH, whatever it is asked.
// [MQTT-4.12.0-7]
func TestNoAuthentication(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := clienttest.Listen(t, packets.V5)
		downs := make(chan error, 1)
		begin(t, l, client.Config{OnDown: func(d client.DownEvent) { downs <- d.Err }})
		peer := l.Accept()
		connect, _ := peer.Next().(*packets.Connect)
		want(t, "method in CONNECT", connect.Props.Has().Has(packets.PropAuthenticationMethod), false)
		peer.Send(challenge("ECHO", "abc"))
		peer.ExpectEnd()
		wantBroken(t, <-downs, "MQTT-3.2.0-1")
	})
}

// SCRAM with our own broker, connection after connection, and with a wrong password.
func TestScramWithTheBroker(t *testing.T) {
	known := credentials(t, "secret")
	scram := auth.NewSCRAM(func(_ context.Context, user string) (auth.Credentials, bool) { return known, user == "user" }, nil)
	synctest.Test(t, func(t *testing.T) {
		b, err := broker.New(broker.Config{Logger: slog.New(slog.DiscardHandler), Methods: map[string]broker.Method{
			"SCRAM-SHA-256": func(l *broker.Login) broker.Exchange { return scram.Start(nil) },
		}})
		if err != nil {
			t.Fatal(err)
		}
		conns := make(chan net.Conn, 2)
		cfg := client.Config{
			Version: packets.V5, Authentication: client.ScramSHA256("user", "secret"),
			Dialer: func(ctx context.Context, _, _ string) (net.Conn, error) {
				conn, err := b.Dial(ctx)
				conns <- conn
				return conn, err
			},
		}
		c, err := client.Dial(t.Context(), "localhost", cfg)
		if err != nil {
			t.Fatal(err)
		}
		(<-conns).Close()
		synctest.Wait()
		if err := c.Publish(t.Context(), client.Message{Topic: "a", QoS: 2}); err != nil {
			t.Error(err)
		}
		want(t, "connects", c.Stats().Connects, 2)
		cfg.Authentication = client.ScramSHA256("user", "guess")
		<-conns
		_, err = client.Dial(t.Context(), "localhost", cfg)
		wantRefused(t, err, packets.TypeConnack, packets.NotAuthorized)
		want(t, "close", c.Close(), nil)
		if err := b.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
