package client

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"github.com/fletchmq/fletch/packets"
)

// borrowedExpiry is how long, in seconds, a server keeps the session of a Client that
// does not say, so that it goes on on the next connection.
const borrowedExpiry = 300

// connect makes a connection to the first of the addresses that accepts.
func (c *Client) connect(ctx context.Context) (*link, error) {
	var err error
	for _, t := range c.candidates() {
		l, cause := c.reach(ctx, t)
		if cause == nil {
			return l, nil
		}
		if err == nil {
			err = cause
		} else {
			err = fmt.Errorf("%w; %w", err, cause)
		}
		if ctx.Err() != nil {
			break
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ctx.Err() == nil {
		c.cause = err
	}
	return nil, err
}

// candidates are where to try, in turn.
func (c *Client) candidates() []*target {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := slices.Clone(c.targets)
	if c.detour != nil {
		all = slices.Insert(all, 0, c.detour)
		c.detour = nil
	}
	return all
}

// reach connects to t, or to where it refers to.
func (c *Client) reach(ctx context.Context, t *target) (*link, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.cfg.ConnectTimeout, fmt.Errorf("ConnectTimeout, %v, is over", c.cfg.ConnectTimeout))
	defer cancel()
	l, err := c.open(ctx, t)
	if c.fallsBack(err) {
		l, err = c.open(ctx, t)
	}
	c.mu.Lock()
	other := c.referred(t, err)
	c.mu.Unlock()
	if other != nil {
		return c.open(ctx, other)
	}
	return l, err
}

func (c *Client) open(ctx context.Context, t *target) (*link, error) {
	rw, err := t.dial(ctx, &c.cfg)
	if err != nil {
		return nil, &unreachedError{err}
	}
	l, err := c.greet(ctx, rw, t)
	if err != nil {
		return nil, fmt.Errorf("%v: %w", t, err)
	}
	return l, nil
}

// fallsBack reports whether a server that has refused 5.0 is to be asked for 3.1.1.
func (c *Client) fallsBack(err error) bool {
	var refused *RefusedError
	if !c.cfg.Fallback || !errors.As(err, &refused) || refused.Reason != packets.UnsupportedProtocolVersion {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	fell := c.version == packets.V5
	c.version = packets.V311
	return fell
}

// greet sends CONNECT and takes in CONNACK, sections 3.1 and 3.2.
func (c *Client) greet(ctx context.Context, rw io.ReadWriteCloser, t *target) (*link, error) {
	l := newLink(c, rw, t)
	unhook := context.AfterFunc(ctx, l.hangUp)
	err := l.handshake(ctx)
	if err == nil {
		err = c.agree(ctx, l)
	}
	if !unhook() {
		err = fmt.Errorf("no CONNACK: %w", ended(ctx))
	}
	if err == nil {
		err = c.attach(l)
	}
	if err != nil {
		l.hangUp()
		return nil, err
	}
	return l, nil
}

// request is the CONNECT of the next connection.
func (c *Client) request(ctx context.Context, l *link) (*packets.Connect, error) {
	c.mu.Lock()
	l.version = c.version
	cfg, begun := c.cfg, c.begun
	cfg.ClientID = c.id
	c.mu.Unlock()
	cfg = cfg.to(l.target)
	if cfg.Credentials != nil {
		var err error
		if cfg.Username, cfg.Password, err = cfg.Credentials(ctx); err != nil {
			return nil, fmt.Errorf("credentials: %w", err)
		}
	}
	p, err := cfg.connect(l.version)
	if err != nil {
		return nil, err
	}
	if l.version == packets.V5 && c.borrowsSession() {
		p.CleanStart = !begun
		if cfg.SessionExpiry <= 0 {
			p.Props.SetSessionExpiryInterval(borrowedExpiry)
		}
	}
	if a := cfg.Authentication; a != nil {
		c.authenticating.Lock()
		data, err := a.Start()
		c.authenticating.Unlock()
		if err != nil {
			return nil, fmt.Errorf("authentication: %w", err)
		}
		p.Props.SetAuthenticationMethod([]byte(a.Method()))
		if data != nil {
			p.Props.SetAuthenticationData(data)
		}
	}
	l.clean = p.CleanStart
	return p, nil
}

// handshake is the first packets of a connection, section 3.1.4, with the AUTH of
// section 4.12 between them.
func (l *link) handshake(ctx context.Context) error {
	p, err := l.c.request(ctx, l)
	if err != nil {
		return err
	}
	l.frames.Version = l.version
	if _, err := l.rw.Write(p.AppendTo(nil, l.version)); err != nil { // [MQTT-3.1.0-1]
		return err
	}
	for {
		first, body, err := l.frames.Next()
		if err != nil {
			return err
		}
		switch t := packets.Type(first >> 4); {
		case t == packets.TypeConnack:
			return l.onConnack(first, body)
		case t == packets.TypeAuth && l.c.cfg.Authentication != nil && l.version == packets.V5:
			if err := l.authenticate(first, body); err != nil {
				return err
			}
		default:
			return packets.Broken(l.version, t, connackFirst)
		}
	}
}

func (l *link) onConnack(first byte, body []byte) error {
	if l.version == packets.V5 && len(body) == 2 && body[1] == byte(packets.UnacceptableProtocolVersion) {
		return &RefusedError{Packet: packets.TypeConnack, Reason: packets.UnsupportedProtocolVersion} // a server before 5.0
	}
	l.connack = new(packets.Connack)
	if err := l.connack.Decode(first, bytes.Clone(body), l.version); err != nil {
		return err
	}
	return l.accept()
}

// accept checks what CONNACK has granted.
func (l *link) accept() error {
	ack, reason := l.connack, l.connack.Reason
	if l.version != packets.V5 {
		reason = packets.ReturnCode(reason).ReasonCode()
	}
	detail, _ := ack.Props.ReasonString()
	if err := refusal(packets.TypeConnack, reason, detail); err != nil {
		if reference, ok := ack.Props.ServerReference(); ok {
			err.(*RefusedError).Reference = string(reference)
		}
		return err
	}
	if ack.SessionPresent && l.clean { // [MQTT-3.2.2-4]
		return packets.Broken(l.version, packets.TypeConnack, sessionUnasked)
	}
	l.alive = l.c.cfg.KeepAlive
	if s, ok := ack.Props.ServerKeepAlive(); ok { // [MQTT-3.1.2-21] [MQTT-3.2.2-21]
		l.alive = time.Duration(s) * time.Second
	}
	l.limits = limitsOf(&ack.Props)
	return l.authenticated()
}

// to is c with what the address of t has and c has not. With New t is nil.
func (c Config) to(t *target) Config {
	if t != nil {
		username, password := t.credentials()
		c.Username, c.Password = cmp.Or(c.Username, username), cmp.Or(c.Password, password)
	}
	return c
}

// connect is the CONNECT of c, whose defaults are filled in, for that version.
func (c *Config) connect(v packets.Version) (*packets.Connect, error) {
	p := &packets.Connect{
		HasUsername: c.Username != "", // [MQTT-3.1.2-16] [MQTT-3.1.2-17]
		HasPassword: c.Password != "", // [MQTT-3.1.2-18] [MQTT-3.1.2-19]
		CleanStart:  !c.KeepSession,
		KeepAlive:   uint16(c.KeepAlive / time.Second),
		ClientID:    []byte(c.ClientID),
		Username:    []byte(c.Username),
		Password:    []byte(c.Password),
	}
	if w := c.Will; w != nil { // [MQTT-3.1.2-9]
		p.HasWill, p.WillQoS, p.WillRetain = true, w.QoS, w.Retain
		p.Will = packets.Will{Topic: []byte(w.Topic), Payload: w.Payload, Props: w.Props}
	}
	if v == packets.V5 {
		p.Props = c.Props
		c.properties(&p.Props)
	}
	if err := p.Validate(v); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return p, nil
}

func (c *Config) properties(p *packets.ConnectProps) {
	switch {
	case c.SessionExpiry >= never*time.Second || c.SessionExpiry <= 0 && c.KeepSession:
		p.SetSessionExpiryInterval(never)
	case c.SessionExpiry > 0:
		p.SetSessionExpiryInterval(uint32((c.SessionExpiry + time.Second - 1) / time.Second))
	}
	if c.ReceiveMaximum != math.MaxUint16 {
		p.SetReceiveMaximum(c.ReceiveMaximum)
	} else {
		p.Unset(packets.PropReceiveMaximum)
	}
	p.SetMaximumPacketSize(c.MaximumPacketSize)
	if c.TopicAliasMaximum != 0 {
		p.SetTopicAliasMaximum(c.TopicAliasMaximum)
	} else {
		p.Unset(packets.PropTopicAliasMaximum)
	}
}
