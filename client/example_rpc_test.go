package client_test

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"time"

	"github.com/fletchmq/fletch/broker"
	"github.com/fletchmq/fletch/client"
	"github.com/fletchmq/fletch/packets"
)

// A service that replies, and a client that asks it, section 4.10.
func ExampleClient_Request() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	b, stop := start(broker.Config{})
	defer stop()
	c, err := client.New(ctx, transport(b), client.Config{Version: packets.V5})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()

	err = c.Subscribe(ctx, "shout", packets.AtLeastOnce, func(m *client.Message) error {
		return c.Reply(ctx, m, client.Message{Payload: bytes.ToUpper(m.Payload)})
	})
	if err != nil {
		log.Fatal(err)
	}
	response, err := c.Request(ctx, client.Message{Topic: "shout", Payload: []byte("hello")})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", response.Payload)
	// Output: HELLO
}

// The context says how long to wait. A service may take its time, and reply when the
// handler has returned.
func ExampleClient_Reply() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	b, stop := start(broker.Config{})
	defer stop()
	c, err := client.New(ctx, transport(b), client.Config{Version: packets.V5})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()

	jobs := make(chan *client.Message, 2)
	err = c.Subscribe(ctx, "jobs", packets.AtLeastOnce, func(m *client.Message) error {
		jobs <- m.Clone()
		return nil
	})
	if err != nil {
		log.Fatal(err)
	}
	go func() {
		job := <-jobs
		if err := c.Reply(ctx, job, client.Message{Payload: []byte("done: " + string(job.Payload))}); err != nil {
			log.Print(err)
		}
	}()
	response, err := c.Request(ctx, client.Message{Topic: "jobs", Payload: []byte("sweep"), QoS: packets.AtLeastOnce})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s at QoS %d\n", response.Payload, response.QoS)
	// Output: done: sweep at QoS 1
}
