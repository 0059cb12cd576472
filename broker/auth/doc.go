// Package auth has methods of enhanced authentication, section 4.12 of MQTT 5.0,
// for package broker. It needs nothing of a broker, and can be tried without one.
package auth
