package servers

import (
	"context"
	"log/slog"
	"strconv"
	"strings"
	"testing"

	mochimqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/hooks/auth"
	"github.com/mochi-mqtt/server/v2/listeners"
	natsserver "github.com/nats-io/nats-server/v2/server"

	"github.com/fletchmq/fletch/broker"
	"github.com/fletchmq/fletch/broker/listener"
	"github.com/fletchmq/fletch/packets"
)

// warnings fails a test if the broker has anything to warn of: what the client does is
// what clients do.
type warnings struct{ t *testing.T }

func (w warnings) Write(b []byte) (int, error) {
	w.t.Errorf("the broker logs: %s", b)
	return len(b), nil
}

func startFletch(engine broker.Engine) func(t *testing.T, at *place) (stop func()) {
	return func(t *testing.T, at *place) (stop func()) {
		t.Helper()
		config := broker.Config{Engine: engine, ReceiveMaximum: int(at.receiveMaximum), MaximumPacketSize: 2 << 20}
		config.Logger = slog.New(slog.NewTextHandler(warnings{t}, &slog.HandlerOptions{Level: slog.LevelWarn}))
		if at.users {
			config.Logger = slog.New(slog.DiscardHandler) // wrong passwords are worth a warning
			config.Authenticate = func(_ context.Context, login *broker.Login) error {
				if login.Username != "ann" || string(login.Password) != "secret" {
					return broker.Refuse(packets.BadUserNameOrPassword)
				}
				return nil
			}
		}
		b, err := broker.New(config)
		if err != nil {
			t.Fatal(err)
		}
		served := make(chan error)
		for _, scheme := range []string{"mqtt", "mqtts", "ws", "wss", "unix"} {
			options := listener.Options{Logger: config.Logger, TLS: listener.TLS{CertFile: certificate, KeyFile: privateKey}}
			l, err := listener.Listen(t.Context(), at.url(scheme), options)
			if err != nil {
				t.Fatal(err)
			}
			go func() { served <- b.Serve(context.Background(), l) }()
		}
		return func() {
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			if err := b.Shutdown(ctx); err != nil {
				t.Errorf("shutdown: %v", err)
			}
			for range 5 {
				<-served
			}
		}
	}
}

// startNATS is without TLS on its listener for MQTT, which is the code of Go as with
// mochi.
func startNATS(t *testing.T, at *place) (stop func()) {
	t.Helper()
	port := func(scheme string) int {
		n, _ := strconv.Atoi(at.ports[scheme])
		return n
	}
	options := &natsserver.Options{
		ServerName: "one", DontListen: true, NoLog: true, NoSigs: true, MaxPayload: 2 << 20,
		JetStream: true, StoreDir: t.TempDir(),
		MQTT:      natsserver.MQTTOpts{Host: "127.0.0.1", Port: port("mqtt"), MaxAckPending: at.receiveMaximum, AckWait: at.ackWait},
		Websocket: natsserver.WebsocketOpts{Host: "127.0.0.1", Port: port("ws"), NoTLS: true},
	}
	if at.users {
		options.Username, options.Password = "ann", "secret"
	}
	s, err := natsserver.NewServer(options)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	if !s.ReadyForConnections(patience) {
		t.Fatal("nats-server is not ready")
	}
	return func() {
		s.Shutdown()
		s.WaitForShutdown()
	}
}

func startMochi(t *testing.T, at *place) (stop func()) {
	t.Helper()
	capabilities := mochimqtt.NewDefaultServerCapabilities()
	if at.receiveMaximum != 0 {
		capabilities.ReceiveMaximum = at.receiveMaximum
	}
	s := mochimqtt.New(&mochimqtt.Options{Capabilities: capabilities, Logger: slog.New(slog.DiscardHandler)})
	var err error
	if at.users {
		ledger := &auth.Ledger{Auth: auth.AuthRules{{Username: "ann", Password: "secret", Allow: true}}}
		err = s.AddHook(new(auth.Hook), &auth.Options{Ledger: ledger})
	} else {
		err = s.AddHook(new(auth.AllowHook), nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	config := func(scheme string) listeners.Config {
		c := listeners.Config{ID: scheme, Address: at.host(scheme)}
		if strings.HasSuffix(scheme, "s") && scheme != "ws" {
			c.TLSConfig = serverTLS.Clone() // each changes its own
		}
		return c
	}
	for _, l := range []listeners.Listener{
		listeners.NewTCP(config("mqtt")), listeners.NewTCP(config("mqtts")),
		listeners.NewWebsocket(config("ws")), listeners.NewWebsocket(config("wss")),
		listeners.NewUnixSock(listeners.Config{ID: "unix", Address: at.socket}),
	} {
		if err := s.AddListener(l); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Serve(); err != nil {
		t.Fatal(err)
	}
	awaitPort(t, at.host("ws"))
	awaitPort(t, at.host("wss"))
	return func() { s.Close() }
}
