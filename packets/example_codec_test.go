package packets_test

import (
	"errors"
	"fmt"

	"github.com/fletchmq/fletch/packets"
)

func ExamplePublish_AppendTo() {
	p := packets.Publish{QoS: packets.AtLeastOnce, PacketID: 10, Topic: []byte("a/b"), Payload: []byte("hello")}
	p.Props.SetMessageExpiryInterval(60)
	p.Props.AddUserProperty([]byte("unit"), []byte("greeting"))
	fmt.Printf("% x\n", p.AppendTo(nil, packets.V5))
	fmt.Printf("% x\n", p.AppendTo(nil, packets.V311))
	// Output:
	// 32 23 00 03 61 2f 62 00 0a 16 02 00 00 00 3c 26 00 04 75 6e 69 74 00 08 67 72 65 65 74 69 6e 67 68 65 6c 6c 6f
	// 32 0c 00 03 61 2f 62 00 0a 68 65 6c 6c 6f
}

func ExampleFromClient_Decode() {
	var in packets.FromClient
	p, err := in.Decode(0x32, []byte("\x00\x03a/b\x00\x0ahello"), packets.V311)
	fmt.Println(p, err)

	_, err = in.Decode(0x30, []byte("\x00\x03a/#hello"), packets.V311)
	var broken *packets.BrokenError
	if errors.As(err, &broken) {
		fmt.Println(broken.Statement, broken.Reason)
	}
	// Output:
	// PUBLISH qos=1 topic=a/b packet-id=10 payload="hello" <nil>
	// MQTT-3.3.2-2 Topic Name invalid
}

func ExampleUserProperties_All() {
	var p packets.Publish
	p.Props.AddUserProperty([]byte("unit"), []byte("kelvin"))
	p.Props.AddUserProperty([]byte("place"), []byte("attic"))
	for key, value := range p.Props.UserProperties().All() {
		fmt.Printf("%s is %s\n", key, value)
	}
	// Output:
	// unit is kelvin
	// place is attic
}

func ExampleConnackProps_ReceiveMaximum() {
	var p packets.Connack
	n, announced := p.Props.ReceiveMaximum()
	fmt.Println(n, announced)
	// Output: 65535 false
}
