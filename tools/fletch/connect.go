package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strconv"
	"syscall"
	"time"

	"github.com/fletchmq/fletch/client"
	"github.com/fletchmq/fletch/packets"
)

// Exit statuses that scripts know from mosquitto_sub.
const (
	exitConnectionLost = 7
	exitTimeout        = 27
)

// connection is the flags of all clients, as mosquitto_pub and mosquitto_sub
// have them.
type connection struct {
	Host        string  `short:"h" default:"localhost" placeholder:"HOST" help:"Where the broker is. Default: localhost."`
	Port        uint16  `short:"p" default:"1883" placeholder:"PORT" help:"Its port. Default: 1883."`
	Unix        string  `placeholder:"PATH" help:"Connect to a unix socket instead."`
	QoS         uint8   `name:"qos" short:"q" placeholder:"QOS" help:"Quality of service: 0, 1 or 2. Default: 0."`
	ID          string  `name:"id" short:"i" placeholder:"ID" help:"Client identifier. Default: one that the broker assigns."`
	Username    string  `short:"u" placeholder:"NAME" help:"User name."`
	Password    string  `name:"pw" short:"P" placeholder:"PASSWORD" help:"Password."`
	Protocol    string  `name:"protocol-version" short:"V" default:"mqttv311" enum:"mqttv31,mqttv311,mqttv5,31,311,5" placeholder:"VERSION" help:"Version of MQTT: mqttv5, mqttv311 or mqttv31. Default: mqttv311."`
	KeepAlive   uint16  `name:"keepalive" short:"k" default:"60" placeholder:"SECONDS" help:"Keep alive, 0 for none. Default: 60."`
	WillTopic   string  `placeholder:"TOPIC" help:"Topic of the message that the broker publishes if this client fails."`
	WillPayload *string `placeholder:"MESSAGE" help:"What it says. Default: nothing."`
	WillQoS     uint8   `name:"will-qos" placeholder:"QOS" help:"Its quality of service. Default: 0."`
	WillRetain  bool    `help:"Retain it."`
	Debug       bool    `short:"d" help:"Say what goes on."`
}

var versions = map[string]packets.Version{
	"mqttv31": packets.V31, "31": packets.V31,
	"mqttv311": packets.V311, "311": packets.V311,
	"mqttv5": packets.V5, "5": packets.V5,
}

func (f *connection) address() string {
	if f.Unix != "" {
		return "unix://" + f.Unix
	}
	return net.JoinHostPort(f.Host, strconv.Itoa(int(f.Port)))
}

func (f *connection) config(err io.Writer) (client.Config, error) {
	cfg := client.Config{
		Version:   versions[f.Protocol],
		ClientID:  f.ID,
		Username:  f.Username,
		Password:  f.Password,
		KeepAlive: time.Duration(f.KeepAlive) * time.Second,
		Logger:    f.logger(err),
	}
	if f.KeepAlive == 0 {
		cfg.KeepAlive = -1
	}
	switch {
	case f.QoS > 2:
		return cfg, fmt.Errorf("-q %d: expected a QoS of 0, 1 or 2", f.QoS)
	case f.WillQoS > 2:
		return cfg, fmt.Errorf("--will-qos %d: expected a QoS of 0, 1 or 2", f.WillQoS)
	case f.WillTopic == "" && (f.WillPayload != nil || f.WillQoS != 0 || f.WillRetain):
		return cfg, errors.New("a will without a topic: expected --will-topic as well")
	case f.WillTopic == "":
		return cfg, nil
	case !packets.ValidTopicName(f.WillTopic):
		return cfg, badTopic("--will-topic", f.WillTopic)
	}
	cfg.Will = &client.Will{Topic: f.WillTopic, QoS: packets.QoS(f.WillQoS), Retain: f.WillRetain}
	if f.WillPayload != nil {
		cfg.Will.Payload = []byte(*f.WillPayload)
	}
	return cfg, nil
}

func badTopic(flag, topic string) error {
	return fmt.Errorf("%s %q: expected a topic name, which has no + and no #", flag, topic)
}

func (f *connection) logger(err io.Writer) *slog.Logger {
	level := slog.LevelWarn
	if f.Debug {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(err, &slog.HandlerOptions{Level: level}))
}

// dial connects, and says in words of its user why it cannot. There is neither
// client nor error when a signal comes first.
func (f *connection) dial(w *world) (*client.Client, error) {
	cfg, err := f.config(w.err)
	if err != nil {
		return nil, err
	}
	c, err := client.Dial(w.ctx, f.address(), cfg)
	var (
		refused *client.RefusedError
		broken  *packets.BrokenError
	)
	switch {
	case err == nil:
		cfg.Logger.Debug("connected", "broker", f.address(), "client_id", c.ClientID(), "version", cfg.Version)
		return c, nil
	case errors.Is(context.Cause(w.ctx), errTimeout):
		return nil, errTimeout
	case errors.Is(err, context.Canceled):
		return nil, nil
	case errors.As(err, &refused):
		return nil, failure{f.status(refused), fmt.Errorf("%s refuses the connection: %w", f.address(), refused)}
	case errors.As(err, &broken):
		return nil, fmt.Errorf("%s: %w", f.address(), broken)
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, os.ErrNotExist):
		return nil, fmt.Errorf("no broker at %s: start one with fletch serve, or name another with -h and -p", f.address())
	case errors.Is(err, io.EOF):
		return nil, fmt.Errorf("%s closes the connection instead of an answer: expected an MQTT broker that speaks %s", f.address(), cfg.Version)
	}
	return nil, fmt.Errorf("%s: %w", f.address(), err)
}

// status is the exit status for a no of the broker: its code in the version
// spoken.
func (f *connection) status(refused *client.RefusedError) int {
	if code, ok := refused.Reason.ReturnCode(); ok && refused.Packet == packets.TypeConnack && versions[f.Protocol] != packets.V5 {
		return int(code)
	}
	return int(refused.Reason)
}

// request puts the broker's no to a request into the form of dial.
func (f *connection) request(what string, err error) error {
	var refused *client.RefusedError
	switch {
	case errors.As(err, &refused):
		return failure{f.status(refused), fmt.Errorf("%s refuses %s: %w", f.address(), what, err)}
	case errors.Is(err, client.ErrClosed):
		return failure{exitConnectionLost, fmt.Errorf("%s: %s: %w", f.address(), what, err)}
	}
	return fmt.Errorf("%s: %w", what, err)
}
