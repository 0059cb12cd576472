// Package interop tests Fletch with the programs of others: the clients and the
// broker of Mosquitto, Python's paho, and MQTT.js. install.sh installs them. A
// test whose peer is not there is skipped, or fails where the environment says
// CI=true.
package interop
