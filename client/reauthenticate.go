package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/fletchmq/fletch/packets"
)

var errReauthenticating = errors.New("another Reauthenticate is under way")

// Reauthenticate shows the server of 5.0 again who this is, by Config.Authentication,
// section 4.12.1. The connection goes on meanwhile.
//
// If the server does not accept it, it ends the connection, and the error has its
// DISCONNECT as a [*RefusedError]. If the server does not prove who it is, where it has
// to, the client ends the connection. Either way the next connection authenticates anew.
func (c *Client) Reauthenticate(ctx context.Context) error {
	if c.cfg.Authentication == nil {
		return invalid("Reauthenticate without Config.Authentication")
	}
	if err := c.AwaitUp(ctx); err != nil {
		return failed(ErrNotSent, err)
	}
	c.mu.Lock()
	on := c.link
	c.mu.Unlock()
	r := newRequest(packets.TypeAuth)
	data, err := c.startAgain(on, r)
	if err != nil {
		return failed(ErrNotSent, err)
	}
	return c.do(ctx, r, func(l *link) error {
		if l != on {
			return c.reasonLocked()
		}
		r.sent = true
		l.sendAuth(packets.ReAuthenticate, data) // [MQTT-4.12.1-1]
		return nil
	})
}

// startAgain begins an exchange on l, unless that has ended.
func (c *Client) startAgain(l *link, r *request) (data []byte, err error) {
	c.authenticating.Lock()
	defer c.authenticating.Unlock()
	c.mu.Lock()
	switch {
	case l == nil || l.over:
		err = c.reasonLocked()
	case l.reauthentication != nil:
		err = errReauthenticating
	default:
		l.reauthentication = r
	}
	c.mu.Unlock()
	if err != nil {
		return nil, err
	}
	if data, err = c.cfg.Authentication.Start(); err != nil {
		c.mu.Lock()
		l.reauthentication = nil
		c.mu.Unlock()
		return nil, fmt.Errorf("authentication: %w", err)
	}
	return data, nil
}

// sendAuth appends an AUTH, with Client.mu.
func (l *link) sendAuth(reason packets.ReasonCode, data []byte) {
	p := packets.Auth{Reason: reason}
	p.Props.SetAuthenticationMethod([]byte(l.c.cfg.Authentication.Method()))
	if data != nil {
		p.Props.SetAuthenticationData(data)
	}
	l.buf = p.AppendTo(l.buf, l.version)
}

// onAuth is for an AUTH behind CONNACK. What it asks for may take long, and is done by a
// goroutine of its own.
func (l *link) onAuth(p *packets.Auth) error {
	if l.reauthentication == nil || l.answering {
		return packets.Broken(l.version, packets.TypeAuth, authUnasked)
	}
	if method, _ := p.Props.AuthenticationMethod(); string(method) != l.c.cfg.Authentication.Method() {
		return packets.Broken(l.version, packets.TypeAuth, authMethod)
	}
	data, _ := p.Props.AuthenticationData()
	l.answering = true
	go l.answerAuth(p.Reason, bytes.Clone(data))
	return nil
}

// answerAuth goes on with an exchange, or ends it.
func (l *link) answerAuth(reason packets.ReasonCode, data []byte) {
	answer, err := l.consult(reason, data)
	if err != nil {
		err = fmt.Errorf("authentication: %w", err)
		l.give(packets.UnspecifiedError, err) // [MQTT-4.12.1-2]
		return
	}
	l.c.mu.Lock()
	l.answering = false
	switch r := l.reauthentication; {
	case r == nil: // the connection has ended
	case reason == packets.Success:
		l.reauthentication = nil
		r.done <- nil
	default:
		l.sendAuth(packets.ContinueAuthentication, answer) // [MQTT-4.12.0-3]
	}
	l.c.mu.Unlock()
	l.push()
}

// consult asks Config.Authentication what to say, if the connection has not ended.
func (l *link) consult(reason packets.ReasonCode, data []byte) (answer []byte, err error) {
	l.c.authenticating.Lock()
	defer l.c.authenticating.Unlock()
	l.c.mu.Lock()
	over := l.over
	l.c.mu.Unlock()
	switch {
	case over: // the exchange may be that of the next one
		return nil, nil
	case reason == packets.Success:
		return nil, l.c.cfg.Authentication.Finish(data)
	}
	return l.c.cfg.Authentication.Continue(data)
}
