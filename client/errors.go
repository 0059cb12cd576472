package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/fletchmq/fletch/packets"
	"github.com/fletchmq/fletch/packets/wire"
)

// The classes of errors, for errors.Is. The package comment says what each
// means for the caller.
var (
	ErrInvalid = errors.New("invalid")
	ErrNotSent = errors.New("not sent")
	ErrUnknown = errors.New("outcome unknown")

	// ErrClosed is also a [net.ErrClosed].
	ErrClosed error = closed{}
)

// errHandler is for a handler, or the body of a loop, that does not return.
var errHandler = errors.New("a handler panicked")

// errSessionLost is that the server does not know any more what it has been sent.
var errSessionLost = errors.New("the server has lost the session")

// errFull ends the connection of a server that sends more than can wait.
var errFull = fmt.Errorf("%d MiB of messages wait to be handled", endAt>>20)

type closed struct{}

func (closed) Error() string { return "connection closed" }
func (closed) Unwrap() error { return net.ErrClosed }

// RefusedError is a no of the server: the Reason Code of a CONNACK, SUBACK,
// UNSUBACK, PUBACK, PUBREC, PUBCOMP or DISCONNECT. A request that the server has
// ruled out in CONNACK is refused without asking it, and Packet is CONNACK.
type RefusedError struct {
	Packet packets.Type

	// Reason is that of 5.0. A return code of an earlier version is translated to
	// the reason that says the same.
	Reason packets.ReasonCode

	// Detail is the server's Reason String, empty for none.
	Detail string

	// Filter is the topic filter that a SUBACK or UNSUBACK refuses.
	Filter string

	// Reference is the other server that a CONNACK or DISCONNECT names, see
	// Config.FollowReference.
	Reference string
}

// Error is one line: "SUBACK for a/b: Not authorized (0x87): ask the operator".
func (e *RefusedError) Error() string {
	var b strings.Builder
	b.WriteString(e.Packet.String())
	if e.Filter != "" {
		b.WriteString(" for " + e.Filter)
	}
	fmt.Fprintf(&b, ": %v (0x%02x)", e.Reason, uint8(e.Reason))
	if e.Detail != "" {
		b.WriteString(": " + e.Detail)
	}
	return b.String()
}

// unreachedError is that there is no transport to a server. For [Dial] that is an
// ErrNotSent, and no class for requests that this is the cause of.
type unreachedError struct{ error }

func (e *unreachedError) Unwrap() error { return e.error }

// failed is an error of that class.
func failed(class, cause error) error {
	return fmt.Errorf("client: %w: %w", class, cause)
}

// ended is why ctx has ended, nil if it has not: its error and its cause.
func ended(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if err == cause {
		return err
	}
	return fmt.Errorf("%w: %w", err, cause)
}

// invalid is an ErrInvalid with a cause in words.
func invalid(format string, args ...any) error {
	return failed(ErrInvalid, fmt.Errorf(format, args...))
}

// What a server can break that no packet shows alone.
var (
	connackFirst   = &wire.Fault{Reason: 0x82, V3: "3.2.0-1", V5: "3.2.0-1", Doc: "the first packet of a server is CONNACK"}
	connackOnce    = &wire.Fault{Reason: 0x82, V3: "§3.2", V5: "3.2.0-2", Doc: "a second CONNACK"}
	sessionUnasked = &wire.Fault{Reason: 0x82, V3: "3.2.2-1", V5: "3.2.2-2", Doc: "a session present where a clean one was asked for"}
	authUnasked    = &wire.Fault{Reason: 0x82, V5: "4.12.0-6", Doc: "AUTH without an authentication method in CONNECT"}
	authMethod     = &wire.Fault{Reason: 0x82, V5: "4.12.0-5", Doc: "another authentication method than in CONNECT"}
	windowExceeded = &wire.Fault{Reason: 0x93, V3: "§4.3", V5: "3.3.4-9", Doc: "more unacknowledged messages than Receive Maximum"}
	aliasInvalid   = &wire.Fault{Reason: 0x94, V5: "3.1.2-26", Doc: "a topic alias that was not allowed"}
	aliasUnset     = &wire.Fault{Reason: 0x82, V5: "§3.3.2.3.4", Doc: "a topic alias that stands for no topic"}
	ackMisplaced   = &wire.Fault{Reason: 0x82, V3: "§4.3", V5: "§4.3", Doc: "an acknowledgement that is not of the exchange of its packet identifier"}
	codesMissing   = &wire.Fault{Reason: 0x82, V3: "3.9.3-1", V5: "3.9.3-1", Doc: "not one code for each topic filter"}
	codesUnsub     = &wire.Fault{Reason: 0x82, V5: "3.11.3-1", Doc: "not one code for each topic filter"}
)

// refusal is the *RefusedError of an answer, or nil if it says yes.
func refusal(t packets.Type, reason packets.ReasonCode, detail []byte) error {
	if reason < packets.UnspecifiedError {
		return nil
	}
	return &RefusedError{Packet: t, Reason: reason, Detail: string(detail)}
}
