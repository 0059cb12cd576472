package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"os"
	"time"

	"github.com/fletchmq/fletch/broker"
	"github.com/fletchmq/fletch/client"
	"github.com/fletchmq/fletch/packets"
)

// start is a broker for the examples, which says nothing, and how to end it.
func start(cfg broker.Config) (b *broker.Broker, stop func()) {
	cfg.Logger = slog.New(slog.DiscardHandler)
	b, err := broker.New(cfg)
	if err != nil {
		log.Fatal(err)
	}
	return b, func() { b.Shutdown(context.Background()) }
}

// listen is the address of b.
func listen(b *broker.Broker) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	go b.Serve(context.Background(), l)
	return "mqtt://" + l.Addr().String()
}

// transport is a connection to b that is not a client yet.
func transport(b *broker.Broker) net.Conn {
	conn, err := b.Dial(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	return conn
}

// dial is a client of b.
func dial(b *broker.Broker, cfg client.Config) *client.Client {
	cfg.Dialer = func(ctx context.Context, _, _ string) (net.Conn, error) { return b.Dial(ctx) }
	c, err := client.Dial(context.Background(), "localhost", cfg)
	if err != nil {
		log.Fatal(err)
	}
	return c
}

// A connection over TCP, from beginning to end.
func Example() {
	b, stop := start(broker.Config{})
	defer stop()
	address := listen(b) // such as mqtt://127.0.0.1:1883

	ctx := context.Background()
	c, err := client.Dial(ctx, address, client.Config{ClientID: "example"})
	if err != nil {
		log.Fatal(err)
	}
	got := make(chan string)
	err = c.Subscribe(ctx, "greetings/+", packets.AtLeastOnce, func(m *client.Message) error {
		got <- m.Topic + ": " + string(m.Payload)
		return nil
	})
	if err != nil {
		log.Fatal(err)
	}
	err = c.Publish(ctx, client.Message{Topic: "greetings/world", Payload: []byte("hello")})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(<-got)
	fmt.Println(c.Disconnect(ctx))
	// Output:
	// greetings/world: hello
	// <nil>
}

// What most programs say of themselves. The context is for the first connection.
func ExampleDial() {
	b, stop := start(broker.Config{Authenticate: func(_ context.Context, login *broker.Login) error {
		fmt.Printf("%s is %s, by %s, with %v\n", login.ClientID, login.Username, login.Password, login.Version)
		return nil
	}})
	defer stop()

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c, err := client.Dial(ctx, listen(b), client.Config{
		Version:   packets.V5,
		ClientID:  "boiler-1",
		Username:  "ann",
		Password:  "secret",
		KeepAlive: 30 * time.Second,
	})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	fmt.Println(c.State())
	// Output:
	// boiler-1 is ann, by secret, with 5.0
	// Up
}

// Any transport will do: here the one of a broker in the same program.
func ExampleNew() {
	ctx := context.Background()
	b, stop := start(broker.Config{})
	defer stop()
	for _, version := range []packets.Version{packets.V31, packets.V311, packets.V5} {
		c, err := client.New(ctx, transport(b), client.Config{Version: version})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(version, c.Ping(ctx), c.Close())
	}
	// Output:
	// 3.1 <nil> <nil>
	// 3.1.1 <nil> <nil>
	// 5.0 <nil> <nil>
}

// The handler gets the topic, and the payload as bytes or as a stream of them.
func ExampleClient_Subscribe() {
	ctx := context.Background()
	b, stop := start(broker.Config{})
	defer stop()
	c := dial(b, client.Config{})
	defer c.Close()

	done := make(chan struct{})
	err := c.Subscribe(ctx, "logs/#", packets.AtMostOnce, func(m *client.Message) error {
		defer close(done)
		fmt.Print(m.Topic, ": ")
		_, err := io.Copy(os.Stdout, m.Reader())
		return err
	})
	if err != nil {
		log.Fatal(err)
	}
	c.Publish(ctx, client.Message{Topic: "logs/app", Payload: []byte("started\n")})
	<-done
	// Output: logs/app: started
}

// Without a handler, messages are received when the program wants the next one.
func ExampleClient_Receive() {
	ctx := context.Background()
	b, stop := start(broker.Config{})
	defer stop()
	c := dial(b, client.Config{})
	defer c.Close()

	if err := c.Subscribe(ctx, "jobs", packets.ExactlyOnce, nil); err != nil {
		log.Fatal(err)
	}
	for _, job := range []string{"sweep", "mop"} {
		c.Publish(ctx, client.Message{Topic: "jobs", Payload: []byte(job), QoS: packets.ExactlyOnce})
	}
	for range 2 {
		m, err := c.Receive(ctx) // acknowledges it
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s at QoS %d\n", m.Payload, m.QoS)
	}
	// Output:
	// sweep at QoS 2
	// mop at QoS 2
}

// A topic filter is given up as it was subscribed to.
func ExampleClient_Unsubscribe() {
	ctx := context.Background()
	b, stop := start(broker.Config{})
	defer stop()
	c := dial(b, client.Config{})
	defer c.Close()

	if err := c.Subscribe(ctx, "news/#", packets.AtMostOnce, nil); err != nil {
		log.Fatal(err)
	}
	fmt.Println(c.Unsubscribe(ctx, "news/#"))
	fmt.Println(c.Unsubscribe(ctx, "news/today")) // there is none, which is no error
	// Output:
	// <nil>
	// <nil>
}

// What nil means depends on the QoS.
func ExampleClient_Publish() {
	ctx := context.Background()
	b, stop := start(broker.Config{})
	defer stop()
	c := dial(b, client.Config{})
	defer c.Close()

	for _, qos := range []packets.QoS{packets.AtMostOnce, packets.AtLeastOnce, packets.ExactlyOnce} {
		err := c.Publish(ctx, client.Message{Topic: "state", Payload: []byte("on"), QoS: qos, Retain: true})
		switch {
		case err != nil:
			log.Fatal(err)
		case qos == packets.AtMostOnce:
			fmt.Println("the operating system has it")
		case qos == packets.AtLeastOnce:
			fmt.Println("the server has it, perhaps more than once")
		case qos == packets.ExactlyOnce:
			fmt.Println("the server has it, once")
		}
	}
	// Output:
	// the operating system has it
	// the server has it, perhaps more than once
	// the server has it, once
}

// Ping returns when the server has answered.
func ExampleClient_Ping() {
	b, stop := start(broker.Config{})
	defer stop()
	c := dial(b, client.Config{})
	defer c.Close()

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	fmt.Println(c.Ping(ctx))
	// Output: <nil>
}

// After Close, which waits a few seconds at most, the reason of every error is
// ErrClosed.
func ExampleClient_Close() {
	b, stop := start(broker.Config{})
	defer stop()
	c := dial(b, client.Config{})

	fmt.Println(c.Close())
	err := c.Publish(context.Background(), client.Message{Topic: "state"})
	fmt.Println(err)
	fmt.Println(errors.Is(err, client.ErrNotSent), errors.Is(err, client.ErrClosed))
	// Output:
	// <nil>
	// client: not sent: connection closed
	// true true
}

// The server may say no, and why.
func ExampleRefusedError() {
	b, stop := start(broker.Config{
		Authenticate: func(_ context.Context, login *broker.Login) error {
			if login.Username != "ann" || string(login.Password) != "secret" {
				return errors.New("wrong user name or password")
			}
			return nil
		},
	})
	defer stop()
	_, err := client.Dial(context.Background(), listen(b), client.Config{Username: "ann", Password: "guess"})
	var refused *client.RefusedError
	if errors.As(err, &refused) {
		fmt.Println(refused)
		fmt.Println(refused.Reason == packets.BadUserNameOrPassword)
	}
	// Output:
	// CONNACK: Bad User Name or Password (0x86)
	// true
}
