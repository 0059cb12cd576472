package broker

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/fletchmq/fletch/packets"
)

// Method begins an enhanced authentication of who wants to connect, or, later and
// with the same Login, to authenticate again, section 4.12.1. It runs for many
// connections at the same time. A panic ends the connection.
type Method func(login *Login) Exchange

// Exchange is one enhanced authentication. Its steps follow one another.
type Exchange interface {
	// Step takes the Authentication Data of the client, nil if there is none, and
	// gives that of the server, nil for none. The authentication goes on until it
	// is done. An error refuses it with Reason Code 0x87, Not authorized, or with
	// that of a [Refuse], and a panic with 0x80: the connection ends. Step may
	// block; when ctx ends, at ConnectTimeout or with the connection, its answer
	// does not count any more, and there are no more steps. It may keep data; reply
	// is the broker's.
	Step(ctx context.Context, data []byte) (reply []byte, done bool, err error)
}

// mostData is the largest Authentication Data, in bytes.
const mostData = 1<<16 - 1

// proof is how a client with an authentication method shows who it is.
type proof struct {
	connect  packets.Connect // until it is accepted
	method   string
	begin    Method
	login    *Login
	exchange Exchange    // nil while none goes on
	until    time.Time   // the end of its time
	tooLate  error       // at that time
	alarm    *time.Timer // for that
	reply    []byte      // of the last step
}

// exchange begins to authenticate the client of a CONNECT with that method.
func (c *conn) exchange(method string, first byte, body []byte) error {
	begin := c.b.config.Methods[method]
	if begin == nil {
		return fmt.Errorf("%w: %q", errBadMethod, method) // [MQTT-4.12.0-1]
	}
	x := &proof{method: method, begin: begin}
	p := &x.connect
	if err := p.Decode(first, bytes.Clone(body), 0); err != nil { // the packet outlives its body
		return err
	}
	x.login = c.login(p)
	c.proof = x
	c.limit(c.deadline(), errConnectTimeout)
	data, _ := p.Props.AuthenticationData()
	return c.prove(data)
}

// prove is one step of the exchange before CONNACK.
func (c *conn) prove(data []byte) error {
	done, err := c.step(data, packets.TypeConnack) // [MQTT-4.12.0-4]
	switch {
	case err != nil:
		return err
	case !done:
		return c.challenge()
	}
	p := c.proof.connect
	c.proof.connect = packets.Connect{}
	c.who = c.proof.login // whom the method may change when the client authenticates again
	c.proof.end()
	return c.admit(&p)
}

// limit gives the exchange that begins its time.
func (c *conn) limit(until time.Time, tooLate error) {
	c.proof.until, c.proof.tooLate = until, tooLate
	c.proof.alarm = time.AfterFunc(time.Until(until), func() { c.kill(tooLate) })
}

// end is for an exchange that has nothing more to say.
func (p *proof) end() {
	if p.exchange = nil; p.alarm != nil {
		p.alarm.Stop()
	}
}

// step gives the exchange the data of the client. It begins it if need be. Its
// error is one that a packet of that type may carry.
func (c *conn) step(data []byte, carrier packets.Type) (bool, error) {
	p := c.proof
	var (
		x     = p.exchange
		own   = bytes.Clone(data)
		reply []byte
		done  bool
	)
	if err := c.ask(p.until, p.tooLate, func(ctx context.Context) (err error) {
		if x == nil {
			x = p.begin(p.login)
		}
		reply, done, err = x.Step(ctx, own)
		return refusal(err, carrier, packets.NotAuthorized)
	}); err != nil {
		return false, err
	}
	if len(reply) > mostData {
		return false, fmt.Errorf("%w: %d bytes of Authentication Data", Refuse(packets.ImplementationSpecificError), len(reply))
	}
	p.exchange, p.reply = x, reply
	return done, nil
}

// auth is AUTH with what the last step has said, and nothing to leave out where
// it does not fit [MQTT-3.15.2-2] [MQTT-3.15.2-3].
func (c *conn) auth(reason packets.ReasonCode) *packets.Auth {
	a := &packets.Auth{Reason: reason}
	a.Props.SetAuthenticationMethod([]byte(c.proof.method)) // [MQTT-4.12.0-5]
	if c.proof.reply != nil {
		a.Props.SetAuthenticationData(c.proof.reply)
	}
	return a
}

// challenge sends AUTH before CONNACK.
func (c *conn) challenge() error {
	a := c.auth(packets.ContinueAuthentication) // [MQTT-4.12.0-2]
	if !c.peer.Fits(a) {
		return errTooLargeToSend
	}
	return c.send(a)
}

// response is what the client says to that. Only AUTH and DISCONNECT are packets
// that it may send before CONNACK [MQTT-3.1.2-30].
func (c *conn) response(first byte, body []byte) error {
	t := packets.Type(first >> 4)
	if t != packets.TypeAuth && t != packets.TypeDisconnect {
		return c.broke(t, packets.ProtocolError, "", "MQTT-3.1.2-30", "only AUTH and DISCONNECT before CONNACK")
	}
	if _, err := c.turn.dec.Decode(first, body, c.version); err != nil {
		return err
	}
	if t == packets.TypeDisconnect {
		return errDisconnected
	}
	a := &c.turn.dec.Auth
	if a.Reason != packets.ContinueAuthentication {
		return c.broke(t, packets.ProtocolError, "", "MQTT-4.12.0-3", "AUTH in answer has 0x18")
	}
	data, err := c.authData(a, "MQTT-4.12.0-5")
	if err != nil {
		return err
	}
	return c.prove(data)
}

// authData is the Authentication Data of an AUTH that has the method of CONNECT.
func (c *conn) authData(p *packets.Auth, statement string) ([]byte, error) {
	if method, _ := p.Props.AuthenticationMethod(); string(method) != c.proof.method {
		return nil, c.broke(p.Type(), packets.ProtocolError, "", statement, "AUTH has the method of CONNECT")
	}
	data, _ := p.Props.AuthenticationData()
	return data, nil
}

// onAuth is section 4.12.1: the client authenticates again. What was proved before
// holds until that fails.
func (c *conn) onAuth(p *packets.Auth) error {
	if c.proof == nil {
		return c.broke(p.Type(), packets.ProtocolError, "", "MQTT-4.12.0-7", "no AUTH without an authentication method in CONNECT")
	}
	data, err := c.authData(p, "MQTT-4.12.1-1")
	if err != nil {
		return err
	}
	goesOn := c.proof.exchange != nil
	switch again := p.Reason == packets.ReAuthenticate; {
	case again == goesOn:
		return c.broke(p.Type(), packets.ProtocolError, "", "MQTT-4.12.0-3", "AUTH has 0x19 to begin, and 0x18 while it goes on")
	case again:
		c.limit(time.Now().Add(c.b.config.ConnectTimeout), errProofTimeout)
	}
	done, err := c.step(data, packets.TypeDisconnect) // [MQTT-4.12.1-2]
	if err != nil {
		return err
	}
	if done {
		c.proof.end()
		return c.reply(c.auth(packets.Success))
	}
	return c.reply(c.auth(packets.ContinueAuthentication))
}
