package broker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"

	"github.com/fletchmq/fletch/packets"
)

// ErrClosed is what Serve, Dial, Publish and Subscribe return after Shutdown. It is a
// [net.ErrClosed] too.
var ErrClosed error = closed{}

type closed struct{}

func (closed) Error() string        { return "broker: shut down" }
func (closed) Is(target error) bool { return target == net.ErrClosed }

// ErrNoRoom is what Publish returns when a receiver has no room, with RefusePublish.
var ErrNoRoom = errors.New("broker: a receiver has no room")

// ConfigError is what New returns: the value that a key of Config has, and what was
// expected.
type ConfigError struct {
	Key      string // say "MaximumSessions"
	Value    any
	Expected string // in words
}

// Error is a sentence of all of that.
func (e *ConfigError) Error() string {
	return fmt.Sprintf("broker: Config.%s is %v: expected %s", e.Key, e.Value, e.Expected)
}

// Refuse is an error for Authenticate, Authorize, or a step of an [Exchange], to
// return. CONNACK carries its value, or, in 3.1 and 3.1.1, the return code that
// says the same, if there is one; DISCONNECT does where a client has authenticated
// again, and PUBACK, PUBREC or SUBACK where it is not allowed to do something. A
// value that the packet must not carry is like any other error.
type Refuse packets.ReasonCode

// Error is the name in the standard.
func (r Refuse) Error() string { return packets.ReasonCode(r).String() }

// ending is why the broker ends a connection, when no packet is to blame.
type ending struct {
	reason packets.ReasonCode
	text   string
}

func (e *ending) Error() string { return e.text }

var (
	errTakenOver        = &ending{packets.SessionTakenOver, "another connection has taken over the client identifier"}
	errShutdown         = &ending{packets.ServerShuttingDown, "broker is shutting down"}
	errSessions         = &ending{packets.ServerBusy, "MaximumSessions: no room for another session"}
	errOverflow         = &ending{packets.QuotaExceeded, "MaximumQueuedBytes or MaximumQueuedMessages: no room for a message at QoS 1 or 2"}
	errMemory           = &ending{packets.QuotaExceeded, "MaximumQueuedTotal: no room for a message at QoS 1 or 2"}
	errStore            = &ending{packets.QuotaExceeded, "Store: not to be written or read for now"}
	errKeepAlive        = &ending{packets.KeepAliveTimeout, "no packet within one and a half times the keep alive"}
	errConnectTimeout   = &ending{packets.ServerBusy, "ConnectTimeout: no CONNECT, or no end of authentication"}
	errWriteTimeout     = &ending{packets.UnspecifiedError, "WriteTimeout: the client takes nothing of what it is sent"}
	errProofTimeout     = &ending{packets.NotAuthorized, "ConnectTimeout: authenticating again took longer"}
	errAuthorizeTimeout = &ending{packets.ServerBusy, "AuthorizeTimeout: no answer of Authorize"}
	errNoMethod         = &ending{packets.NotAuthorized, "no authentication method, and no Authenticate"}
	errBadMethod        = &ending{packets.BadAuthenticationMethod, "not one of Methods"}
	errTooLargeToSend   = &ending{packets.PacketTooLarge, "the client's Maximum Packet Size leaves no room for an answer"}
	errSubscription     = &ending{packets.QuotaExceeded, "subscription refused, which MQTT 3.1 cannot say"}
	errTooDeep          = &ending{packets.TopicNameInvalid, "MaximumTopicLevels: a topic name with more levels"}
	errEnded            = &ending{packets.AdministrativeAction, "session ended by EndSession of the program"}
	errTooDeepFilter    = &ending{packets.TopicFilterInvalid, "MaximumTopicLevels: a topic filter with more levels"}
)

// errDisconnected is that the client has said DISCONNECT.
var errDisconnected = errors.New("DISCONNECT")

// panicked is what a recovered panic becomes: it ends the connection whose packet
// was handled, and nothing else [MQTT3-4.8.0-2].
type panicked struct {
	value any
	stack []byte
}

func (p *panicked) Error() string { return fmt.Sprint("panic: ", p.value) }

