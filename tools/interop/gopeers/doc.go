// Package gopeers tests the broker with the MQTT clients for Go that others have
// written: paho.mqtt.golang in 3.1 and 3.1.1, paho.golang and autopaho in 5.0. It
// is a module of its own, so that nobody who imports Fletch gets those libraries.
//
// There is nothing here but tests. They are no part of ./... above; make test and
// make race run them as well.
package gopeers
