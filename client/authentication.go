package client

import (
	"fmt"

	"github.com/fletchmq/fletch/packets"
)

// Authentication is one way of enhanced authentication, section 4.12 of 5.0, for
// all connections of one Client, one after the other. The client calls one method
// at a time. Data is good for the method until it returns, and what a method
// returns, for the client until it calls the next one. Any error ends the
// connection.
type Authentication interface {
	// Method is the Authentication Method, such as "SCRAM-SHA-256". It is always
	// the same.
	Method() string

	// Start begins an exchange, whatever became of the one before, and gives the
	// Authentication Data of CONNECT, or of the AUTH by which a client that is
	// connected authenticates again. Nil is none.
	Start() (data []byte, err error)

	// Continue gives the answer to AUTH 0x18 (Continue authentication) with that
	// data. It may be called any number of times, as the server likes.
	Continue(data []byte) (answer []byte, err error)

	// Finish is called with the data of the CONNACK or the AUTH 0x00 (Success) by
	// which the server ends the exchange, empty if it has none, before anything
	// else is taken from the server. Where the server has to prove itself too, an
	// error says that it has not.
	Finish(data []byte) error
}

// authenticate answers the AUTH of a server that has not sent CONNACK yet.
func (l *link) authenticate(first byte, body []byte) error {
	var p packets.Auth
	if err := p.Decode(first, body, l.version); err != nil {
		return err
	}
	a := l.c.cfg.Authentication
	method, _ := p.Props.AuthenticationMethod()
	if string(method) != a.Method() { // [MQTT-4.12.0-5]
		return packets.Broken(l.version, packets.TypeAuth, authMethod)
	}
	if p.Reason != packets.ContinueAuthentication {
		return packets.Broken(l.version, packets.TypeAuth, authUnasked)
	}
	data, _ := p.Props.AuthenticationData()
	answer, err := l.consult(p.Reason, data)
	if err != nil {
		return fmt.Errorf("authentication: %w", err)
	}
	reply := packets.Auth{Reason: packets.ContinueAuthentication} // [MQTT-4.12.0-3]
	reply.Props.SetAuthenticationMethod(method)
	if answer != nil {
		reply.Props.SetAuthenticationData(answer)
	}
	_, err = l.rw.Write(reply.AppendTo(nil, l.version))
	return err
}

// authenticated has the server that accepts prove itself, where it has to.
func (l *link) authenticated() error {
	a := l.c.cfg.Authentication
	if a == nil || l.version != packets.V5 {
		return nil
	}
	if method, _ := l.connack.Props.AuthenticationMethod(); string(method) != a.Method() { // [MQTT-4.12.0-5]
		return packets.Broken(l.version, packets.TypeConnack, authMethod)
	}
	data, _ := l.connack.Props.AuthenticationData()
	if _, err := l.consult(packets.Success, data); err != nil {
		return fmt.Errorf("authentication: %w", err)
	}
	return nil
}
