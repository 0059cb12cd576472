package broker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/fletchmq/fletch/packets"
)

// Login is who wants to connect. A [Method] may change it: it is given the same
// one when the client authenticates again. Authorize gets the user name that is
// left, which nobody has checked if nobody was asked.
type Login struct {
	ClientID    string // the one assigned, if the client has sent none
	Username    string
	Password    []byte
	HasUsername bool
	HasPassword bool
	Version     packets.Version
	RemoteAddr  net.Addr

	// PeerName is who the client is by a certificate that TLS has verified, see
	// Name of package origin. It is empty without one, and for one without a name.
	PeerName string
}

// authenticate finds out whether the client of a CONNECT without an
// authentication method may come in.
func (c *conn) authenticate(p *packets.Connect) error {
	switch ask := c.b.config.Authenticate; {
	case ask != nil:
		login := c.login(p)
		if err := c.ask(c.deadline(), errConnectTimeout, func(ctx context.Context) error {
			return refusal(ask(ctx, login), packets.TypeConnack, packets.BadUserNameOrPassword)
		}); err != nil {
			return err
		}
		c.remember(login)
	case len(c.b.config.Methods) > 0 && !c.b.config.AllowAnonymous:
		return errNoMethod
	case c.b.config.Authorize != nil:
		c.remember(c.login(p))
	}
	return nil
}

// remember keeps for Authorize who the client is.
func (c *conn) remember(login *Login) {
	if c.b.config.Authorize != nil {
		who := *login
		who.Password = nil
		c.who = &who
	}
}

// deadline is when the connection must be authenticated.
func (c *conn) deadline() time.Time { return c.start().Add(c.b.config.ConnectTimeout) }

func (c *conn) login(p *packets.Connect) *Login {
	return &Login{
		ClientID:    c.clientID,
		Username:    string(p.Username),
		Password:    bytes.Clone(p.Password),
		HasUsername: p.HasUsername,
		HasPassword: p.HasPassword,
		Version:     c.version,
		RemoteAddr:  c.link.remoteAddr(),
		PeerName:    c.link.peerName(),
	}
}

// ask asks the user of the package. Who does not come back until then, or until
// the connection is to end, is left behind: its answer does not count, and what f
// writes to is nobody's.
func (c *conn) ask(until time.Time, tooLate error, f func(ctx context.Context) error) error {
	c.turn.Flush()
	ctx, cancel := context.WithDeadline(c.b.ctx, until)
	defer cancel()
	if err := c.stopWith(cancel); err != nil {
		return err
	}
	defer c.stopWith(nil)
	answer := make(chan error, 1)
	go func() { answer <- guard(func() error { return f(ctx) }) }()
	select {
	case err := <-answer:
		if ctx.Err() == nil {
			return err
		}
	case <-ctx.Done():
	}
	if err := c.stopWith(nil); err != nil {
		return err
	}
	if c.b.ctx.Err() != nil {
		return errShutdown
	}
	return tooLate
}

// stopWith lets kill call stop. The error is why that has happened already.
func (c *conn) stopWith(stop func()) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stop = stop
	return c.cause
}

// refusal is an error of the user of the package as one with a Reason Code that t
// may carry.
func refusal(err error, t packets.Type, otherwise packets.ReasonCode) error {
	var refuse Refuse
	if errors.As(err, &refuse) && refuse >= Refuse(packets.UnspecifiedError) && packets.ReasonCode(refuse).ValidIn(t, packets.V5) {
		return err
	}
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %v", Refuse(otherwise), err)
}
