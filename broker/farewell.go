package broker

import (
	"errors"

	"github.com/fletchmq/fletch/packets"
)

// UseServer is an error like [Refuse], with which a client of 5.0 is told where to
// go, section 4.11. One of 3.1 or 3.1.1 gets return code 0x03, Server unavailable.
type UseServer struct {
	// Reference is the Server Reference, say "other.example:1883 [::1]:1884". What is
	// not text of MQTT, and what does not fit the client, is left out.
	Reference string

	// Moved is for good, with Reason Code 0x9D, Server moved; without it that is
	// 0x9C, Use another server.
	Moved bool
}

func (u UseServer) Error() string { return u.Unwrap().Error() + ": " + u.Reference }

// Unwrap is the Refuse that says the same without a Reference.
func (u UseServer) Unwrap() error {
	if u.Moved {
		return Refuse(packets.ServerMoved)
	}
	return Refuse(packets.UseAnotherServer)
}

// explained is a packet that says why the connection ends, or its properties.
type explained interface {
	SetReasonString([]byte)
	SetServerReference([]byte)
	Unset(packets.Property)
}

// explain adds to p what there is to say beside the Reason Code, if that fits.
func (c *conn) explain(cause error, p packets.Packet, props explained) {
	var use UseServer
	if errors.As(cause, &use) && use.Reference != "" {
		props.SetServerReference([]byte(use.Reference))
		if p.Validate(packets.V5) != nil || !c.peer.Fits(p) {
			props.Unset(packets.PropServerReference)
		}
	}
	if text := c.reasonString(cause); text != "" {
		props.SetReasonString([]byte(text))
		if !c.peer.Fits(p) {
			props.Unset(packets.PropReasonString) // [MQTT-3.2.2-19] [MQTT-3.14.2-3]
		}
	}
}

// reasonString is for people. What the program has said is not for the client, and
// who has asked for no text gets none.
func (c *conn) reasonString(cause error) string {
	var (
		broken *packets.BrokenError
		end    *ending
	)
	switch {
	case c.terse:
	case errors.As(cause, &broken):
		return broken.Error()
	case errors.As(cause, &end):
		return end.text
	}
	return ""
}
