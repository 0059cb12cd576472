// Package interop tests Fletch with the programs of others: the clients and the
// broker of Mosquitto, paho for Python and C, and MQTT.js. install.sh installs them.
// A test whose peer is not there is skipped, or fails where the environment says
// CI=true. Clients for Go are in package gopeers, and the client with the servers of
// others in package servers.
package interop
