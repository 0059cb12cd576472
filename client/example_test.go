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

	"github.com/fletchmq/fletch/broker"
	"github.com/fletchmq/fletch/client"
	"github.com/fletchmq/fletch/packets"
)

// start is a broker for the examples, and how to end it.
func start(cfg broker.Config) (b *broker.Broker, stop func()) {
	b, err := broker.New(cfg)
	if err != nil {
		log.Fatal(err)
	}
	return b, func() { b.Shutdown(context.Background()) }
}

// transport is a connection to b that is not a client yet.
func transport(b *broker.Broker) net.Conn {
	conn, err := b.Dial(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	return conn
}

// A connection over TCP, from beginning to end.
func Example() {
	ctx := context.Background()
	b, stop := start(broker.Config{})
	defer stop()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	go b.Serve(ctx, l)

	c, err := client.Dial(ctx, "mqtt://"+l.Addr().String(), client.Config{ClientID: "example"})
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

// The server may say no, and why.
func ExampleRefusedError() {
	ctx := context.Background()
	b, stop := start(broker.Config{
		Logger: slog.New(slog.DiscardHandler),
		Authenticate: func(_ context.Context, login *broker.Login) error {
			if login.Username != "alice" || string(login.Password) != "secret" {
				return errors.New("wrong user name or password")
			}
			return nil
		},
	})
	defer stop()
	_, err := client.New(ctx, transport(b), client.Config{Username: "alice", Password: "guess"})
	var refused *client.RefusedError
	if errors.As(err, &refused) {
		fmt.Println(refused.Reason == packets.BadUserNameOrPassword)
	}
	c, err := client.New(ctx, transport(b), client.Config{Username: "alice", Password: "secret"})
	fmt.Println(err)
	c.Close()
	// Output:
	// true
	// <nil>
}

// dial is a client of b for the examples below.
func dial(b *broker.Broker) *client.Client {
	c, err := client.New(context.Background(), transport(b), client.Config{})
	if err != nil {
		log.Fatal(err)
	}
	return c
}

// The payload is bytes, or a stream of them.
func ExampleClient_Subscribe() {
	ctx := context.Background()
	b, stop := start(broker.Config{})
	defer stop()
	c := dial(b)
	defer c.Close()

	done := make(chan struct{})
	err := c.Subscribe(ctx, "logs/#", packets.AtMostOnce, func(m *client.Message) error {
		defer close(done)
		_, err := io.Copy(os.Stdout, m.Reader())
		return err
	})
	if err != nil {
		log.Fatal(err)
	}
	c.Publish(ctx, client.Message{Topic: "logs/app", Payload: []byte("started\n")})
	<-done
	fmt.Println(c.Unsubscribe(ctx, "logs/#"))
	// Output:
	// started
	// <nil>
}

// Without a handler, messages are received when the program wants the next one.
func ExampleClient_Receive() {
	ctx := context.Background()
	b, stop := start(broker.Config{})
	defer stop()
	c := dial(b)
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

// What an error means for the message.
func ExampleClient_Publish() {
	ctx := context.Background()
	b, stop := start(broker.Config{})
	defer stop()
	c := dial(b)
	defer c.Close()

	err := c.Publish(ctx, client.Message{Topic: "state", Payload: []byte("on"), QoS: packets.AtLeastOnce, Retain: true})
	switch {
	case err == nil:
		fmt.Println("the server has it")
	case errors.Is(err, client.ErrNotSent):
		fmt.Println("nothing has happened: publish it again")
	case errors.Is(err, client.ErrUnknown):
		fmt.Println("the server may have it")
	}
	// Output: the server has it
}
