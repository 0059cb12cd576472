package auth_test

import (
	"context"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fletchmq/fletch/broker"
	"github.com/fletchmq/fletch/broker/auth"
	"github.com/fletchmq/fletch/packets"
	"github.com/fletchmq/fletch/packets/frame"
)

// serve is a broker that knows ann by "secret" and bob by "hidden". Who once is
// ann does not become bob.
func serve(t *testing.T) *broker.Broker {
	users := map[string]auth.Credentials{}
	for user, password := range map[string]string{"ann": "secret", "bob": "hidden"} {
		c, err := auth.NewCredentials(password)
		if err != nil {
			t.Fatal(err)
		}
		users[user] = c
	}
	scram := auth.NewSCRAM(func(_ context.Context, user string) (auth.Credentials, bool) {
		c, ok := users[user]
		return c, ok
	}, nil)
	b, err := broker.New(broker.Config{
		Logger: slog.New(slog.DiscardHandler),
		Methods: map[string]broker.Method{
			auth.ScramSHA256: func(login *broker.Login) broker.Exchange {
				return scram.Start(func(user string) error {
					if login.HasUsername && login.Username != user {
						return errors.New("somebody else")
					}
					login.Username, login.HasUsername = user, true
					return nil
				})
			},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Shutdown(context.Background()) })
	return b
}

// client is the other side of the method, and of the broker.
type client struct {
	t  *testing.T
	nc net.Conn
	in *frame.Reader
}

func dial(t *testing.T, b *broker.Broker) *client {
	nc, err := b.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	nc.SetDeadline(time.Now().Add(10 * time.Second))
	return &client{t, nc, frame.NewReader(nc)}
}

// ask sends p and gives the answer.
func (c *client) ask(p packets.Packet) packets.Packet {
	c.t.Helper()
	if _, err := c.nc.Write(p.AppendTo(nil, packets.V5)); err != nil {
		c.t.Fatal(err)
	}
	first, body, err := c.in.Next()
	if err != nil {
		c.t.Fatal(err)
	}
	x, err := new(packets.FromServer).Decode(first, body, packets.V5)
	if err != nil {
		c.t.Fatal(err)
	}
	return x
}

func step(reason packets.ReasonCode, data string) *packets.Auth {
	a := &packets.Auth{Reason: reason}
	a.Props.SetAuthenticationMethod([]byte(auth.ScramSHA256))
	a.Props.SetAuthenticationData([]byte(data))
	return a
}

// connect begins with CONNECT, and gives what the proof is answered with.
func (c *client) connect(user, password string) (answer packets.Packet, verifier string) {
	c.t.Helper()
	p := &packets.Connect{ClientID: []byte("a"), CleanStart: true}
	p.Props.SetAuthenticationMethod([]byte(auth.ScramSHA256))
	p.Props.SetAuthenticationData([]byte("n,,n=" + user + ",r=nonce"))
	return c.prove(c.ask(p), user, password)
}

// again begins with AUTH.
func (c *client) again(user, password string) (answer packets.Packet, verifier string) {
	c.t.Helper()
	return c.prove(c.ask(step(packets.ReAuthenticate, "n,,n="+user+",r=nonce")), user, password)
}

// prove answers server-first-message, and gives the verifier to expect.
func (c *client) prove(challenge packets.Packet, user, password string) (answer packets.Packet, verifier string) {
	c.t.Helper()
	a, ok := challenge.(*packets.Auth)
	if !ok || a.Reason != packets.ContinueAuthentication {
		c.t.Fatalf("%s, want AUTH", challenge)
	}
	data, _ := a.Props.AuthenticationData()
	fields := strings.Split(string(data), ",")
	salt, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(fields[1], "s="))
	if err != nil {
		c.t.Fatal(err)
	}
	iterations, err := strconv.Atoi(strings.TrimPrefix(fields[2], "i="))
	if err != nil {
		c.t.Fatal(err)
	}
	salted, err := pbkdf2.Key(sha256.New, password, salt, iterations, 32)
	if err != nil {
		c.t.Fatal(err)
	}
	claim := "c=biws," + fields[0]
	text := "n=" + user + ",r=nonce," + string(data) + "," + claim
	key := sum(salted, "Client Key")
	stored := sha256.Sum256(key)
	subtle.XORBytes(key, key, sum(stored[:], text))
	answer = c.ask(step(packets.ContinueAuthentication, claim+",p="+base64.StdEncoding.EncodeToString(key)))
	return answer, "v=" + base64.StdEncoding.EncodeToString(sum(sum(salted, "Server Key"), text))
}

func sum(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

func TestScramAtABroker(t *testing.T) { // [MQTT-4.12.0-5]
	c := dial(t, serve(t))
	answer, verifier := c.connect("ann", "secret")
	a, ok := answer.(*packets.Connack)
	if !ok || a.Reason != packets.Success {
		t.Fatal(answer)
	}
	if v, _ := a.Props.AuthenticationData(); string(v) != verifier {
		t.Errorf("the broker shows %s, want %s", v, verifier)
	}
	answer, verifier = c.again("ann", "secret")
	again, ok := answer.(*packets.Auth)
	if !ok || again.Reason != packets.Success {
		t.Fatal(answer)
	}
	if v, _ := again.Props.AuthenticationData(); string(v) != verifier {
		t.Errorf("the broker shows %s, want %s", v, verifier)
	}
	if p := c.ask(&packets.Pingreq{}); p.Type() != packets.TypePingresp {
		t.Error(p)
	}
}

// A wrong password, and nobody at all, get the same [MQTT-4.12.0-4].
func TestScramRefusedAtABroker(t *testing.T) {
	b := serve(t)
	for _, user := range []string{"ann", "nobody"} {
		answer, _ := dial(t, b).connect(user, "hidden")
		if a, ok := answer.(*packets.Connack); !ok || a.Reason != packets.NotAuthorized || a.Props.Has() != 0 {
			t.Errorf("%s: %s", user, answer)
		}
	}
}

// [MQTT-4.12.1-2]: of a wrong password, and of another user with the right one.
func TestScramRefusedAgain(t *testing.T) {
	b := serve(t)
	for user, password := range map[string]string{"ann": "hidden", "bob": "hidden"} {
		c := dial(t, b)
		if answer, _ := c.connect("ann", "secret"); answer.Type() != packets.TypeConnack {
			t.Fatal(answer)
		}
		answer, _ := c.again(user, password)
		if d, ok := answer.(*packets.Disconnect); !ok || d.Reason != packets.NotAuthorized {
			t.Errorf("%s: %s", user, answer)
		}
	}
}
