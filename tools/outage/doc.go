// Package outage has tests of what clients see while a broker cannot write to its
// disk: the broker, its store and its listener as they are, clients made of packets,
// and a file system that fails on demand.
package outage
