package broker

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/fletchmq/fletch/packets"
)

// Features are parts of MQTT that [Config.Without] takes away, joined with |.
type Features uint8

// The features. A client of 5.0 is told in CONNACK what there is not, section
// 3.2.2.3, and its connection ends with that Reason Code if it does not care.
const (
	QoS1                    Features = 1 << iota // and QoS 2; 0x9B
	QoS2                                         // 0x9B
	RetainedMessages                             // 0x9A
	WildcardSubscriptions                        // 0xA2
	SharedSubscriptions                          // 0x9E
	SubscriptionIdentifiers                      // 0xA1
	endOfFeatures
)

// String is the names of the constants.
func (f Features) String() string {
	var names []string
	for i, name := range [...]string{"QoS1", "QoS2", "RetainedMessages", "WildcardSubscriptions", "SharedSubscriptions", "SubscriptionIdentifiers"} {
		if f.has(1 << i) {
			names = append(names, name)
		}
	}
	if f >= endOfFeatures {
		names = append(names, fmt.Sprintf("Features(0x%02x)", uint8(f&^(endOfFeatures-1))))
	}
	return strings.Join(names, "|")
}

func (f Features) has(x Features) bool { return f&x != 0 }

// What a client wants that there is not.
var (
	errQoS         = &ending{packets.QoSNotSupported, "Without: a QoS above the Maximum QoS"}
	errRetain      = &ending{packets.RetainNotSupported, "Without: there are no retained messages"}
	errWildcards   = &ending{packets.WildcardSubscriptionsNotSupported, "Without: there are no subscriptions with wildcards"}
	errShared      = &ending{packets.SharedSubscriptionsNotSupported, "Without: there are no shared subscriptions"}
	errIdentifiers = &ending{packets.SubscriptionIdentifiersNotSupported, "Without: there are no Subscription Identifiers"}
)

func (f Features) maximumQoS() packets.QoS {
	switch {
	case f.has(QoS1):
		return packets.AtMostOnce
	case f.has(QoS2):
		return packets.AtLeastOnce
	}
	return packets.ExactlyOnce
}

// tell says in CONNACK what there is not.
func (f Features) tell(p *packets.ConnackProps) {
	if most := f.maximumQoS(); most < packets.ExactlyOnce {
		p.SetMaximumQoS(most) // [MQTT-3.2.2-9]
	}
	if f.has(RetainedMessages) {
		p.SetRetainAvailable(false)
	}
	if f.has(WildcardSubscriptions) {
		p.SetWildcardSubscriptionAvailable(false)
	}
	if f.has(SharedSubscriptions) {
		p.SetSharedSubscriptionAvailable(false)
	}
	if f.has(SubscriptionIdentifiers) {
		p.SetSubscriptionIdentifierAvailable(false)
	}
}

// message reports what a message or a will lacks. [MQTT-3.2.2-11] to
// [MQTT-3.2.2-14]
func (f Features) message(qos packets.QoS, retain bool) error {
	switch {
	case qos > f.maximumQoS():
		return errQoS
	case retain && f.has(RetainedMessages):
		return errRetain
	}
	return nil
}

// filter reports what a topic filter lacks, nil if nothing.
func (f Features) filter(filter []byte, shared bool) *ending {
	switch {
	case shared && f.has(SharedSubscriptions):
		return errShared
	case f.has(WildcardSubscriptions) && bytes.ContainsAny(filter, "+#"):
		return errWildcards
	}
	return nil
}

// mostKeepAlive is what the two bytes of Server Keep Alive can say.
const mostKeepAlive = math.MaxUint16 * time.Second

// completeFeatures checks what clients are told about the broker.
func (c *Config) completeFeatures() error {
	if c.Without >= endOfFeatures {
		return &ConfigError{"Without", c.Without, "some of QoS1 to SubscriptionIdentifiers"}
	}
	if c.MaximumKeepAlive > mostKeepAlive {
		return &ConfigError{"MaximumKeepAlive", c.MaximumKeepAlive, fmt.Sprintf("at most %s", mostKeepAlive)}
	}
	return nil
}

// keepAlive is the keep alive in seconds that holds for a client that asks for
// asked, 0 for none. One of 3.1 or 3.1.1 cannot be told another than its own.
func (c *Config) keepAlive(asked uint16, v packets.Version) uint16 {
	most := uint16((c.MaximumKeepAlive + time.Second - 1) / time.Second)
	if v == packets.V5 && most > 0 && (asked == 0 || asked > most) {
		return most
	}
	return asked
}
