package flow_test

import (
	"fmt"

	"github.com/fletchmq/fletch/packets"
	"github.com/fletchmq/fletch/packets/flow"
)

// A message at QoS 2 whose connection breaks before PUBREC has arrived.
func Example() {
	var out flow.Sender[string]
	var in flow.Receiver
	out.Resume(10)
	in.Resume(10)

	id, _ := out.Begin(packets.ExactlyOnce, "hello")
	receipt, arrival := in.Publish(flow.InID(id), packets.ExactlyOnce)
	if arrival == flow.Deliver {
		fmt.Println("delivered")
		in.Done(receipt, packets.Success)
	}
	in.Next() // the PUBREC that is lost

	out.Resume(10)
	in.Resume(10)
	again, _ := out.Resend()
	fmt.Println("PUBLISH with DUP 1:", again.M)
	if _, arrival = in.Publish(flow.InID(again.ID), packets.ExactlyOnce); arrival == flow.Duplicate {
		fmt.Println("not delivered again")
	}
	rec, _ := in.Next()
	_, outcome := out.Pubrec(flow.OutID(rec.ID), rec.Reason)
	fmt.Println("send PUBREL:", outcome == flow.Released)
	in.Pubrel(flow.InID(id))
	_, outcome = out.Pubcomp(id)
	fmt.Println("finished:", outcome == flow.Finished, "in flight:", out.InFlight())
	// Output:
	// delivered
	// PUBLISH with DUP 1: hello
	// not delivered again
	// send PUBREL: true
	// finished: true in flight: 0
}
