// Package codecs measures packages packets and topics against other MQTT
// libraries for Go, and checks that all of them agree on what the bytes mean. It
// is a module of its own, so that nobody who imports Fletch gets those libraries.
//
// There is nothing here but tests and benchmarks; README.md says how to run them.
package codecs
