package client_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/fletchmq/fletch/broker"
	"github.com/fletchmq/fletch/client"
	"github.com/fletchmq/fletch/packets"
)

// afterAMoment is a Backoff for examples. The default is for servers.
func afterAMoment(int) time.Duration { return 10 * time.Millisecond }

// The server publishes the Will of a client that is gone without Disconnect.
func ExampleConfig_will() {
	ctx := context.Background()
	b, stop := start(broker.Config{})
	defer stop()
	states, err := b.Subscribe(ctx, "boiler/state")
	if err != nil {
		log.Fatal(err)
	}
	conn := transport(b)
	_, err = client.New(ctx, conn, client.Config{
		Will: &client.Will{Topic: "boiler/state", Payload: []byte("gone"), QoS: packets.AtLeastOnce, Retain: true},
	})
	if err != nil {
		log.Fatal(err)
	}
	conn.Close() // as a cable that is cut
	for m := range states {
		fmt.Printf("%s: %s\n", m.Topic, m.Payload)
		break
	}
	// Output: boiler/state: gone
}

// A server whose certificate is of an authority of one's own, and that asks for the
// certificate of the client.
func ExampleConfig_tls() {
	authority, err := os.ReadFile("ca.pem")
	if err != nil {
		log.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(authority) {
		log.Fatal("ca.pem has no certificate")
	}
	own, err := tls.LoadX509KeyPair("client.pem", "client.key")
	if err != nil {
		log.Fatal(err)
	}
	c, err := client.Dial(context.Background(), "mqtts://broker.example:8883", client.Config{
		TLS: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{own}},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
}

// What becomes of connections. In 5.0 the server says why it ends one.
func ExampleConfig_onUp() {
	b, stop := start(broker.Config{})
	defer stop()
	news := make(chan string)
	c := dial(b, client.Config{
		Version: packets.V5, ClientID: "boiler-1", Backoff: afterAMoment,
		OnUp: func(u client.UpEvent) {
			news <- fmt.Sprint("up, with a session: ", u.SessionPresent)
		},
		OnDown: func(d client.DownEvent) {
			news <- fmt.Sprintf("down: %v, and again: %v", d.Err, d.Again >= 0)
		},
	})
	fmt.Println(<-news)
	if err := b.Disconnect("boiler-1", packets.ServerBusy); err != nil {
		log.Fatal(err)
	}
	fmt.Println(<-news)
	fmt.Println(<-news)
	c.Close()
	fmt.Println(<-news)
	// Output:
	// up, with a session: false
	// down: DISCONNECT: Server busy (0x89): ended by Disconnect of the program, and again: true
	// up, with a session: true
	// down: <nil>, and again: false
}

// A password that is good for a while is asked for by each connection.
func ExampleConfig_credentials() {
	b, stop := start(broker.Config{Authenticate: func(_ context.Context, login *broker.Login) error {
		fmt.Printf("%s with %s\n", login.Username, login.Password)
		return nil
	}})
	defer stop()
	n, up := 0, make(chan struct{}, 2)
	c := dial(b, client.Config{
		ClientID: "boiler-1", Backoff: afterAMoment,
		Credentials: func(context.Context) (username, password string, err error) {
			n++ // or ask whoever makes tokens
			return "ann", fmt.Sprintf("token-%d", n), nil
		},
		OnUp: func(client.UpEvent) { up <- struct{}{} },
	})
	defer c.Close()
	<-up
	b.Disconnect("boiler-1", packets.AdministrativeAction)
	<-up
	// Output:
	// ann with token-1
	// ann with token-2
}

// traceKey is where a program keeps the trace that it is in. See a library for tracing
// for what belongs there.
type traceKey struct{}

// The context of a trace goes with a message, in its user properties, section 3.3.2.3.7.
func ExampleHooks() {
	b, stop := start(broker.Config{})
	defer stop()
	done := make(chan struct{})
	c := dial(b, client.Config{
		Version: packets.V5,
		Hooks: client.Hooks{
			Publish: func(ctx context.Context, m *client.Message) {
				if trace, ok := ctx.Value(traceKey{}).(string); ok {
					m.Props.AddUserProperty([]byte("traceparent"), []byte(trace))
				}
			},
			Handle: func(m *client.Message) func(error) {
				trace, _ := m.Props.UserProperties().Get("traceparent")
				fmt.Printf("%s begins, in %s\n", m.Topic, trace)
				topic := m.Topic
				return func(err error) {
					fmt.Printf("%s ends: %v\n", topic, err)
					close(done)
				}
			},
		},
	})
	defer c.Close()

	ctx := context.WithValue(context.Background(), traceKey{}, "00-4bf92f3577b34da6-01")
	err := c.Subscribe(ctx, "orders", packets.AtLeastOnce, func(*client.Message) error { return nil })
	if err != nil {
		log.Fatal(err)
	}
	if err := c.Publish(ctx, client.Message{Topic: "orders", Payload: []byte("tea")}); err != nil {
		log.Fatal(err)
	}
	<-done
	// Output:
	// orders begins, in 00-4bf92f3577b34da6-01
	// orders ends: <nil>
}
