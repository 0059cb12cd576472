package broker_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/fletchmq/fletch/broker"
	"github.com/fletchmq/fletch/client"
	"github.com/fletchmq/fletch/packets"
	"github.com/fletchmq/fletch/packets/frame"
)

// A broker in three lines, but for the errors.
func Example() {
	b, err := broker.New(broker.Config{})
	if err != nil {
		log.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:1883")
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := b.Serve(ctx, ln); err != nil {
		log.Print(err)
	}
	patience, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := b.Shutdown(patience); err != nil {
		log.Print(err)
	}
}

// The program publishes a message that stays, and lives for an hour.
func ExampleBroker_Publish() {
	b, err := broker.New(broker.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer b.Shutdown(context.Background())
	m := broker.Message{Topic: "plant/state", Payload: []byte("running"), QoS: packets.AtLeastOnce, Retain: true}
	m.Props.SetMessageExpiryInterval(3600)
	fmt.Println(b.Publish(context.Background(), m))
	fmt.Println(b.Publish(context.Background(), broker.Message{Topic: "plant/#"}))
	// Output:
	// <nil>
	// broker: PUBLISH breaks [MQTT-3.3.2-2] of MQTT 5.0: no wildcard in a topic name
}

// A test needs no socket: here is a client, and what the broker knows of it.
func ExampleBroker_Dial() {
	ctx := context.Background()
	b, err := broker.New(broker.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer b.Shutdown(ctx)
	nc, err := b.Dial(ctx)
	if err != nil {
		log.Fatal(err)
	}
	c, err := client.New(ctx, nc, client.Config{ClientID: "sensor"})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	if err := c.Subscribe(ctx, "plant/#", packets.AtLeastOnce, nil); err != nil {
		log.Fatal(err)
	}
	for s := range b.Sessions() {
		fmt.Println(s.ClientID, s.Subscriptions)
	}
	if err := b.Publish(ctx, broker.Message{Topic: "plant/state", Payload: []byte("running")}); err != nil {
		log.Fatal(err)
	}
	m, err := c.Receive(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(m.Topic, string(m.Payload))
	// Output:
	// sensor [plant/#]
	// plant/state running
}

// Who may connect is decided by a function. Here a client dials within the
// process, with the wrong password.
func ExampleConfig_authenticate() {
	b, err := broker.New(broker.Config{
		Logger: slog.New(slog.DiscardHandler),
		Authenticate: func(ctx context.Context, login *broker.Login) error {
			if login.Username != "ann" {
				return broker.Refuse(packets.NotAuthorized)
			}
			if string(login.Password) != "secret" {
				return fmt.Errorf("wrong password of %s", login.Username)
			}
			return nil
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer b.Shutdown(context.Background())

	nc, err := b.Dial(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	defer nc.Close()
	connect := packets.Connect{
		ClientID: []byte("sensor"), CleanStart: true,
		HasUsername: true, Username: []byte("ann"),
		HasPassword: true, Password: []byte("guess"),
	}
	if _, err := nc.Write(connect.AppendTo(nil, packets.V5)); err != nil {
		log.Fatal(err)
	}
	first, body, err := frame.NewReader(nc).Next()
	if err != nil {
		log.Fatal(err)
	}
	var answer packets.Connack
	if err := answer.Decode(first, body, packets.V5); err != nil {
		log.Fatal(err)
	}
	fmt.Println(answer.Reason)
	// Output: Bad User Name or Password
}

// The program listens to what clients publish, here to itself.
func ExampleBroker_Subscribe() {
	b, err := broker.New(broker.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer b.Shutdown(context.Background())
	messages, err := b.Subscribe(context.Background(), "plant/+/temperature")
	if err != nil {
		log.Fatal(err)
	}
	for _, name := range []string{"boiler", "tank"} {
		m := broker.Message{Topic: "plant/" + name + "/temperature", Payload: []byte("80")}
		if err := b.Publish(context.Background(), m); err != nil {
			log.Fatal(err)
		}
	}
	for m := range messages {
		fmt.Println(m.Topic, string(m.Payload))
		if m.Topic == "plant/tank/temperature" {
			break
		}
	}
	// Output:
	// plant/boiler/temperature 80
	// plant/tank/temperature 80
}

// presence hears of clients that come and go, and of nothing else.
type presence struct{}

func (presence) Connected(e broker.Connected) {
	fmt.Println(e.ClientID, "is here, with MQTT", e.Version)
}

func (presence) Disconnected(e broker.Disconnected) {
	fmt.Println(e.ClientID, "is gone:", e.Cause)
}

// Hooks have the methods for what they want to hear.
func ExampleConfig_hooks() {
	b, err := broker.New(broker.Config{Hooks: presence{}})
	if err != nil {
		log.Fatal(err)
	}
	defer b.Shutdown(context.Background())

	nc, err := b.Dial(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	defer nc.Close()
	connect := packets.Connect{ClientID: []byte("sensor"), CleanStart: true}
	if _, err := nc.Write(connect.AppendTo(nil, packets.V311)); err != nil {
		log.Fatal(err)
	}
	if _, _, err := frame.NewReader(nc).Next(); err != nil { // CONNACK
		log.Fatal(err)
	}
	if err := b.Disconnect("sensor", packets.AdministrativeAction); err != nil {
		log.Fatal(err)
	}
	io.Copy(io.Discard, nc) // until the broker closes
	// Output:
	// sensor is here, with MQTT 3.1.1
	// sensor is gone: ended by Disconnect of the program
}

// Each user has a branch of topics, and all may read what is public. A filter
// stands for all that it matches: one that begins with a wildcard is nobody's.
func ExampleConfig_authorize() {
	authorize := func(ctx context.Context, a *broker.Access) error {
		first, _, _ := strings.Cut(a.Topic, "/")
		switch {
		case first == a.Username && a.Username != "":
			return nil
		case first == "public" && a.Action == broker.ToSubscribe:
			return nil
		}
		return fmt.Errorf("%s may not %s %s", a.Username, a.Action, a.Topic)
	}
	b, err := broker.New(broker.Config{
		Authorize: authorize,
		Authenticate: func(ctx context.Context, login *broker.Login) error {
			if login.Username != "ann" || string(login.Password) != "secret" {
				return errors.New("wrong user name or password")
			}
			return nil // and so no user is called "+" or "#"
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer b.Shutdown(context.Background())

	for _, a := range []broker.Access{
		{Username: "ann", Action: broker.ToPublish, Topic: "ann/lamp"},
		{Username: "ann", Action: broker.ToPublish, Topic: "public/news"},
		{Username: "ann", Action: broker.ToSubscribe, Topic: "public/#"},
		{Username: "ann", Action: broker.ToSubscribe, Topic: "#"},
	} {
		fmt.Println(authorize(context.Background(), &a))
	}
	// Output:
	// <nil>
	// ann may not publish public/news
	// <nil>
	// ann may not subscribe #
}
