package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"

	"github.com/fletchmq/fletch/broker"
	"github.com/fletchmq/fletch/broker/auth"
	"github.com/fletchmq/fletch/broker/origin"
	"github.com/fletchmq/fletch/packets"
)

// knowUsers lets in who knows the password of a user in the file, by user name and
// password in CONNECT, or by SCRAM.
func (s *serve) knowUsers(c *broker.Config) error {
	users, err := auth.OpenUsers(s.Users, c.Logger)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("--users %s does not exist: make it with %s passwd %[1]s NAME", s.Users, self())
	case err != nil:
		return fmt.Errorf("--users: %w", err)
	}
	if users.Len() == 0 && !s.AllowAnonymous {
		c.Logger.Warn("there are no users, so nobody may connect: make one with "+self()+" passwd "+s.Users+" NAME", "file", s.Users)
	}
	c.Authenticate = func(ctx context.Context, login *broker.Login) error {
		if !login.HasUsername {
			if s.AllowAnonymous {
				return nil
			}
			return broker.Refuse(packets.NotAuthorized)
		}
		return users.Check(ctx, login.Username, string(login.Password))
	}
	c.Methods = map[string]broker.Method{auth.ScramSHA256: func(login *broker.Login) broker.Exchange {
		return users.Start(func(user string) error {
			if login.HasUsername && login.Username != user {
				return errors.New("the password is of another user")
			}
			login.Username, login.HasUsername = user, true
			return nil
		})
	}}
	return nil
}

// guard is why l must not serve: everybody could come in from other machines.
func (s *serve) guard(l net.Listener, address string) error {
	switch {
	case s.Users != "", s.AllowAnonymous, origin.Local(l.Addr()):
		return nil
	case s.TLSClientCA != "" && encrypted(address):
		return nil // it takes a certificate
	}
	l.Close()
	return fmt.Errorf("--listen %s is open to other machines, and nobody is asked for a password: "+
		"make a user with %s passwd users.txt NAME and add --users users.txt, or add --allow-anonymous to let in everybody", address, self())
}
