package client_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/fletchmq/fletch/client"
	"github.com/fletchmq/fletch/client/clienttest"
	"github.com/fletchmq/fletch/packets"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var versions = []packets.Version{packets.V31, packets.V311, packets.V5}

// connect is a client of a peer that grants its CONNECT with ack.
func connect(t *testing.T, cfg client.Config, ack *packets.Connack) (*client.Client, *clienttest.Peer) {
	t.Helper()
	if cfg.Version == 0 {
		cfg.Version = packets.V311
	}
	conn, peer := clienttest.Pipe(t, cfg.Version)
	var c *client.Client
	done := async(func() (err error) {
		c, err = client.New(t.Context(), conn, cfg)
		return err
	})
	peer.Accept(ack)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	return c, peer
}

func async(do func() error) <-chan error {
	done := make(chan error, 1)
	go func() { done <- do() }()
	return done
}

// pending fails the test if a request is over before its time. It is for
// synctest.
func pending(t *testing.T, done <-chan error) {
	t.Helper()
	synctest.Wait()
	select {
	case err := <-done:
		t.Fatalf("it is over already: %v", err)
	default:
	}
}

func want[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// wantError checks the class of an error, and what it is not.
func wantError(t *testing.T, err error, is ...error) {
	t.Helper()
	for _, class := range []error{client.ErrInvalid, client.ErrNotSent, client.ErrUnknown, client.ErrClosed} {
		var wanted bool
		for _, e := range is {
			wanted = wanted || e == class
		}
		if errors.Is(err, class) != wanted {
			t.Errorf("%q: is %q: %v, want %v", err, class, !wanted, wanted)
		}
	}
	for _, e := range is {
		if !errors.Is(err, e) {
			t.Errorf("%q is not %q", err, e)
		}
	}
}

// wantRefused checks that the server's no came through.
func wantRefused(t *testing.T, err error, packet packets.Type, reason packets.ReasonCode) {
	t.Helper()
	var refused *client.RefusedError
	if !errors.As(err, &refused) {
		t.Fatalf("got %v, want a refusal", err)
	}
	want(t, "packet of the refusal", refused.Packet, packet)
	want(t, "reason of the refusal", refused.Reason, reason)
}

func TestConnectSaysWhatConfigSays(t *testing.T) {
	will := &client.Will{Topic: "w", Payload: []byte("gone"), QoS: 1, Retain: true}
	for _, test := range []struct {
		cfg  client.Config
		want string
	}{
		{client.Config{}, "CONNECT version=3.1.1 clean-start keep-alive=60 client-id=\"\""},
		{client.Config{ClientID: "x", KeepSession: true, KeepAlive: -1}, "CONNECT version=3.1.1 keep-alive=0 client-id=x"},
		{client.Config{Username: "u", Password: "p", KeepAlive: 1500 * time.Millisecond}, `CONNECT version=3.1.1 clean-start keep-alive=2 client-id="" username=u password=***`},
		{client.Config{Version: packets.V31, ClientID: "x", Will: will}, `CONNECT version=3.1 clean-start will-qos=1 will-retain keep-alive=60 client-id=x will-topic=w will-payload="gone"`},
		{client.Config{Version: packets.V5, KeepSession: true, ReceiveMaximum: 9, MaximumPacketSize: 99, TopicAliasMaximum: 3}, `CONNECT version=5.0 keep-alive=60 session-expiry-interval=4294967295 receive-maximum=9 topic-alias-maximum=3 maximum-packet-size=99 client-id=""`},
		{client.Config{Version: packets.V5, ReceiveMaximum: 65535}, `CONNECT version=5.0 clean-start keep-alive=60 maximum-packet-size=16777216 client-id=""`},
		{client.Config{Version: packets.V5, SessionExpiry: time.Minute}, `CONNECT version=5.0 clean-start keep-alive=60 session-expiry-interval=60 receive-maximum=1024 maximum-packet-size=16777216 client-id=""`},
	} {
		v := test.cfg.Version
		if v == 0 {
			v = packets.V311
		}
		conn, peer := clienttest.Pipe(t, v)
		done := async(func() error { _, err := client.New(t.Context(), conn, test.cfg); return err })
		want(t, "CONNECT", peer.Next().String(), test.want)
		peer.Close()
		if err := <-done; !errors.Is(err, io.EOF) {
			t.Errorf("the server closes instead of an answer: %v", err)
		}
	}
}

// A server may leave the connection open and say nothing.
func TestNewEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, peer := clienttest.Pipe(t, packets.V311)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		done := async(func() error { _, err := client.New(ctx, conn, client.Config{}); return err })
		peer.Next()
		if err := <-done; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the end of the context", err)
		}
		peer.ExpectEnd()
	})
}

