package packets

import (
	"strings"

	"github.com/fletchmq/fletch/packets/wire"
)

// BrokenError says which statement of the standard a packet breaks.
type BrokenError struct {
	Packet    Type    // 0 when not even that is known
	Version   Version // 0 before a CONNECT has said
	Reason    ReasonCode
	Statement string // "MQTT-3.3.1-2" or "§2.1.4", of the standard for Version
	Doc       string // what is wrong
}

// Error is one line: "PUBLISH breaks [MQTT-3.3.1-2] of MQTT 5.0: no DUP at QoS 0".
func (e *BrokenError) Error() string {
	var b strings.Builder
	if e.Packet == 0 {
		b.WriteString("packet")
	} else {
		b.WriteString(e.Packet.String())
	}
	b.WriteString(" breaks [" + e.Statement + "]")
	if e.Version != 0 {
		b.WriteString(" of MQTT " + e.Version.String())
	}
	b.WriteString(": " + e.Doc)
	return b.String()
}

// Broken is the error for a packet of type t in version v in which f was found.
func Broken(v Version, t Type, f *wire.Fault) *BrokenError {
	statement := f.V5
	if (v == V31 || v == V311) && f.V3 != "" {
		statement = f.V3
	}
	if !strings.HasPrefix(statement, "§") {
		statement = "MQTT-" + statement
	}
	return &BrokenError{Packet: t, Version: v, Reason: ReasonCode(f.Reason), Statement: statement, Doc: f.Doc}
}

// broken is Broken for a rule that stands in generated code.
func broken(v Version, t Type, reason ReasonCode, v3, v5, doc string) error {
	return Broken(v, t, &wire.Fault{Reason: byte(reason), V3: v3, V5: v5, Doc: doc})
}