// reasonFor is the Reason Code that the peer is told, Success if it is told
// nothing.
func reasonFor(cause error) packets.ReasonCode {
	var (
		broken *packets.BrokenError
		end    *ending
		refuse Refuse
		crash  *panicked
	)
	switch {
	case errors.As(cause, &broken):
		return broken.Reason
	case errors.As(cause, &end):
		return end.reason
	case errors.As(cause, &refuse):
		return packets.ReasonCode(refuse)
	case errors.As(cause, &crash):
		return packets.UnspecifiedError
	}
	return packets.Success
}

// broke is that the client broke a statement of 3.1.1, or of 5.0, that takes more
// to see than one packet.
func (c *conn) broke(t packets.Type, reason packets.ReasonCode, v3, v5, doc string) error {
	statement := v3
	if c.version == packets.V5 {
		statement = v5
	}
	return &packets.BrokenError{Packet: t, Version: c.version, Reason: reason, Statement: statement, Doc: doc}
}

// farewell is the last packet, which says why the connection ends, or nil: then it
// ends without one, and in either case nothing that still comes is handled
// [MQTT-3.1.4-6]. [MQTT-3.1.3-8] [MQTT-3.2.2-7] [MQTT-3.14.4-1] [MQTT-3.14.4-2]
// [MQTT-4.13.2-1] It has no User Properties [MQTT-3.2.2-20] [MQTT-3.14.2-4].
func (c *conn) farewell(cause error) packets.Packet {
	reason := reasonFor(cause)
	switch {
	case reason == packets.Success || c.version == 0:
		return nil
	case c.line != nil && c.version == packets.V5: // [MQTT-3.14.0-1]
		d := &packets.Disconnect{Reason: reason} // [MQTT-4.13.1-1]
		if d.Validate(packets.V5) != nil {
			d.Reason = packets.ProtocolError
		}
		c.explain(cause, d, &d.Props)
		return d
	case c.line != nil:
		return nil // before 5.0 a server has no DISCONNECT
	}
	a := &packets.Connack{Reason: reason}
	if a.Validate(packets.V5) != nil || c.version != packets.V5 && errors.Is(cause, errStore) {
		a.Reason = packets.ServerUnavailable // CONNACK cannot say that this side has other plans
	}
	if c.version == packets.V5 {
		c.explain(cause, a, &a.Props)
		return a
	}
	code, ok := a.Reason.ReturnCode()
	if errors.Is(cause, errStore) {
		code, ok = packets.ReturnServerUnavailable, true
	}
	if !ok {
		return nil // [MQTT3-3.1.4-1] [MQTT3-3.2.2-6]
	}
	a.Reason = packets.ReasonCode(code)
	return a
}

// logEnd is the one line about how the connection ended. Who only looks whether
// the port is open, as load balancers do, is not worth one, nor is Shutdown.
func (c *conn) logEnd(cause error) {
	level := slog.LevelInfo
	if errors.Is(cause, errDisconnected) || errors.Is(cause, errShutdown) || c.version == 0 && reasonFor(cause) == packets.Success {
		level = slog.LevelDebug
	}
	attrs := []slog.Attr{
		slog.String("client", c.clientID),
		slog.Any("remote", c.link.remoteAddr()),
		slog.String("version", c.version.String()),
	}
	var (
		broken *packets.BrokenError
		refuse Refuse
		crash  *panicked
	)
	switch {
	case errors.As(cause, &broken):
		level = slog.LevelWarn
		attrs = append(attrs, slog.String("packet", broken.Packet.String()), slog.String("statement", broken.Statement))
	case errors.As(cause, &refuse), errors.Is(cause, errOverflow), errors.Is(cause, errMemory), errors.Is(cause, errStore):
		level = slog.LevelWarn
	case errors.As(cause, &crash):
		level = slog.LevelError
		attrs = append(attrs, slog.String("stack", string(crash.stack)))
	}
	if reason := reasonFor(cause); reason != packets.Success {
		attrs = append(attrs, slog.String("reason", fmt.Sprintf("0x%02X %s", byte(reason), reason)))
	}
	attrs = append(attrs, slog.Any("error", cause))
	c.b.config.Logger.LogAttrs(context.Background(), level, "connection ended", attrs...)
}
