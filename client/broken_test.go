package client_test

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/fletchmq/fletch/client"
	"github.com/fletchmq/fletch/client/clienttest"
	"github.com/fletchmq/fletch/packets"
)

func wantBroken(t *testing.T, err error, statement string) {
	t.Helper()
	var broken *packets.BrokenError
	if !errors.As(err, &broken) {
		t.Fatalf("got %v, want a BrokenError", err)
	}
	want(t, "statement", broken.Statement, statement)
}

func send(t *testing.T, peer *clienttest.Peer, packet string) {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(packet, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	peer.Write(b)
}

// A server that breaks the standard is told so, in 5.0, and left. While it does,
// the client waits for the SUBACK of 1 and the PUBREC of 2.
func TestServerBreaksTheStandard(t *testing.T) {
	for _, test := range []struct{ name, bytes, statement, answer string }{
		{"second CONNACK", "20 03 00 00 00", "MQTT-3.2.0-2", "0x82"},
		{"QoS 3", "36 06 0001 61 0001 00", "MQTT-3.3.1-4", "0x81"},
		{"reserved type", "00 00", "§2.1.2", "0x81"},
		{"PINGREQ to a client", "c0 00", "§2.1.2", "0x82"},
		{"PUBACK for SUBSCRIBE", "40 02 0001", "§4.3", "0x82"},
		{"PUBACK for QoS 2", "40 02 0002", "§4.3", "0x82"},
		{"PUBCOMP before PUBREC", "70 02 0002", "§4.3", "0x82"},
		{"SUBACK for PUBLISH", "90 04 0002 00 00", "§4.3", "0x82"},
		{"UNSUBACK for SUBSCRIBE", "b0 04 0001 00 00", "§4.3", "0x82"},
		{"SUBACK with too many codes", "90 05 0001 00 00 00", "MQTT-3.9.3-1", "0x82"},
		{"AUTH", "f0 00", "MQTT-4.12.0-6", "0x82"},
		{"topic alias", "30 07 0001 61 03 230001", "MQTT-3.1.2-26", "0x94"},
		{"over Receive Maximum", "32 06 0001 61 0001 00 32 06 0001 61 0002 00", "MQTT-3.3.4-9", "0x93"},
		{"too large", "30 7f", "MQTT-3.1.2-24", "0x95"},
		{"a property cut off", "30 05 0001 61 01 23", "§4.13.1", "0x81"},
	} {
		t.Run(test.name, func(t *testing.T) {
			cfg := client.Config{Version: packets.V5, ReceiveMaximum: 1, MaximumPacketSize: 100, KeepSession: true}
			c, peer := connect(t, cfg, &packets.Connack{SessionPresent: true})
			subscribed := async(func() error { return c.Subscribe(t.Context(), "s", 0, nil) })
			peer.Next()
			published := publish(c, 2, "q")
			peer.Next()
			send(t, peer, test.bytes)
			peer.Expect("DISCONNECT reason=" + test.answer)
			peer.ExpectEnd()
			for _, err := range []error{<-subscribed, <-published} {
				wantError(t, err, client.ErrUnknown, client.ErrClosed)
				wantBroken(t, err, test.statement)
			}
		})
	}
}

// Before 5.0 there is nothing to tell it with: DISCONNECT would take back the
// Will.
func TestV3_4_8_0_1(t *testing.T) {
	c, peer := connect(t, client.Config{}, nil)
	send(t, peer, "36 05 0001 61 0001")
	peer.ExpectEnd()
	<-c.Done()
	wantError(t, c.Err(), client.ErrClosed)
	wantBroken(t, c.Err(), "MQTT-3.3.1-4")
}

func TestServerBreaksTheHandshake(t *testing.T) {
	for _, test := range []struct{ name, bytes, statement string }{
		{"no CONNACK", "30 03 0001 61", "MQTT-3.2.0-1"},
		{"a session for a clean start", "20 02 01 00", "MQTT-3.2.2-1"},
		{"a session and a refusal", "20 02 01 05", "MQTT-3.2.2-4"},
		{"a code that does not exist", "20 02 00 09", "§3.2.2.3"},
		{"not MQTT", "48 54 54 50", "MQTT-2.2.2-2"},
	} {
		t.Run(test.name, func(t *testing.T) {
			conn, peer := clienttest.Pipe(t, packets.V311)
			done := async(func() error { _, err := client.New(t.Context(), conn, client.Config{}); return err })
			peer.Next()
			send(t, peer, test.bytes)
			wantBroken(t, <-done, test.statement)
			peer.ExpectEnd()
		})
	}
}

// Answers to nothing say nothing, and a PUBREC is answered that there is nothing.
func TestAnswersToNothing(t *testing.T) {
	c, peer := connect(t, client.Config{Version: packets.V5}, nil)
	send(t, peer, "40 02 0009  70 02 0009  90 04 0009 00 00  b0 04 0009 00 00  d0 00")
	peer.Send(&packets.Pubrec{PacketID: 9})
	peer.Expect("PUBREL packet-id=9 reason=0x92")
	peer.Send(&packets.Pubrel{PacketID: 9})
	peer.Expect("PUBCOMP packet-id=9 reason=0x92")
	done := publish(c, 0, "a")
	peer.Expect(`PUBLISH topic=a payload="hi"`)
	want(t, "publish", <-done, nil)
}
