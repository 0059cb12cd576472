package client_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"
	"os"

	"github.com/fletchmq/fletch/broker"
	"github.com/fletchmq/fletch/client"
	"github.com/fletchmq/fletch/client/store"
	"github.com/fletchmq/fletch/packets"
)

// Many messages at a time, of which at most 100 are without an outcome: PublishAsync
// waits for room.
func ExampleClient_PublishAsync() {
	ctx := context.Background()
	b, stop := start(broker.Config{})
	defer stop()
	c := dial(b, client.Config{MaximumQueued: 100})
	defer c.Close()

	var all []*client.Delivery
	for i := range 1000 {
		m := client.Message{Topic: "readings", Payload: fmt.Append(nil, i), QoS: packets.AtLeastOnce}
		d, err := c.PublishAsync(ctx, m)
		if err != nil {
			log.Fatal(err)
		}
		all = append(all, d)
	}
	for _, d := range all {
		if err := d.Wait(ctx); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Println(len(all), "messages acknowledged")
	// Output: 1000 messages acknowledged
}

// A loop over messages subscribes, and unsubscribes when it is left.
func ExampleClient_Messages() {
	ctx := context.Background()
	b, stop := start(broker.Config{})
	defer stop()
	c := dial(b, client.Config{})
	defer c.Close()
	for _, room := range []string{"kitchen", "cellar"} {
		err := c.Publish(ctx, client.Message{Topic: "light/" + room, Payload: []byte("on"), Retain: true})
		if err != nil {
			log.Fatal(err)
		}
	}

	n := 0
	for m, err := range c.Messages(ctx, "light/+") {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s %s\n", m.Topic, m.Payload)
		if n++; n == 2 {
			break
		}
	}
	// Unordered output:
	// light/kitchen on
	// light/cellar on
}

// A message may be acknowledged long after its handler has returned, and in any order.
func ExampleMessage_Hold() {
	ctx := context.Background()
	b, stop := start(broker.Config{})
	defer stop()
	c := dial(b, client.Config{})
	defer c.Close()

	held := make(chan *client.Message, 3)
	err := c.Subscribe(ctx, "jobs", packets.AtLeastOnce, func(m *client.Message) error {
		held <- m.Hold()
		return nil
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, job := range []string{"sweep", "mop", "dust"} {
		c.Publish(ctx, client.Message{Topic: "jobs", Payload: []byte(job), QoS: packets.AtLeastOnce})
	}
	first, second, third := <-held, <-held, <-held
	for _, m := range []*client.Message{third, first, second} {
		fmt.Printf("%s is done\n", m.Payload)
		m.Ack()
	}
	// Output:
	// dust is done
	// sweep is done
	// mop is done
}

// The consumers of a shared subscription divide the messages among themselves.
func ExampleClient_Subscribe_shared() {
	ctx := context.Background()
	b, stop := start(broker.Config{})
	defer stop()
	c := dial(b, client.Config{})
	defer c.Close()

	done := make(chan string, 10)
	for range 2 {
		worker := dial(b, client.Config{})
		defer worker.Close()
		err := worker.Subscribe(ctx, "$share/workers/jobs/#", packets.AtLeastOnce, func(m *client.Message) error {
			done <- string(m.Payload)
			return nil
		})
		if err != nil {
			log.Fatal(err)
		}
	}
	for _, job := range []string{"sweep", "mop", "dust"} {
		c.Publish(ctx, client.Message{Topic: "jobs/today", Payload: []byte(job), QoS: packets.AtLeastOnce})
	}
	for range 3 {
		fmt.Println(<-done)
	}
	// Unordered output:
	// sweep
	// mop
	// dust
}

// With a Store, what PublishAsync has accepted is published though the process ends.
func ExampleConfig_store() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "outbox")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	open := func() *store.Dir {
		outbox, err := store.OpenDir(dir, store.DirOptions{Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			log.Fatal(err)
		}
		return outbox
	}

	// There is no server, and the process ends.
	outbox := open()
	c, err := client.Start(ctx, "127.0.0.1:1", client.Config{ClientID: "boiler-1", KeepSession: true, Store: outbox})
	if err != nil {
		log.Fatal(err)
	}
	_, err = c.PublishAsync(ctx, client.Message{Topic: "readings", Payload: []byte("21.5"), QoS: packets.ExactlyOnce})
	fmt.Println("stored:", err == nil)
	c.Close()
	outbox.Close()

	// The next process finds a server.
	b, stop := start(broker.Config{})
	defer stop()
	readings, err := b.Subscribe(ctx, "readings")
	if err != nil {
		log.Fatal(err)
	}
	outbox = open()
	defer outbox.Close()
	c = dial(b, client.Config{ClientID: "boiler-1", KeepSession: true, Store: outbox})
	defer c.Close()
	for m := range readings {
		fmt.Printf("published: %s\n", m.Payload)
		break
	}
	// Output:
	// stored: true
	// published: 21.5
}

// An error means that the message comes again: here a database was away for a moment.
func ExampleHandler() {
	ctx := context.Background()
	b, stop := start(broker.Config{})
	defer stop()
	c := dial(b, client.Config{ClientID: "ledger", KeepSession: true, Backoff: afterAMoment})
	defer c.Close()

	attempts, done := 0, make(chan struct{})
	err := c.Subscribe(ctx, "orders", packets.AtLeastOnce, func(m *client.Message) error {
		attempts++
		fmt.Printf("attempt %d, a repetition: %v\n", attempts, m.Dup)
		if attempts == 1 {
			return io.ErrUnexpectedEOF
		}
		close(done)
		return nil
	})
	if err != nil {
		log.Fatal(err)
	}
	c.Publish(ctx, client.Message{Topic: "orders", Payload: []byte("tea"), QoS: packets.AtLeastOnce})
	<-done
	// Output:
	// attempt 1, a repetition: false
	// attempt 2, a repetition: true
}
