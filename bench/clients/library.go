//go:build linux

package main

import (
	"fmt"
	"slices"
	"strings"
)

// client is a connection made by one of the libraries, used as its users use it.
type client interface {
	// publish returns when the message is delivered as its QoS says; at QoS 0, when the
	// library says that it is sent. Then the payload is used again.
	publish(topic string, qos byte, payload []byte) error

	// subscribe has handle called for each message, which may look at the payload until
	// it returns. It is called in the order in which the messages come, one at a time.
	subscribe(filter string, qos byte, handle func(payload []byte)) error

	// request publishes at QoS 0 to the topic of requests, and returns what is answered.
	request(payload []byte) ([]byte, error)

	close()
}

// starter is a client that publishes in one goroutine without waiting, and has a handle
// for each message. Handles are kept in slots, so that nothing is allocated for them
// here.
type starter interface {
	client
	start(slot int, topic string, qos byte, payload []byte) error
	wait(slot int) error
}

// kind is what a library is in the comparison.
type kind int

const (
	other     kind = iota // to be compared with
	ours                  // Fletch
	unordered             // handlers run at once and overtake each other: shown alone
	floor                 // what no library can be faster than: shown alone
)

// library is what is compared.
type library struct {
	name    string
	kind    kind
	connect func(address string) (client, error)
}

var libraries = []library{
	{name: "fletch", kind: ours, connect: connectFletch311},
	{name: "fletch-5.0", kind: ours, connect: connectFletch5},
	{name: "paho.mqtt", connect: connectPahoMQTT},
	{name: "paho.mqtt-unordered", kind: unordered, connect: connectPahoMQTTUnordered},
	{name: "autopaho", connect: connectAutopaho},
	{name: "mqtt-go", connect: connectMQTTGo},
	{name: "bare", kind: floor, connect: connectBare},
}

// named gives the libraries of a list with commas, or all.
func named(list string) ([]library, error) {
	if list == "" {
		return libraries, nil
	}
	var some []library
	for name := range strings.SplitSeq(list, ",") {
		i := slices.IndexFunc(libraries, func(l library) bool { return l.name == name })
		if i < 0 {
			return nil, fmt.Errorf("%s: there is no such client", name)
		}
		some = append(some, libraries[i])
	}
	return some, nil
}

// takes reports whether the library is measured in a row. An unordered one differs
// where it receives alone, and the floor is that of one goroutine that waits.
func (l *library) takes(r row) bool {
	switch l.kind {
	case unordered:
		return r.Op == receive
	case floor:
		return r.By == byOne
	}
	return true
}
