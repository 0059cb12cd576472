// Package load puts an MQTT broker under load and measures what that costs: command
// fletch bench, and the comparison of brokers in bench/peers.
//
// A run is a [Config], whose Scenario says who publishes and who subscribes, and
// gives a [Result]. The broker may be any that speaks MQTT 3.1.1 or 5.0.
//
// # Loops
//
// With Rate zero the loop is closed: each publisher writes Batch messages with one
// system call as soon as at most Credit messages of its would be under way, from its
// write until every receiver has read them. So nothing overflows, and the broker is as
// busy as it can be. With a Rate the loop is open: messages leave when they are due,
// however late the earlier ones are, and latency counts from the time a message was
// due, so that what a stall delays is not left out.
//
// # What is checked
//
// Each message has the number of its publisher and a sequence number. Every receiver
// looks for each publisher whether one is missing, comes twice, or comes behind a
// later one, during the warm-up and the drain as well. A run with any of them is void.
//
// # What it costs
//
// With PID the processor time of the broker, user and system, is read from /proc
// at both ends of the measured time, and its resident memory. Processor time per
// delivered message is the figure to compare: rates on a machine that broker and
// load share say as much about the load.
package load