// [MQTT-4.13.2-1]
func TestConnectRefused(t *testing.T) {
	for _, test := range []struct {
		version packets.Version
		bytes   string
		want    packets.ReasonCode
	}{
		{packets.V31, "\x20\x02\x00\x02", packets.ClientIdentifierNotValid},
		{packets.V311, "\x20\x02\x00\x01", packets.UnsupportedProtocolVersion},
		{packets.V311, "\x20\x02\x00\x05", packets.NotAuthorized},
		{packets.V5, "\x20\x03\x00\x87\x00", packets.NotAuthorized},
		{packets.V5, "\x20\x02\x00\x01", packets.UnsupportedProtocolVersion}, // by a server of 3.1.1
	} {
		conn, peer := clienttest.Pipe(t, test.version)
		done := async(func() error {
			_, err := client.New(t.Context(), conn, client.Config{Version: test.version})
			return err
		})
		peer.Next()
		peer.Write([]byte(test.bytes))
		wantRefused(t, <-done, packets.TypeConnack, test.want)
		peer.ExpectEnd()
	}
}

func TestConfigThatCannotBe(t *testing.T) {
	for _, cfg := range []client.Config{
		{Version: 6},
		{KeepAlive: 20 * time.Hour},
		{KeepSession: true}, // 3.1.1 wants a client identifier then
		{Password: "without a user"},
		{ClientID: "\xff"},
		{Will: &client.Will{Topic: "a/#"}},
	} {
		conn, peer := clienttest.Pipe(t, packets.V311)
		_, err := client.New(t.Context(), conn, cfg)
		wantError(t, err, client.ErrInvalid)
		peer.ExpectEnd()
	}
}

func TestServerAssignsClientIDAndKeepAlive(t *testing.T) {
	ack := new(packets.Connack)
	ack.Props.SetAssignedClientIdentifier([]byte("auto-1"))
	c, _ := connect(t, client.Config{Version: packets.V5}, ack)
	want(t, "client id", c.ClientID(), "auto-1")
}

// [MQTT-3.14.4-1] [MQTT-3.14.4-2]
func TestDisconnectIsTheLastPacket(t *testing.T) {
	for _, v := range versions {
		c, peer := connect(t, client.Config{Version: v}, nil)
		done := async(c.Close)
		peer.Expect("DISCONNECT")
		peer.ExpectEnd()
		if err := <-done; err != nil {
			t.Error(err)
		}
		wantError(t, c.Err(), client.ErrClosed, net.ErrClosed)
		wantError(t, c.Publish(t.Context(), client.Message{Topic: "a"}), client.ErrNotSent, client.ErrClosed)
		if err := c.Close(); err != nil {
			t.Errorf("a second Close: %v", err)
		}
	}
}

// A transport that takes nothing more must not hold up the program.
func TestDisconnectEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := connect(t, client.Config{}, nil)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := c.Disconnect(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the end of the context", err)
		}
	})
}

func TestServerGoes(t *testing.T) {
	c, peer := connect(t, client.Config{Version: packets.V5}, nil)
	peer.Send(&packets.Disconnect{Reason: packets.ServerShuttingDown})
	<-c.Done()
	wantError(t, c.Err(), client.ErrClosed)
	wantRefused(t, c.Err(), packets.TypeDisconnect, packets.ServerShuttingDown)

	c, peer = connect(t, client.Config{}, nil)
	peer.Close()
	<-c.Done()
	wantError(t, c.Err(), client.ErrClosed, io.EOF)
	if err := c.Close(); !errors.Is(err, io.EOF) {
		t.Errorf("Close says %v, though the Will was published", err)
	}
}

// Any stream will do. [MQTT3-7.1.2-1] [MQTT-4.2-1]
func TestDial(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	for _, listen := range [][2]string{{"tcp", "127.0.0.1:0"}, {"unix", socket}} {
		l, err := net.Listen(listen[0], listen[1])
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		address := "mqtt://u:p@" + l.Addr().String()
		if listen[0] == "unix" {
			address = "unix://" + socket
		}
		done := async(func() error {
			c, err := client.Dial(t.Context(), address, client.Config{})
			if err != nil {
				return err
			}
			return c.Close()
		})
		conn, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		peer := clienttest.New(t, conn, packets.V311)
		connect, _ := peer.Next().(*packets.Connect)
		want(t, "user name in the CONNECT", string(connect.Username) == "u", listen[0] == "tcp")
		peer.Send(new(packets.Connack))
		peer.Expect("DISCONNECT")
		peer.ExpectEnd()
		peer.Close()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func TestDialFails(t *testing.T) {
	for _, address := range []string{"", "http://a", "mqtt://", "mqtt://a/b", "unix://relative", "://"} {
		_, err := client.Dial(t.Context(), address, client.Config{})
		wantError(t, err, client.ErrInvalid)
	}
	_, err := client.Dial(t.Context(), "unix:///nowhere/at/all", client.Config{})
	wantError(t, err, client.ErrNotSent, os.ErrNotExist)
}
