package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
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

// connectTimeout is how long a broker may take to accept.
const connectTimeout = 10 * time.Second

// connection is the flags of all clients, as mosquitto_pub and mosquitto_sub
// have them.
type connection struct {
	Host string `short:"h" placeholder:"HOST" help:"Where the broker is. Default: localhost."`
	Port uint16 `short:"p" placeholder:"PORT" help:"Its port. Default: 1883, with TLS 8883."`
	Unix string `placeholder:"PATH" help:"Connect to a unix socket instead."`
	URL  string `name:"url" short:"L" placeholder:"ADDRESS" help:"Connect to mqtt://HOST, mqtts://HOST, ws://HOST/PATH or wss://HOST/PATH instead, or to one of several, with commas between them."`
	encryption
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

// address is without user name and password.
func (f *connection) address() string {
	host, scheme, port := cmp.Or(f.Host, "localhost"), "", uint16(1883)
	if f.used() {
		scheme, port = "mqtts://", 8883
	}
	switch {
	case f.Unix != "":
		return "unix://" + f.Unix
	case f.URL != "":
		all := strings.Split(f.URL, ",")
		for i, s := range all {
			if u, err := url.Parse(s); err == nil && u.User != nil {
				u.User = nil
				all[i] = u.String()
			}
		}
		return strings.Join(all, ",")
	}
	return scheme + net.JoinHostPort(host, strconv.Itoa(int(cmp.Or(f.Port, port))))
}

// check is for the flags that say where the broker is.
func (f *connection) check() error {
	secure := strings.HasPrefix(f.URL, "mqtts://") || strings.HasPrefix(f.URL, "wss://")
	switch {
	case strings.Contains(f.Host, "://"):
		return fmt.Errorf("-h %s: expected a host, as the address stands behind -L", f.Host)
	case f.URL != "" && (f.Host != "" || f.Port != 0 || f.Unix != ""):
		return errors.New("-L: expected no -h, -p or --unix beside it")
	case f.used() && (f.Unix != "" || f.URL != "" && !secure):
		return errors.New("--cafile, --cert, --key, --insecure: expected -h, or -L with mqtts:// or wss://")
	}
	return nil
}

func (f *connection) config(err io.Writer) (client.Config, error) {
	secure, bad := f.encryption.config()
	if bad = cmp.Or(f.check(), bad); bad != nil {
		return client.Config{}, bad
	}
	cfg := client.Config{
		TLS:            secure,
		ConnectTimeout: connectTimeout,
		Version:        versions[f.Protocol],
		ClientID:       f.ID,
		Username:       f.Username,
		Password:       f.Password,
		KeepAlive:      time.Duration(f.KeepAlive) * time.Second,
		Logger:         f.logger(err),
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
	level := slog.LevelError // OnUp and OnDown say the rest
	if f.Debug {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(err, &slog.HandlerOptions{Level: level}))
}

// dial connects, and says in words of its user why it cannot. There is neither
// client nor error when a signal comes first.
func (f *connection) dial(w *world, up func(client.UpEvent), down func(client.DownEvent)) (*client.Client, error) {
	cfg, err := f.config(w.err)
	if err != nil {
		return nil, err
	}
	cfg.OnUp, cfg.OnDown = up, down
	c, err := client.Dial(w.ctx, cmp.Or(f.URL, f.address()), cfg)
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
	case errors.Is(err, client.ErrInvalid):
		return nil, err
	case errors.As(err, &refused):
		return nil, failure{f.status(refused), fmt.Errorf("%s refuses the connection: %w", f.address(), refused)}
	case errors.As(err, &broken):
		return nil, fmt.Errorf("%s: %w", f.address(), broken)
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, os.ErrNotExist):
		return nil, fmt.Errorf("no broker at %s: start one with fletch serve, or name another with -h and -p", f.address())
	case errors.Is(err, context.DeadlineExceeded):
		return nil, fmt.Errorf("no answer from %s for %v: expected an MQTT broker that speaks %s", f.address(), connectTimeout, cfg.Version)
	case errors.Is(err, io.EOF):
		return nil, fmt.Errorf("%s closes the connection instead of an answer: expected an MQTT broker that speaks %s, and TLS only with --cafile or an mqtts:// address", f.address(), cfg.Version)
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
